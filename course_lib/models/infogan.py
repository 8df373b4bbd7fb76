"""InfoGAN: codes that nobody labelled.   Chen et al., 2016.

Part of the generator's input is a code c, one-hot, chosen at random. Both players gain one term:
the cross-entropy with which the discriminator reads c off the *generated* picture. It bounds the
information that the picture holds on its code: I(c; G(z, c)) >= H(c) - cross-entropy (equations 4
and 5). The discriminator learns it with its whole trunk; a reading head on a trunk that never
learns to read tells nothing.
"""

import math
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from course_lib.data.augment import shift, warp_strongly
from course_lib.data.batches import Batches
from course_lib.models import gan
from course_lib.training import adversarial

AGREE = 8.0  # weight of `agree` against reading: real digits shall form the codes, early on


def read(output, c):
    """Cross-entropy of the code c (B, K) one-hot as the discriminator reads it, nats."""
    return F.cross_entropy(output.c_logits, c.argmax(1))


def bound(cross_entropy, n_codes):
    """The bound on I(c; picture), nats, at most log n_codes, for equally likely codes."""
    ### BEGIN ANSWER 7.1
    return math.log(n_codes) - cross_entropy
    ### END ANSWER


def discriminator_loss(real, fake, c, weight=1.0, on_real=0.0):
    """gan.hinge, and reading the code off generated pictures. on_real: weight of `agree`, with
    which real pictures, too, get codes; real is then a ReadTwice."""
    terms, extra = gan.hinge(real, fake, c), weight * read(fake, c)
    terms |= {"loss": terms["loss"] + extra, "read code": extra}
    if on_real:
        terms["agree"] = agree(*real.views)
        terms["loss"] = terms["loss"] - on_real * terms["agree"]
    return terms


def agree(first, second, balance=1.5):
    """What the codes of two disguises of the same pictures tell of one another, nats: the logits
    first and second are (B, K). With balance 1 it is their mutual information, the batch taken for
    all pictures (Ji, Henriques & Vedaldi 2019, equation 3), highest where each picture has one code
    in any disguise and all codes are equally frequent. A larger balance counts the latter more:
    with 1, two digits soon share a code."""
    joint = first.softmax(1).T @ second.softmax(1) / len(first)
    joint = ((joint + joint.T) / 2).clamp(min=1e-9)
    share = joint.sum(0)
    return (joint * (joint.log() - balance * (share.log() + share.log()[:, None]))).sum()


def generator_loss(fake, c, weight=1.0):
    """gan.hinge_generator, and generating so that the code can be read."""
    terms, extra = gan.hinge_generator(fake, c), weight * read(fake, c)
    return terms | {"loss": terms["loss"] + extra, "show code": extra}


class Embedded(gan.Generator):
    """The code goes in as a vector of `embedding` numbers, as the source tried first, not one-hot.

    unit_length: every code's vector is as long as a one-hot one, which tells what a learned
    direction does from what a longer vector does (a linear layer begins 2.5 times as long).
    fixed: the vectors are random and stay as they are, which tells what learning them does from
    what a code does that is spread over many inputs.
    """

    def __init__(
        self, z_dim, n_codes, embedding, width, side, channels, unit_length=False, fixed=False
    ):
        super().__init__(z_dim, embedding, width, side, channels)
        self.embedding = nn.Linear(n_codes, embedding, bias=False)
        if unit_length:
            parametrize.register_parametrization(self.embedding, "weight", UnitColumns())
        self.embedding.requires_grad_(not fixed)

    def forward(self, z, c):
        return super().forward(z, self.embedding(c))


class UnitColumns(nn.Module):
    """A parametrisation: every column of a weight (n, K) is as long as a one-hot vector."""

    def forward(self, weight):
        return F.normalize(weight, dim=0)


@torch.no_grad()
def noise_share(model, n_codes, n_noise=64):
    """Share of the generated pictures' variance that is left when the code is fixed, in [0, 1].

    Near 0 the noise is ignored, near 1 the code. Needs a generator with z_dim; codes are equally
    likely.
    """
    ### BEGIN ANSWER 7.3
    device = next(model.parameters()).device
    z = torch.randn(n_noise, model.z_dim, device=device)
    x = torch.stack([model(z, c.expand(n_noise, -1)) for c in torch.eye(n_codes, device=device)])
    within = x.var(1, correction=0).mean()
    return float(within / x.flatten(0, 1).var(0, correction=0).mean())
    ### END ANSWER


def random_codes(x, n_codes):
    """One of n_codes for each picture, equally likely, one-hot (B, n_codes)."""
    return F.one_hot(torch.randint(n_codes, (len(x),), device=x.device), n_codes).to(x)


class ReadTwice(NamedTuple):
    """gan.DiscriminatorOutput of pictures that were read in two disguises, views (2, B, K);
    c_logits is the mean of both."""

    score: torch.Tensor
    c_logits: torch.Tensor
    views: torch.Tensor


class OwnReader(gan.Discriminator):
    """The code is read by a trunk of its own, off the pictures in two disguises (warp_strongly).

    The score then judges pictures as they are, and reading, without spectral norm and with batch
    norm, is learned faster. What the disguise changes, no code can mean.
    """

    def __init__(self, c_dim, width=32, side=32, channels=3):
        super().__init__(0, width, side, channels)
        n = 2 * width
        self.reader = nn.Sequential(
            nn.PixelUnshuffle(2), *_read(4 * channels, n), nn.MaxPool2d(2), *_read(n, n),
            nn.MaxPool2d(2), *_read(n, n), nn.Flatten(), nn.Linear(n * (side // 8) ** 2, c_dim),
        )  # fmt: skip

    def forward(self, x):
        disguised = torch.cat([warp_strongly(x), warp_strongly(x)])
        views = self.reader(2 * disguised - 1).unflatten(0, (2, -1))
        return ReadTwice(super().forward(x).score, views.mean(0), views)


def _read(n_in, n_out):
    return nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()


def recipe(
    x,
    epochs=10,
    n_codes=7,
    weight=1.0,
    embedding=0,
    unit_length=False,
    fixed=False,
    disguise=False,
    own_reader=False,
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
    """x uint8 (N, C, S, S) with S 32 or 64; no labels. embedding: size of the code's vector, 0 for
    one-hot; unit_length, fixed: as in Embedded. disguise: the discriminator sees all pictures
    strongly warped, not just shifted; own_reader: only the reader of the code does, in two
    disguises, and real pictures get codes as well (`agree`)."""
    sizes = dict(width=width, side=x.shape[2], channels=x.shape[1])
    how = dict(unit_length=unit_length, fixed=fixed)
    one_hot = partial(gan.Generator, z_dim, n_codes)
    generator = partial(Embedded, z_dim, n_codes, embedding, **how) if embedding else one_hot
    discriminator = OwnReader if own_reader else gan.Discriminator
    nets = [net(**sizes).to(x.device) for net in (generator, partial(discriminator, n_codes))]
    batches = Batches(x, size=batch, seed=seed)
    step = adversarial.AdversarialStep(
        *nets,
        partial(discriminator_loss, weight=weight, on_real=AGREE if own_reader else 0.0),
        partial(generator_loss, weight=weight),
        *adversarial.two_rates(*nets, lr_g, lr_d),
        batches,
        epochs,
        condition=partial(random_codes, n_codes=n_codes),
        augment=warp_strongly if disguise else shift if augment else None,
        ema=ema,
        bf16=bf16,
        traced=("read code",),
    )
    return step, batches
