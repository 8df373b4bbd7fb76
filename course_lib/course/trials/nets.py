"""Small nets with the course's interfaces, for trials: every weight is drawn from the generator."""

import torch
from torch import nn


def normal(rng, *shape):
    return torch.randn(*shape, generator=rng)


def uniform(rng, *shape):
    return torch.rand(*shape, generator=rng)


def integers(rng, high, *shape):
    return torch.randint(high, shape, generator=rng)


def filled(module, seed):
    """The module with all parameters drawn anew in their order, in evaluation mode."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(0.5 * normal(rng, *p.shape))
    return module.eval()


def shapes(module):
    """The shapes of all parameters in their order, a row of two numbers each."""
    return [[*p.shape, 1][:2] for p in module.parameters()]


class Plain(nn.Module):
    """An autoencoder of one layer each way: pictures (N, C, H, W), codes of z_dim numbers."""

    def __init__(self, rng, shape, z_dim):
        super().__init__()
        n = shape[0] * shape[1] * shape[2]
        self.inward, self.outward, self.shape = normal(rng, n, z_dim), normal(rng, z_dim, n), shape

    def encode(self, x):
        return (x.flatten(1) @ self.inward).tanh()

    def decode(self, z):
        return (z @ self.outward).sigmoid().view(-1, *self.shape)


class Variational(Plain):
    """The same, whose encode gives a mean and a log-variance, which is `logvar` everywhere."""

    def __init__(self, rng, shape, z_dim, logvar=-1.0):
        super().__init__(rng, shape, z_dim)
        self.logvar = logvar

    def encode(self, x):
        mu = super().encode(x)
        return mu, torch.full_like(mu, self.logvar)


class TwoCodes(nn.Module):
    """A style and a class code a picture, as mlvae.MLVAE: heads, encode, decode."""

    def __init__(self, rng, style_dim=4, class_dim=3, hidden=8, side=28):
        super().__init__()
        self.shape = (1, side, side)
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(side * side, hidden), nn.Tanh())
        sizes = dict(style_mu=style_dim, style_logvar=style_dim)
        sizes |= dict(class_mu=class_dim, class_logvar=class_dim)
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, n) for name, n in sizes.items()})
        self.decoder = nn.Sequential(nn.Linear(style_dim + class_dim, side * side), nn.Sigmoid())
        filled(self, int(integers(rng, 2**31, 1)))

    def encode(self, x):
        h = self.trunk(x - 0.5)
        style_mu, style_logvar, class_mu, class_logvar = (head(h) for head in self.heads.values())
        return (style_mu, style_logvar), (class_mu, class_logvar)

    def decode(self, style, code):
        return self.decoder(torch.cat([style, code], 1)).view(-1, *self.shape)
