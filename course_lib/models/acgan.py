"""ACGAN: a GAN that generates what it is asked for.   Odena, Olah & Shlens, 2017.

What is asked for, c, is a row of 0/1 attributes. The discriminator also learns to read them, from
*real* pictures alone: early on, what a generated picture shows is not what was asked for, and a
discriminator that learns from it agrees with the generator on a code of their own (`read_fake`
shows it). The generator's loss gains the cross-entropy with which the discriminator reads c off its
pictures.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.augment import shift
from course_lib.data.batches import Batches, pixels
from course_lib.models import gan
from course_lib.training import adversarial


class Discriminator(gan.Discriminator):
    """Reads off features of a common size: those of spectral norm are small, and slow to read."""

    def __init__(self, c_dim, width=32, side=32, channels=3):
        super().__init__(c_dim, width, side, channels)
        same_size = nn.LayerNorm(self.c_head.in_features, elementwise_affine=False)
        self.c_head = nn.Sequential(same_size, self.c_head)


def read(output, c):
    """Cross-entropy of attributes c (B, A) as the discriminator reads them, nats, summed over A."""
    ### BEGIN ANSWER 6.1
    return F.binary_cross_entropy_with_logits(output.c_logits, c, reduction="none").sum(1).mean()
    ### END ANSWER


def discriminator_loss(real, fake, c, weight=1.0, read_fake=False):
    """gan.hinge, and reading real pictures, whose attributes are c; read_fake: generated ones too,
    as the paper does."""
    ### BEGIN ANSWER 6.1
    terms = gan.hinge(real, fake, c)
    on_real, on_fake = weight * read(real, c), weight * read(fake, c)
    loss = terms["loss"] + on_real + (on_fake if read_fake else 0.0)
    return terms | {"loss": loss, "read real": on_real, "read fake": on_fake}
    ### END ANSWER


def generator_loss(fake, c, weight=1.0):
    """gan.hinge_generator, and being read as what was asked for."""
    ### BEGIN ANSWER 6.1
    terms, extra = gan.hinge_generator(fake, c), weight * read(fake, c)
    return terms | {"loss": terms["loss"] + extra, "asked for": extra}
    ### END ANSWER


def labels(x, y):
    """Ask for what the batch's own pictures show: attributes occur together as they really do."""
    return y.float()


def recipe(
    x,
    y,
    epochs=10,
    weight=0.5,
    read_fake=False,
    z_dim=128,
    width=32,
    lr_g=2e-4,
    lr_d=4e-4,
    batch=64,
    augment=True,
    ema=0.995,
    bf16=False,
    seed=0,
):
    """x uint8 (N, C, S, S) with S 32 or 64; y 0/1 attributes (N, A). Shifts (augment) make small
    attributes slow to read where faces are aligned."""
    batches = Batches(x, y, size=batch, seed=seed)
    game = _game(x, y, z_dim, width, lr_g, lr_d, weight, read_fake, augment)
    step = adversarial.AdversarialStep(**game, batches=batches, epochs=epochs, ema=ema, bf16=bf16)
    return step, batches


def _game(x, y, z_dim, width, lr_g, lr_d, weight, read_fake, augment):
    """The players and their losses, by name, as an AdversarialStep takes them."""
    channels, side, c_dim = x.shape[1], x.shape[2], y.shape[1]
    generator = gan.Generator(z_dim, c_dim, width, side, channels).to(x.device)
    discriminator = Discriminator(c_dim, width, side, channels).to(x.device)
    opt_g, opt_d = adversarial.two_rates(generator, discriminator, lr_g, lr_d)
    return {
        "generator": generator,
        "discriminator": discriminator,
        "discriminator_loss": partial(discriminator_loss, weight=weight, read_fake=read_fake),
        "generator_loss": partial(generator_loss, weight=weight),
        "opt_g": opt_g,
        "opt_d": opt_d,
        "condition": labels,
        "augment": shift if augment else None,
        "traced": ("read real", "read fake"),
    }


# ---- the first steps, watched -------------------------------------------------------------------


class Players(nn.Module):
    """The two nets of a game as they are, not averaged, and what was seen of them on the way.

    At each of n_moments, evenly spaced, the last one after the last step: pictures from the same z
    and c, frames, uint8 (M, n, C, S, S); and logits (M, 2, n, A), what the discriminator reads off
    the pictures `real`, which show c, and off those. steps (M,): after how many steps each.
    """

    def __init__(self, generator, discriminator, z, c, real, n_steps, n_moments):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.register_buffer("z", z)
        self.register_buffer("c", c)
        self.register_buffer("real", real)
        self.register_buffer("frames", torch.zeros(n_moments, *real.shape).to(real))
        self.register_buffer("logits", torch.zeros(n_moments, 2, *c.shape, device=c.device))
        moments = [-(-(i + 1) * n_steps // n_moments) for i in range(n_moments)]
        self.register_buffer("steps", torch.tensor(moments))
        self.register_buffer("n", torch.zeros((), dtype=torch.long))

    def forward(self, z, c):
        return self.generator(z, c)

    @torch.no_grad()
    def look(self):
        """Count one more step, and look where a moment has come."""
        self.n += 1
        for i in (self.steps == self.n).nonzero()[:, 0].tolist():
            was_training = self.generator.training
            self.eval()
            made = self.generator(self.z, self.c)
            self.frames[i] = (made * 255).round().byte()
            seen = [self.discriminator(x).c_logits for x in (pixels(self.real), made)]
            self.logits[i] = torch.stack(seen)
            self.train(was_training)


class WatchedStep(adversarial.AdversarialStep):
    """A step whose model is its Players. real, c: pictures and labels that nobody trains on."""

    def __init__(self, real, c, n_moments, **game):
        super().__init__(**game)
        z = torch.randn(len(real), self.generator.z_dim, device=real.device)
        n_steps, nets = self.parts["snapshots"].n_steps, (self.generator, self.discriminator)
        self.parts["players"] = Players(*nets, z, labels(real, c), real, n_steps, n_moments)

    def __call__(self, x, *y):
        terms = super().__call__(x, *y)
        self.parts["players"].look()
        return terms

    @property
    def best(self):
        return self.parts["players"]


def early_recipe(
    x,
    y,
    epochs=4,
    weight=0.5,
    read_fake=False,
    z_dim=128,
    width=32,
    lr_g=2e-4,
    lr_d=4e-4,
    batch=64,
    augment=True,
    n_moments=10,
    n_held=200,
    seed=0,
):
    """As `recipe`, with its model's raw weights and its first steps watched; the last n_held
    pictures are held back to be read."""
    batches = Batches(x[:-n_held], y[:-n_held], size=batch, seed=seed)
    game = _game(x, y, z_dim, width, lr_g, lr_d, weight, read_fake, augment)
    game |= {"batches": batches, "epochs": epochs, "ema": 0.0}
    return WatchedStep(x[-n_held:], y[-n_held:], n_moments, **game), batches
