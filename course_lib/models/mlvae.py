"""Multi-level VAE: one class code a group, one style code a picture.   Bouchacourt et al., 2018.

Maximise the sum over groups of
    sum_i { E[log p(x_i|style_i, class)] - KL(q(style|x_i) || p) } - KL(q(class|group) || p),
p being N(0, I) and q(class|group) the product of the q(class|x_i) of the group's pictures: its
evidence. The class code's KL is paid once a group, however many pictures share it.
"""

from functools import partial

import torch
from torch import nn

from course_lib.data.batches import Batches
from course_lib.models import gaussian
from course_lib.training.steps import LossStep, adam, annealed

HEADS = ("style_mu", "style_logvar", "class_mu", "class_logvar")


class MLVAE(nn.Module):
    """The source's net, 784-500-(10, 10, 10, 10) and (10+10)-500-784, with tanh.

    Weights begin at samples of N(0, 0.05^2), biases at 0.
    """

    def __init__(self, style_dim=10, class_dim=10, hidden=500, shape=(1, 28, 28), n_groups=10):
        super().__init__()
        self.style_dim, self.class_dim, self.n_groups = style_dim, class_dim, n_groups
        n_pixels = shape[0] * shape[1] * shape[2]
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(n_pixels, hidden), nn.Tanh())
        sizes = (style_dim, style_dim, class_dim, class_dim)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(hidden, size) for name, size in zip(HEADS, sizes, strict=True)}
        )
        self.decoder = nn.Sequential(
            nn.Linear(style_dim + class_dim, hidden),
            nn.Tanh(),
            nn.Linear(hidden, n_pixels),
            nn.Unflatten(1, shape),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.05)
                nn.init.zeros_(layer.bias)

    def encode(self, x):
        """q(style|x) and q(class|x), each mu and logvar, (B, style_dim) or (B, class_dim)."""
        h = self.trunk(x)
        style_mu, style_logvar, class_mu, class_logvar = (self.heads[name](h) for name in HEADS)
        return (style_mu, style_logvar), (class_mu, class_logvar)

    def evidence(self, x, group):
        """q(class|group) of every group, (mu, logvar), each (n_groups, class_dim).

        A group of which x holds no picture is N(0, I). ValueError on a label out of range.
        """
        check_groups(group, len(x), self.n_groups)
        return gaussian.product(*self.encode(x)[1], group, self.n_groups)

    def decode(self, style, code):
        """The mean of p(x|style, class): pixels in [0, 1], (B, C, H, W)."""
        return self.decoder(torch.cat([style, code], 1)).sigmoid()


def check_groups(group, n, n_groups):
    """ValueError where a picture has no group, or one that is not in 0..n_groups-1."""
    if group.shape != (n,):
        raise ValueError(f"{n} pictures and group labels of shape {tuple(group.shape)}: one each")
    invalid = ((group < 0) | (group >= n_groups)).nonzero()
    if len(invalid):
        i = int(invalid[0])
        raise ValueError(
            f"picture {i} has group {int(group[i])}; groups are 0 to {n_groups - 1}, "
            f"and every picture needs one ({len(invalid)} have none)"
        )


def loss(model, x, group, std=1.0, detached=False, paid="group", sigma=0.5**0.5):
    """-ELBO in nats per image, less n_pixels * log(sigma sqrt(2 pi)); sigma^2 = 0.5 is the
    source's.

    Gradients reach the class heads through the evidence; its KL is paid once a group. The rest is
    for the audit of the source, which trains otherwise: with `detached` evidence, which no gradient
    passes; with the KL paid once a "picture"; and with class codes of `std` times their noise.
    """
    style, class_posterior = model.encode(x)
    if detached:
        class_posterior = tuple(t.detach() for t in class_posterior)
    evidence = gaussian.product(*class_posterior, group, model.n_groups)
    z, code = gaussian.sample(*style), gaussian.sample(*evidence, std)[group]
    x_hat = model.decode(z, code)
    class_kl = gaussian.kl(*evidence)  # an absent group is N(0, I) and costs 0
    class_kl = {"group": class_kl.sum() / len(x), "picture": class_kl[group].mean()}[paid]
    terms = loss_terms(x, x_hat, style, class_kl, sigma)
    return {"loss": sum(terms.values()), **terms}


def loss_terms(x, x_hat, style, class_kl, sigma):
    """The named terms of every loss here, each a mean over pictures, in nats."""
    recon = (gaussian.squared_error(x, x_hat) / (2 * sigma**2)).mean()
    return {"recon": recon, "style_kl": gaussian.kl(*style).mean(), "class_kl": class_kl}


def recipe(
    x,
    group,
    style_dim=10,
    class_dim=10,
    hidden=500,
    std=1.0,
    detached=False,
    paid="group",
    epochs=0,
    lr=1e-3,
    batch=256,
    seed=0,
):
    """Train with Adam; with epochs > 0 the rate falls to 0 over them. std, detached and paid are
    those of `loss`."""
    model = MLVAE(style_dim, class_dim, hidden, tuple(x.shape[1:]), count_groups(x, group))
    objective = partial(loss, std=std, detached=detached, paid=paid)
    return step_and_batches(model.to(x.device), x, group, objective, lr, batch, seed, epochs)


def count_groups(x, group):
    """How many groups there are; ValueError where a picture has none."""
    n_groups = max(1, int(group.max()) + 1)
    check_groups(group, len(x), n_groups)
    return n_groups


def step_and_batches(model, x, group, objective, lr, batch, seed, epochs=0):
    """Adam; with epochs > 0 the rate falls to 0 over them along a cosine."""
    batches = Batches(x, group, size=batch, seed=seed)
    if epochs:
        return annealed(model, objective, lr, epochs * len(batches), wide=True), batches
    return LossStep(model, objective, adam(model, lr), wide=True), batches
