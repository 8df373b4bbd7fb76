"""ACGAN: a GAN that generates what it is asked for.   Odena, Olah & Shlens, 2017.

What is asked for, c, is a row of 0/1 attributes. The discriminator also learns to read them, from
*real* pictures alone: early on, what a generated picture shows is not what was asked for, and a
discriminator that learns from it agrees with the generator on a code of their own (`read_fake`
shows it). The generator's loss gains the cross-entropy with which the discriminator reads c off its
pictures.
"""

from functools import partial

import torch.nn.functional as F
from torch import nn

from course_lib.data.augment import shift
from course_lib.data.batches import Batches
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
    return F.binary_cross_entropy_with_logits(output.c_logits, c, reduction="none").sum(1).mean()


def discriminator_loss(real, fake, c, weight=1.0, read_fake=False):
    """gan.hinge, and reading real pictures, whose attributes are c; read_fake: generated ones too,
    as the paper does."""
    terms = gan.hinge(real, fake, c)
    on_real, on_fake = weight * read(real, c), weight * read(fake, c)
    loss = terms["loss"] + on_real + (on_fake if read_fake else 0.0)
    return terms | {"loss": loss, "read real": on_real, "read fake": on_fake}


def generator_loss(fake, c, weight=1.0):
    """gan.hinge_generator, and being read as what was asked for."""
    terms, extra = gan.hinge_generator(fake, c), weight * read(fake, c)
    return terms | {"loss": terms["loss"] + extra, "asked for": extra}


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
    channels, side, c_dim = x.shape[1], x.shape[2], y.shape[1]
    generator = gan.Generator(z_dim, c_dim, width, side, channels).to(x.device)
    discriminator = Discriminator(c_dim, width, side, channels).to(x.device)
    opt_g, opt_d = adversarial.two_rates(generator, discriminator, lr_g, lr_d)
    batches = Batches(x, y, size=batch, seed=seed)
    step = adversarial.AdversarialStep(
        generator,
        discriminator,
        partial(discriminator_loss, weight=weight, read_fake=read_fake),
        partial(generator_loss, weight=weight),
        opt_g,
        opt_d,
        batches,
        epochs,
        condition=labels,
        augment=shift if augment else None,
        ema=ema,
        bf16=bf16,
        traced=("read real", "read fake"),
    )
    return step, batches
