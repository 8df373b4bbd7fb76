"""GAN: a generator against a discriminator.   Goodfellow et al., 2014, Algorithm 1.

The discriminator scores pictures, high for real and low for generated ones; the generator wants
its own scored high. Both losses are a hinge (Lim & Ye 2017) or the paper's cross-entropy. ACGAN and
InfoGAN play with the same two nets and the same step, and add one term each.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from course_lib.data.augment import shift
from course_lib.data.batches import Batches
from course_lib.training import adversarial


class FromNoise(nn.Module):
    """What every generator offers beside forward(z, c): pictures from noise of z_dim numbers."""

    @torch.no_grad()
    def generate(self, c):
        """A picture for every row of c (B, c_dim), which may have no columns; z ~ N(0, I)."""
        return self(torch.randn(len(c), self.z_dim, device=c.device), c)


class Generator(FromNoise):
    """Noise z (B, z_dim), and c (B, c_dim), what is asked for -> pictures in [0, 1].

    Nearest-neighbour upsampling before 3x3 convolutions, the last of which paints 2x2 patches:
    every pixel is painted equally often, and a CPU never convolves at full size.
    """

    def __init__(self, z_dim=128, c_dim=0, width=32, side=32, channels=3):
        super().__init__()
        self.z_dim, self.c_dim = z_dim, c_dim
        self.net = nn.Sequential(
            nn.Linear(z_dim + c_dim, 4 * width * 4 * 4), nn.Unflatten(1, (4 * width, 4, 4)),
            *(_up(4 * width, 4 * width) if side == 64 else ()),       # one doubling more for 64
            *_up(4 * width, 2 * width),                               # 4 -> 8
            *_up(2 * width, 2 * width),                               # 8 -> 16
            nn.Conv2d(2 * width, 4 * channels, 3, 1, 1), nn.PixelShuffle(2),          # 16 -> 32
        )  # fmt: skip

    def forward(self, z, c):
        return self.net(torch.cat([z, c], 1)).sigmoid()


def _up(n_in, n_out):
    return (
        nn.Upsample(scale_factor=2),
        nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )


class DiscriminatorOutput(NamedTuple):
    """score: (B,), positive for real. c_logits: what the pictures show of c, (B, c_dim)."""

    score: torch.Tensor
    c_logits: torch.Tensor


class Discriminator(nn.Module):
    """Pictures in [0, 1] -> a DiscriminatorOutput of each: is it real, and what was asked for?

    Spectral norm (Miyato et al. 2018) bounds the slope of the score.
    """

    def __init__(self, c_dim=0, width=32, side=32, channels=3):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(2), *_down(4 * channels, 2 * width, 3, 1),              # 32 -> 16
            *(_down(2 * width, 2 * width, 4, 2) if side == 64 else ()),  # one halving more for 64
            *_down(2 * width, 4 * width, 4, 2),                       # 16 -> 8
            *_down(4 * width, 4 * width, 4, 2),                       # 8 -> 4
            nn.Flatten(),
        )  # fmt: skip
        self.score = spectral_norm(nn.Linear(4 * width * 4 * 4, 1))
        self.c_head = nn.Linear(4 * width * 4 * 4, c_dim) if c_dim else None

    def forward(self, x):
        h = self.trunk(2 * x - 1)
        score = self.score(h)[:, 0]
        return DiscriminatorOutput(score, self.c_head(h) if self.c_head else h[:, :0])


def _down(n_in, n_out, kernel, stride):
    layer = nn.Conv2d(n_in, n_out, kernel, stride, 1)
    return spectral_norm(layer), nn.LeakyReLU(0.1)


# ---- losses: of the discriminator's outputs on real and on generated pictures -------------------


def hinge(real, fake, c):
    """The discriminator's: scores above 1 for real pictures, and below -1 for generated ones, cost
    nothing more."""
    ### BEGIN ANSWER 5.1
    return _terms((1 - real.score).relu().mean(), (1 + fake.score).relu().mean())
    ### END ANSWER


def hinge_generator(fake, c):
    """The generator's: a higher score is a lower loss, without end."""
    ### BEGIN ANSWER 5.1
    value = -fake.score.mean()
    return {"loss": value, "generator": value}
    ### END ANSWER


def logistic(real, fake, c):
    """The discriminator's in the paper: cross-entropy of real against generated, nats a
    picture of each."""
    ### BEGIN ANSWER 5.1
    return _terms(F.softplus(-real.score).mean(), F.softplus(fake.score).mean())
    ### END ANSWER


def logistic_generator(fake, c):
    """The generator's, in the non-saturating form of the paper's section 3."""
    ### BEGIN ANSWER 5.1
    value = F.softplus(-fake.score).mean()
    return {"loss": value, "generator": value}
    ### END ANSWER


def _terms(on_real, on_fake):
    return {"loss": on_real + on_fake, "on real": on_real, "on fake": on_fake}


def recipe(
    x,
    epochs=10,
    z_dim=128,
    width=32,
    lr_g=2e-4,
    lr_d=4e-4,
    batch=64,
    augment=True,
    r1=0.0,
    ema=0.995,
    bf16=False,
    seed=0,
):
    """Hinge losses, or with r1 > 0 the logistic ones. x uint8 (N, C, S, S) with S 32 or 64.
    augment: the discriminator sees shifted pictures."""
    channels, side = x.shape[1:3]
    generator = Generator(z_dim, c_dim=0, width=width, side=side, channels=channels).to(x.device)
    discriminator = Discriminator(c_dim=0, width=width, side=side, channels=channels).to(x.device)
    opt_g, opt_d = adversarial.two_rates(generator, discriminator, lr_g, lr_d)
    batches = Batches(x, size=batch, seed=seed)
    step = adversarial.AdversarialStep(
        generator,
        discriminator,
        logistic if r1 else hinge,
        logistic_generator if r1 else hinge_generator,
        opt_g,
        opt_d,
        batches,
        epochs,
        augment=shift if augment else None,
        r1=r1,
        ema=ema,
        bf16=bf16,
    )
    return step, batches
