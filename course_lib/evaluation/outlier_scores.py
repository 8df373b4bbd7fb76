"""Scores that should be higher for pictures that do not belong, and how well they find them, family
by family."""

import numpy as np
import torch

from course_lib.evaluation import edits, stats


@torch.no_grad()
def score(net, x):
    """Mean squared error of the copy of each picture x (N, C, H, W) in [0, 1], (N,)."""
    return (x - net.decode(edits.code(net, x))).square().flatten(1).mean(1)


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
    found = {}
    for name, values in scores.items():
        found[name] = {"all": stats.auc(family > 0, values)}
        for k, of_family in enumerate(names[1:], 1):
            chosen = np.isin(family, [0, k])
            found[name][of_family] = stats.auc(family[chosen] == k, values[chosen])
    return found
