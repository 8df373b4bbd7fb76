"""Notebook 07, InfoGAN."""

import math

import numpy as np
import torch
from scipy.special import entr, logsumexp

SHUFFLES = 4000  # of our own, so that our p is surer than a student's


def bound(logits, sent):
    logits = logits.double().numpy()
    log_q = logits[np.arange(len(sent)), sent.numpy()] - logsumexp(logits, axis=1)
    return np.mean(log_q + math.log(logits.shape[1]))


def bits(codes, attributes):
    """H(code) + H(attribute) - H(both), bits, (A,)."""
    of_code = (codes[:, None] == np.unique(codes)).astype(float)
    shares = np.stack([of_code.T @ attributes, of_code.T @ (1 - attributes)]) / len(codes)
    both, alone = entr(shares).sum((0, 1)), entr(shares.sum(1)).sum(0)
    return (entr(shares.sum(0)).sum(0) + alone - both) / math.log(2)


def meanings(codes, attributes, n_shuffles=999, seed=0):
    rng, told = np.random.default_rng(seed + 1), bits(codes, attributes)
    chance = [bits(rng.permutation(codes), attributes) for _ in range(SHUFFLES)]
    share = (np.stack(chance) >= told - 1e-9).mean(0)
    return told, (1 + n_shuffles * share) / (1 + n_shuffles)


def noise_share(pictures):
    p = pictures.double().numpy()
    centres = p.mean(1, keepdims=True)
    within, between = ((p - centres) ** 2).mean(), ((centres - p.mean((0, 1))) ** 2).mean()
    return within / (within + between)


def mixed(first, second, share, n_codes):
    code = np.zeros(n_codes)
    np.add.at(code, [first, second], [1 - share, share])
    return code


def stable(p):
    """A share whose error by chance is the same everywhere, a few hundredths for 999 shuffles."""
    return torch.where((p < 0) | (p > 1), p, 1 + p.clamp(0, 1).sqrt().asin())


COMPARED = {"p": stable}
TOLERANCE = {"p": 0.08}
# What rounding alone may make: nats of a reader that finds next to nothing, a share that is 0.
ROUNDING = {"bound": 1e-5, "bound of a reader that knows the channel": 1e-5}
ROUNDING |= {"deaf to the noise": 1e-5}


def by_pixel(pictures):
    p = pictures.double()
    return (p.var(1, correction=0).mean(0) / p.flatten(0, 1).var(0, correction=0)).mean()


MISTAKES = {
    "bound": {
        "bits are given, not nats": lambda l, sent: bound(l, sent) / math.log(2),
        "the entropy of the code is missing": lambda l, sent: bound(l, sent) - math.log(l.shape[1]),
        "the cross-entropy is added": lambda l, sent: 2 * math.log(l.shape[1]) - bound(l, sent),
        "logits are taken for the logarithms of probabilities": lambda l, sent: (
            math.log(l.shape[1]) + l[torch.arange(len(sent)), sent].mean()
        ),
    },
    "meanings": {
        "nats are given, not bits": lambda codes, a, n=999: (
            bits(codes, a) * math.log(2),
            meanings(codes, a, n)[1],
        ),
        "the true order does not count as one of them": lambda codes, a, n=999: (
            bits(codes, a),
            (meanings(codes, a, n)[1] * (1 + n) - 1) / n,
        ),
        "orders that tell equally much do not count": lambda codes, a, n=999: (
            bits(codes, a),
            np.where(a.min(0) == a.max(0), 1 / (1 + n), meanings(codes, a, n)[1]),
        ),
    },
    "noise_share": {
        "the code's share is given": lambda p: 1 - noise_share(p),
        "variances have N - 1 below": lambda p: (
            p.double().var(1).mean() / p.double().flatten(0, 1).var(0).mean()
        ),
        "the shares of the pixels are averaged": by_pixel,
    },
    "mixed": {"first and second are swapped": lambda i, j, share, n: mixed(j, i, share, n)},
}
