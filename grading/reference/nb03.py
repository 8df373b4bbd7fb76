"""Notebook 03, the conditional VAE."""

import math

import numpy as np
import torch
from scipy.special import entr, expit, logsumexp
from torch import distributions as dist

from course_lib.models import cvae
from grading.reference.nb02 import normal


def bound_terms(x, logits, q, p):
    pixels = dist.Bernoulli(logits=logits.double()).log_prob(x.double())
    return -pixels.flatten(1).sum(1), dist.kl_divergence(normal(*q), normal(*p)).sum(1)


def small(c_dim, z_dim):
    net = cvae.small(c_dim, z_dim)
    return net.encoder, net.decoder


def log_likelihood(log_weights):
    return logsumexp(log_weights.double().numpy(), axis=1) - math.log(log_weights.shape[1])


def entropy(p):
    p = p.double().numpy().reshape(len(p), -1)
    return (entr(p) + entr(1 - p)).sum(1)


def draw(model, labels, z):
    return expit(model.decode(z, torch.eye(10)[labels]).double().numpy())


def from_table(log_px, y):
    table = log_px.double().numpy()
    mixture = logsumexp(table, axis=1, b=1 / table.shape[1])
    return mixture, table[range(len(y)), y.numpy()] - mixture, table.argmax(1)


def quadrants(given):
    masks = {
        f"{v} {h}": np.outer(rows, columns)
        for v, rows in (("upper", np.arange(28) < 14), ("lower", np.arange(28) >= 14))
        for h, columns in (("left", np.arange(28) < 14), ("right", np.arange(28) >= 14))
    }
    return torch.from_numpy(sum(masks[name] for name in given))[None, None].double()


def condition(x, mask):
    value = torch.where(x > 0.5, 1.0, -1.0)
    return torch.where(mask.expand_as(x) > 0.5, value, 0.0).reshape(len(x), -1)


def missing_nll(x, logits, mask):
    cost = -dist.Bernoulli(logits=logits.double()).log_prob(x.double())
    return [c[mask[0] < 0.5].sum() for c in cost]


# Of some hundred nats a thousandth would hide a forgotten term; their difference may be 0.
TOLERANCE = {"mixture": 1e-5}
ROUNDING = {"gain": 1e-3}


MISTAKES = {
    "bound_terms": {
        "logvar is taken for log sigma: a variance for a deviation": lambda x, a, q, p: bound_terms(
            x, a, (q[0], 2 * q[1]), (p[0], 2 * p[1])
        ),
        "q and p are swapped": lambda x, a, q, p: bound_terms(x, a, p, q),
    },
    "log_likelihood": {
        "the mean of logarithms is taken, not the logarithm of the mean": lambda w: w.mean(1),
        "the sum is not divided by the number of weights": lambda w: w.logsumexp(1),
    },
    "entropy": {"bits are given, not nats": lambda p: entropy(p) / math.log(2)},
    "draw": {"logits are given, not probabilities": lambda m, y, z: m.decode(z, torch.eye(10)[y])},
    "condition": {
        "black is 0, as a hole is": lambda x, mask: (x * mask).flatten(1),
        "the hole is shown, and what is given hidden": lambda x, mask: condition(x, 1 - mask),
    },
    "missing_nll": {
        "the given pixels are counted": lambda x, a, mask: missing_nll(x, a, 1 - mask),
        "all pixels are counted": lambda x, a, mask: missing_nll(x, a, 0 * mask),
    },
}
