"""The source's GAN: transposed convolutions in parallel branches, RMSProp against Adam.

z becomes a plane by one 16x16 kernel; from there one branch takes a single 9x9 step of stride 4,
the other two 5x5 steps of stride 2, and both are added up. Kernels, strides, optimisers and rates
are the source's (homework 4 of a vision course, 2018); widths and the discriminator's kernels are
ours.
"""

import torch
from torch import nn

from course_lib.data.batches import Batches
from course_lib.models import gan
from course_lib.training import adversarial
from course_lib.training.optimisers import Adam, RMSprop


class Branches(gan.FromNoise):
    """z (B, z_dim) -> pictures in [0, 1], side 32 or 64. low: -1 for a tanh as in the source, or 0.

    kernels: of the steps of stride 4 and 2; (8, 4) are divisible by them, (9, 5) are not.
    """

    def __init__(self, z_dim=256, width=32, side=64, channels=3, kernels=(9, 5), low=-1):
        super().__init__()
        self.z_dim, self.low = z_dim, low
        large, small = kernels
        self.stem = nn.Sequential(                                                        # 1 -> 16
            nn.Unflatten(1, (z_dim, 1, 1)), nn.ConvTranspose2d(z_dim, 2 * width, side // 4),
            nn.BatchNorm2d(2 * width), nn.ReLU(),
        )  # fmt: skip
        self.one_step = nn.Sequential(                                                    # 16 -> 64
            transposed(2 * width, width, large, 4), nn.BatchNorm2d(width), nn.ReLU(),
        )  # fmt: skip
        self.two_steps = nn.Sequential(
            transposed(2 * width, width, small, 2), nn.BatchNorm2d(width), nn.ReLU(),     # 16 -> 32
            transposed(width, width, small, 2), nn.BatchNorm2d(width), nn.ReLU(),         # 32 -> 64
        )  # fmt: skip
        self.last = nn.Conv2d(width, channels, 3, 1, 1)

    def forward(self, z, c):
        h = self.stem(z)
        h = self.last(self.one_step(h) + self.two_steps(h))
        return (h.tanh() + 1) / 2 if self.low == -1 else h.sigmoid()


def transposed(n_in, n_out, kernel, stride):
    """A transposed convolution from side n to stride * n; an odd margin is cut from one edge."""
    margin = kernel - stride
    return nn.ConvTranspose2d(n_in, n_out, kernel, stride, (margin + 1) // 2, margin % 2)


def overlap(kernels, side):
    """Share of a kernel's taps that paint each pixel, (side, side), summed over both branches.

    Uneven where a kernel is not divisible by its stride (Odena, Dumoulin & Olah 2016).
    """
    ### BEGIN ANSWER 5.4
    total = torch.zeros(side, side)
    for kernel, stride in zip(kernels, (4, 2), strict=True):
        step = transposed(1, 1, kernel, stride)
        nn.init.ones_(step.weight)
        nn.init.zeros_(step.bias)
        with torch.no_grad():
            total += step(torch.ones(1, 1, side // stride, side // stride))[0, 0] / kernel**2
    return total
    ### END ANSWER


class Discriminator(nn.Module):
    """Strided 5x5 convolutions with batch norm, as in DCGAN (Radford et al. 2016). low as above."""

    def __init__(self, width=32, side=64, channels=3, low=-1):
        super().__init__()
        self.low = low
        self.net = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2, 2), nn.LeakyReLU(0.2),                       # 64 -> 32
            nn.Conv2d(width, 2 * width, 5, 2, 2), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 5, 2, 2), nn.BatchNorm2d(4 * width), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(4 * width * (side // 8) ** 2, 1),                     # 8
        )  # fmt: skip

    def forward(self, x):
        score = self.net((1 - self.low) * x + self.low)[:, 0]
        return gan.DiscriminatorOutput(score, score.new_zeros(len(x), 0))


def recipe(
    x,
    epochs=10,
    z_dim=256,
    width=32,
    discriminator_width=32,
    kernels=(9, 5),
    low=-1,
    lr_g=5e-5,
    lr_d=1e-4,
    batch=200,
    ema=0.0,
    seed=0,
):
    """The source's training: cross-entropy, RMSProp for the discriminator, Adam for the other."""
    channels, side = x.shape[1:3]
    generator = Branches(z_dim, width, side, channels, tuple(kernels), low).to(x.device)
    discriminator = Discriminator(discriminator_width, side, channels, low).to(x.device)
    opt_g = Adam(generator.parameters(), lr_g)
    opt_d = RMSprop(discriminator.parameters(), lr_d)
    batches = Batches(x, size=batch, seed=seed)
    step = adversarial.AdversarialStep(
        generator,
        discriminator,
        gan.logistic,
        gan.logistic_generator,
        opt_g,
        opt_d,
        batches,
        epochs,
        ema=ema,
    )
    return step, batches
