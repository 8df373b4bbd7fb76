"""Hole filling: a CVAE whose condition is a part of the picture.   Sohn, Lee & Yan, 2015.

Given one to three quadrants, model the missing pixels: -log p(missing|given) <= recon + kl, in nats
per image. The baseline has no z: it guesses each missing pixel on its own.
"""

import torch
from torch import nn

from course_lib.data.batches import Batches
from course_lib.models import cvae, gaussian, layers
from course_lib.models.cvae import N_PIXELS, SIDE
from course_lib.training.steps import annealed

CORNERS = ("upper left", "upper right", "lower left", "lower right")


def quadrants(*given):
    """The mask (1, 1, 28, 28) that is 1 on the named quadrants, of CORNERS."""
    if unknown := set(given) - set(CORNERS):
        raise ValueError(f"no quadrant is called {sorted(unknown)}; there are {', '.join(CORNERS)}")
    mask, half = torch.zeros(1, 1, SIDE, SIDE), SIDE // 2
    for name in given:
        top, left = (half * (word in name) for word in ("lower", "right"))
        mask[..., top : top + half, left : left + half] = 1
    return mask


def condition(x, mask):
    """What is given, as c: (B, 2 * 784), the pictures where mask is 1, and the mask."""
    return torch.cat([(x * mask).flatten(1), mask.expand_as(x).flatten(1)], 1)


class Inpainter(cvae.CVAE):
    """A CVAE whose c is a part of the picture: only the missing pixels are modelled."""

    def __init__(self, z_dim=32, width=512):
        encoder = layers.mlp(3 * N_PIXELS, width, 2 * z_dim)
        decoder = layers.mlp(z_dim + 2 * N_PIXELS, width, N_PIXELS)
        super().__init__(encoder, decoder, z_dim, layers.mlp(2 * N_PIXELS, width, 2 * z_dim))

    def log_px(self, x, z, c):
        """log p(missing pixels|z, given pixels), (B,), nats."""
        missing = 1 - c[:, N_PIXELS:].view_as(x)
        return -gaussian.bernoulli_nll(x, self.decode(z, c), missing)


class Guess(nn.Module):
    """The baseline without z: (B, 2 * 784) given -> logits (B, 1, 28, 28), pixels independent."""

    def __init__(self, width=512):
        super().__init__()
        self.net = layers.mlp(2 * N_PIXELS, width, N_PIXELS)

    def forward(self, c):
        return self.net(c).view(-1, 1, SIDE, SIDE)

    @torch.no_grad()
    def generate(self, c):
        """The pixels' means, (B, 1, 28, 28); always the same ones."""
        return self(c).sigmoid()


def fill(model, x, mask):
    """The given pixels of x and the missing ones as means, z from the prior, (B, 1, 28, 28)."""
    return x * mask + model.generate(condition(x, mask)) * (1 - mask)


def loss(model, x):
    """-ELBO of the missing pixels; one to three quadrants, chosen at random, are given."""
    x, mask = torch.bernoulli(x), _random_masks(len(x), x.device)
    c = condition(x, mask)
    mu, logvar = model.encode(x, c)
    recon = -model.log_px(x, gaussian.sample(mu, logvar), c).mean()
    kl = gaussian.kl(mu, logvar, *model.prior(c)).mean()
    return {"loss": recon + kl, "recon": recon, "kl": kl}


def guess_nll(model, x, c):
    """-log p(missing pixels|given) of the baseline, (B,), nats."""
    return gaussian.bernoulli_nll(x, model(c), 1 - c[:, N_PIXELS:].view_as(x))


def guess_loss(model, x):
    """The baseline's mean over pictures, and over masks chosen as in `loss`."""
    x, mask = torch.bernoulli(x), _random_masks(len(x), x.device)
    return {"loss": guess_nll(model, x, condition(x, mask)).mean()}


def _random_masks(n, device):
    """n masks (n, 1, 28, 28), each one of the fourteen ways to give one to three quadrants."""
    number = torch.randint(1, 15, (n, 1), device=device)  # its four bits are the four quadrants
    given = (number >> torch.arange(4, device=device)) & 1
    quadrant = torch.ones(SIDE // 2, SIDE // 2, device=device)
    return torch.kron(given.view(n, 2, 2).float(), quadrant)[:, None]


def recipe(x, epochs=30, z_dim=32, width=512, lr=2e-3, batch=128, ema=0.999, seed=0):
    """One model for all fourteen ways to give one to three quadrants."""
    model, batches = Inpainter(z_dim, width).to(x.device), Batches(x, size=batch, seed=seed)
    return annealed(model, loss, lr, epochs * len(batches), ema), batches


def guess_recipe(x, epochs=30, width=512, lr=2e-3, batch=128, ema=0.999, seed=0):
    """The baseline, trained alike."""
    model, batches = Guess(width).to(x.device), Batches(x, size=batch, seed=seed)
    return annealed(model, guess_loss, lr, epochs * len(batches), ema), batches
