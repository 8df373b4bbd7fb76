"""Notebook 04, the multi-level VAE."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from grading.reference import nb02


def product(mu, logvar, group, n_groups):
    mean = torch.zeros(n_groups, mu.shape[1], dtype=torch.float64)
    spread = mean.clone()
    for g in range(n_groups):
        members = (group == g).nonzero()[:, 0]
        if len(members):
            precision = (-logvar[members].double()).exp()
            mean[g] = (precision * mu[members].double()).sum(0) / precision.sum(0)
            spread[g] = -precision.sum(0).log()
    return mean, spread


def class_cost(mu, logvar, group, once_a="group"):
    kl = nb02.kl(mu, logvar, torch.zeros_like(mu), torch.zeros_like(mu))
    paying = range(len(kl)) if once_a == "group" else group.tolist()
    return sum(kl[g] for g in paying) / len(group)


def swap(model, class_code, style_x):
    styles = [model.encode(x[None])[0][0] for x in style_x]
    return [[model.decode(style, code[None])[0] for code in class_code] for style in styles]


def pooled(mu, logvar, y, std, eps):
    mean, spread = product(mu, logvar, y, len(eps))
    return [mean[g] + std * spread[g].exp().sqrt() * eps[g] for g in y.tolist()]


def purity(z, labels, k=5):
    near = NearestNeighbors(n_neighbors=k).fit(z.double().numpy()).kneighbors()[1]
    return np.mean(labels.numpy()[near] == labels.numpy()[:, None])


def usage(model, x, group):
    (style, _), opinions = model.encode(x)
    codes, there = product(*opinions, group, int(group.max()) + 1)[0], sorted(set(group.tolist()))
    before = {g: there[i - 1] for i, g in enumerate(there)}
    cost = 0.0
    for picture, s, g in zip(x, style, group.tolist(), strict=True):
        for sign, chosen in ((1, before[g]), (-1, g)):
            copy = model.decode(s[None], codes[chosen][None].float())[0]
            cost += sign * (picture - copy).double().square().sum()
    return cost / len(x)


def silent_heads(model, loss):
    silent = []
    for name, head in model.heads.items():
        slopes = torch.autograd.grad(
            loss, list(head.parameters()), retain_graph=True, allow_unused=True
        )
        if not any(s is not None and s.any() for s in slopes):
            silent.append(name)
    return silent


def turned(z, weight):
    copy = z.clone()
    if copy.requires_grad:
        copy.register_hook(lambda slope: -weight * slope)
    return copy


def epochs_for(steps, n_pictures, batch):
    a_pass = n_pictures // batch
    return min(range(1, steps + 2), key=lambda n: abs(n * a_pass - steps))


def unweighted(mu, logvar, group, n_groups):
    return product(mu, torch.zeros_like(mu), group, n_groups)[0], product(
        mu, logvar, group, n_groups
    )[1]


# nats that rounding alone may make: the costs of two codes, some hundred nats each, may be equal.
ROUNDING = {"usage": 1e-3}


MISTAKES = {
    "product": {
        "logvar is taken for log sigma: a variance for a deviation": lambda mu, s, group, n: (
            product(mu, 2 * s, group, n)[0],
            product(mu, 2 * s, group, n)[1] / 2,
        ),
        "means are not weighted by their precision": unweighted,
        "the precision is given, not the log-variance": lambda mu, s, group, n: (
            product(mu, s, group, n)[0],
            -product(mu, s, group, n)[1],
        ),
    },
    "class_cost": {
        "every group pays, and the cost is a mean over groups": lambda mu, s, group, once_a="": (
            nb02.kl(mu, s, 0 * mu, 0 * mu).mean()
        ),
        "every picture pays": lambda mu, s, group, once_a="": class_cost(mu, s, group, "picture"),
    },
    "pooled": {
        "a variance is taken for a standard deviation": lambda mu, s, y, std, eps: torch.stack(
            [
                product(mu, s, y, len(eps))[0][g]
                + std * product(mu, s, y, len(eps))[1][g].exp() * eps[g]
                for g in y.tolist()
            ]
        )
    },
    "purity": {
        "each point is its own nearest neighbour": lambda z, labels, k=5: (
            (labels[torch.cdist(z, z).topk(k, largest=False).indices] == labels[:, None])
            .double()
            .mean()
        )
    },
    "usage": {"the sign is turned": lambda *given: -usage(*given)},
    "turned": {"the gradient keeps its sign": lambda z, weight: turned(z, -weight)},
}
