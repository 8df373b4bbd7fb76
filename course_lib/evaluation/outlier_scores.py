"""Scores that should be higher for pictures that do not belong, and how well they find them, family
by family."""

import numpy as np
import torch

from course_lib.evaluation import edits, stats
from course_lib.models import gaussian


@torch.no_grad()
def score(net, x):
    """Mean squared error of the copy of each picture x (N, C, H, W) in [0, 1], (N,)."""
    return gaussian.squared_error(x, net.decode(edits.code(net, x))) / x[0].numel()


def remoteness(z, codes):
    """How far codes z (N, z_dim) lie from the training `codes` (M, z_dim), (N,): the squared
    Mahalanobis distance, which counts each direction in standard deviations of the codes."""
    offset = z - codes.mean(0)
    covariance = codes.T.cov() + 1e-6 * torch.eye(z.shape[1], device=z.device)
    return (offset @ torch.linalg.inv(covariance) * offset).sum(1)


def auc_by_family(scores, family, names):
    """{score: {"all": (auc, low, high), family's name: ...}} of {score: numbers (N,)}.

    family: (N,) int, 0 for normal pictures, else the place in `names` of the outliers' family; each
    family is set against the normal pictures. low, high: a 95 % bootstrap interval.
    """
    table = {}
    for name, values in scores.items():
        table[name] = {"all": stats.auc(family > 0, values)}
        for k, of_family in enumerate(names[1:], 1):
            chosen = np.isin(family, [0, k])
            table[name][of_family] = stats.auc(family[chosen] == k, values[chosen])
    return table


def picked(scores, family):
    """(name, auc, low, high) of the score that separates best: picked on a random half of the
    pictures and measured on the other, so that the choice does not flatter it. family: as above."""
    one, other = np.array_split(np.random.default_rng(0).permutation(len(family)), 2)
    area = lambda name: stats.auc(family[one] > 0, scores[name][one], n_resamples=2)[0]
    name = max(scores, key=area)
    return name, *stats.auc(family[other] > 0, scores[name][other])
