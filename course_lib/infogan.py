"""InfoGAN: codes that nobody labelled.   Chen et al., 2016.

Part of the generator's input is a code c, one-hot, drawn at random. Both players gain one term: the
cross-entropy with which the critic reads c off the *drawn* picture. It bounds the information that
the picture holds on its code: I(c; G(z, c)) >= H(c) - cross-entropy (equations 4 and 5). The critic
learns it with its whole trunk; a reading head on a trunk that never learns to read tells nothing.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from course_lib import duel, gan
from course_lib.data import Batches


def read(opinion, c):
    """Cross-entropy of the code c (B, K) one-hot as the critic reads it, nats."""
    return F.cross_entropy(opinion.guess, c.argmax(1))


def bound(cross_entropy, n_codes):
    """The bound on I(c; picture), nats, at most log n_codes, for equally likely codes."""
    return math.log(n_codes) - cross_entropy


def critic_loss(real, fake, c, weight=1.0):
    """gan.hinge, and reading the code off drawn pictures."""
    terms, extra = gan.hinge(real, fake, c), weight * read(fake, c)
    return terms | {"loss": terms["loss"] + extra, "read code": extra}


def generator_loss(fake, c, weight=1.0):
    """gan.hinge_generator, and drawing so that the code can be read."""
    terms, extra = gan.hinge_generator(fake, c), weight * read(fake, c)
    return terms | {"loss": terms["loss"] + extra, "show code": extra}


class Embedded(gan.Generator):
    """The code goes in as a learned vector instead of one-hot, as the seed tried first."""

    def __init__(self, z_dim, n_codes, embedding, width, side, channels):
        super().__init__(z_dim, embedding, width, side, channels)
        self.embedding = nn.Linear(n_codes, embedding, bias=False)

    def forward(self, z, c):
        return super().forward(z, self.embedding(c))


@torch.no_grad()
def noise_share(model, n_codes, n_noise=64):
    """Share of the drawn pictures' variance that is left when the code is fixed, in [0, 1]: near 0
    the noise is ignored, near 1 the code. Needs a generator with z_dim; codes equally likely."""
    device = next(model.parameters()).device
    z = torch.randn(n_noise, model.z_dim, device=device)
    x = torch.stack([model(z, c.expand(n_noise, -1)) for c in torch.eye(n_codes, device=device)])
    within = x.var(1, correction=0).mean()
    return float(within / x.flatten(0, 1).var(0, correction=0).mean())


def random_codes(x, n_codes):
    """One of n_codes for each picture, equally likely, one-hot (B, n_codes)."""
    return F.one_hot(torch.randint(n_codes, (len(x),), device=x.device), n_codes).to(x)


def disguised(x):
    """Pictures (B, C, S, S) with strokes thicker or thinner, turned by up to 25 degrees, scaled,
    sheared and shifted, each by chance: what changes here, no code can mean."""
    thick, turn, size, ratio, shear, right, down = torch.rand(7, len(x), device=x.device) * 2 - 1
    thick = thick[:, None, None, None]
    dilated, eroded = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    x = x + thick.relu() * (dilated - x) + 0.7 * (-thick).relu() * (eroded - x)
    turn, high = 0.44 * turn, 1 + 0.2 * size
    wide = high * (1 + 0.25 * ratio)
    row = torch.stack([wide * turn.cos(), 0.3 * shear - high * turn.sin(), right / 4], 1)
    other = torch.stack([wide * turn.sin(), high * turn.cos(), down / 4], 1)
    grid = F.affine_grid(torch.stack([row, other], 1), x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def recipe(x, epochs=10, n_codes=7, weight=1.0, embedding=0, disguise=False, z_dim=128,
           width=32, lr_g=2e-4, lr_c=4e-4, batch=64, augment=True, ema=0.995, bf16=False,
           seed=0):  # fmt: skip
    """x uint8 (N, C, S, S) with S 32 or 64; no labels. embedding: size of the code's learned
    vector, 0 for one-hot. disguise: the critic sees all pictures `disguised`, not just shifted."""
    channels, side = x.shape[1:3]
    size = z_dim, n_codes, *([embedding] if embedding else []), width, side, channels
    generator = Embedded(*size) if embedding else gan.Generator(*size)
    critic = gan.Critic(n_codes, width, side, channels)
    losses = partial(critic_loss, weight=weight), partial(generator_loss, weight=weight)
    batches, ask = Batches(x, size=batch, seed=seed), partial(random_codes, n_codes=n_codes)
    step, batches = duel.play(generator, critic, losses, batches, epochs, lr_g, lr_c, ask=ask,
                              augment=augment, ema=ema, bf16=bf16, also=("read code",))  # fmt: skip
    if disguise:
        step.augment = disguised
    return step, batches


class OfLengthOne(nn.Module):
    """A parametrisation: every column of a weight (n, K) is as long as a one-hot vector."""

    def forward(self, weight):
        return F.normalize(weight, dim=0)


def unit_recipe(x, epochs=10, n_codes=7, weight=1.0, embedding=128, disguise=False, z_dim=128,
                width=32, lr_g=2e-4, lr_c=4e-4, batch=64, augment=True, ema=0.995, bf16=False,
                seed=0):  # fmt: skip
    """`recipe` with an embedding of length 1: tells what a learned direction does from what a
    longer vector does. (A linear layer begins 2.5 times as long as one-hot codes.)"""
    step, batches = recipe(**locals())
    for net in (step.generator, step.best):  # in place: the optimiser keeps its parameter
        parametrize.register_parametrization(net.embedding, "weight", OfLengthOne())
    return step, batches
