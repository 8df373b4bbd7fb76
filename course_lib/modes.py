"""What a generator covers, whether it has collapsed, and what its codes mean.

Codes and attributes meet in a table of what a judge, who never saw the codes, says of the pictures.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from course_lib import metrics

# ---- coverage and collapse ----------------------------------------------------------------------


@torch.no_grad()
def diversity(x, side=8):
    """Mean squared distance of two different pictures (N, C, H, W) in [0, 1], averaged to
    side x side first, a pixel: 0 when all are the same."""
    small = F.adaptive_avg_pool2d(x, side).flatten(1).double()
    return float(2 * small.var(0).mean())


@torch.no_grad()
def watch(model, c, real, features=None, of_real=None):
    """What is asked of a generator after each epoch: its diversity as a share of that of `real`,
    and its FID where a judge's `features` and those of real pictures are given. Same noise always.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = model.generate(c)
    found = {"diversity": diversity(drawn) / diversity(real)}
    return found | ({"FID": metrics.frechet(of_real, features(drawn))} if features else {})


def collapsed(history, least=0.3):
    """The first epoch from which on the diversity stays below `least` of the data's, or None.

    A generator that has only begun is not collapsed: it must have been above `least` before.
    """
    alive = (history["diversity"] >= least).to_numpy()
    if alive.all() or not alive.any() or alive[-1]:
        return None
    return int(history["epoch"].iloc[int(np.flatnonzero(alive)[-1]) + 1])


def state(history, least=0.3):
    """The same in words: "alive", "collapsed from epoch 5 on", or "never diverse"."""
    epoch = collapsed(history, least)
    if epoch is not None:
        return f"collapsed from epoch {epoch} on"
    return "alive" if (history["diversity"] >= least).any() else "never diverse"


def bins_hit(real, drawn, n_bins=4):
    """How many of the cells that real pictures fill the drawn ones fill too: (hit, filled).

    real, drawn: (N, F) values, say two or three factors; each is cut at the quantiles of `real`.
    """
    edges = [np.quantile(column, np.linspace(0, 1, n_bins + 1)[1:-1]) for column in real.T]
    filled, hit = (_cells(table, edges) for table in (real, drawn))
    return len(filled & hit), len(filled)


def _cells(table, edges):
    """The cells that hold a row of the table, as a set of tuples."""
    columns = [np.digitize(c, e) for c, e in zip(table.T, edges, strict=True)]
    return set(zip(*(c.tolist() for c in columns), strict=True))


# ---- codes --------------------------------------------------------------------------------------


def information(codes, attributes):
    """I(code; attribute), bits, of codes (N,) and each 0/1 column of attributes (N, A) -> (A,).

    Plug-in, so a little too large: compare with shuffled codes.
    """
    of_code = np.eye(max(codes) + 1)[codes] / len(codes)  # (N, K)
    joint = np.stack([of_code.T @ attributes, of_code.T @ (1 - attributes)])  # (2, K, A)
    apart = joint.sum(0, keepdims=True) * joint.sum(1, keepdims=True)
    ratio = np.divide(joint, apart, where=joint > 0, out=np.ones_like(joint))
    return (joint * np.log2(ratio)).sum((0, 1))


def explained(codes, values):
    """Share of the variance of each column of values (N, F) that lies between the codes, (F,).

    Eta squared: 0 when all codes have one mean, 1 when the code fixes the value.
    """
    values = np.asarray(values, float)
    of_code = np.eye(max(codes) + 1)[codes]  # (N, K)
    n = of_code.sum(0)
    means = of_code.T @ values / n.clip(1)[:, None]
    between = (n[:, None] * (means - values.mean(0)) ** 2).sum(0)
    within = ((values - values.mean(0)) ** 2).sum(0)
    return np.divide(between, within, where=within > 0, out=np.zeros_like(between))


def departures(codes, values):
    """Mean of each column of values (N, F) under each code less that over all pictures, (K, F);
    and the same in standard errors of a sample drawn without regard to its code. A code that never
    occurs departs by 0."""
    values = np.asarray(values, float)
    of_code = np.eye(max(codes) + 1)[codes]
    n = of_code.sum(0)[:, None].clip(1)
    off = of_code.T @ (values - values.mean(0)) / n
    error = values.std(0, ddof=1) * np.sqrt(1 / n - 1 / len(values))
    return off, np.divide(off, error, where=error > 0, out=np.zeros_like(off))


def meanings(codes, values, n_permutations=200, seed=0, statistic=information):
    """statistic(codes, values) for every column of values (N, F), and its p-value. (F,), (F,)

    The statistic: I(code; attribute) in bits of 0/1 columns, or `explained` of any. p: how often
    shuffled codes reach as much, the observed one counted along.
    """
    rng = np.random.default_rng(seed)
    values = np.asarray(values, float)
    found = statistic(codes, values)
    null = np.stack([statistic(rng.permutation(codes), values) for _ in range(n_permutations)])
    return found, (1 + (null >= found).sum(0)) / (1 + n_permutations)


def purity(codes, labels):
    """Share of pictures whose label is that of their code, codes and labels matched one to one
    as well as can be (Hungarian method), and the matching {code: label}."""
    table = np.zeros((max(codes) + 1, max(labels) + 1), int)
    np.add.at(table, (codes, labels), 1)
    rows, columns = linear_sum_assignment(-table)
    matched = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return float(table[rows, columns].sum() / len(codes)), matched
