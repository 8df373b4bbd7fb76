"""What a generator covers of the data, and whether it has collapsed."""

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.evaluation import image_quality
from course_lib.evaluation.parts import in_parts


@torch.no_grad()
def diversity(x, side=8):
    """Mean squared distance of two different pictures (N, C, H, W) in [0, 1], averaged to
    side x side first, a pixel: 0 when all are the same."""
    small = F.adaptive_avg_pool2d(x, side).flatten(1).double()
    return float(2 * small.var(0).mean())


@torch.no_grad()
def evaluate_samples(model, c, real, features=None, of_real=None):
    """What is asked of a generator after each epoch: its diversity as a share of that of `real`,
    and its FID where a judge's `features` and those of real pictures are given. Same noise always.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generated = model.generate(c)
    values = {"diversity": diversity(generated) / diversity(real)}
    if features is not None:
        values["FID"] = image_quality.frechet(of_real, features(generated))
    return values


def collapsed(history, least=0.3):
    """The first epoch from which on the diversity stays below `least` of the data's, or None.

    A generator that has only begun is not collapsed: it must have been above `least` before.
    """
    diverse = (history["diversity"] >= least).to_numpy()
    if not diverse.any() or diverse[-1]:
        return None
    return int(history["epoch"].iloc[int(np.flatnonzero(diverse)[-1]) + 1])


def collapse_in_words(history, least=0.3):
    """The same in words: "alive", "collapsed from epoch 5 on", or "never diverse"."""
    epoch = collapsed(history, least)
    if epoch is not None:
        return f"collapsed from epoch {epoch} on"
    return "alive" if (history["diversity"] >= least).any() else "never diverse"


def bins_hit(real, generated, n_bins=4):
    """How many of the bins that real pictures fill the generated ones fill too: (hit, filled).

    real, generated: (N, F) values, say two or three factors; each is cut at quantiles of `real`.
    """
    edges = [np.quantile(column, np.linspace(0, 1, n_bins + 1)[1:-1]) for column in real.T]
    filled, hit = (_bins(table, edges) for table in (real, generated))
    return len(filled & hit), len(filled)


def beside(judge, real, generated, columns):
    """What stands beside a set of generated pictures, as a row of a table: image_quality.beside,
    and in the features of a judge FID, recall and the bins of the attributes in `columns` that are
    reached ("bins", of those that real pictures fill: "of").

    real, generated: equally many pictures (N, C, H, W) in [0, 1].
    """
    features, opinions = (
        [in_parts(f, x).cpu() for x in (real, generated)] for f in (judge.features, judge)
    )
    hit, filled = bins_hit(*(table[:, columns].numpy() for table in opinions))
    return image_quality.beside(real, generated) | {
        "FID": image_quality.frechet(*features),
        "recall": image_quality.precision_recall(*features)[1],
        "bins": hit,
        "of": filled,
    }


def _bins(table, edges):
    """The bins that hold a row of the table, as a set of tuples."""
    columns = [np.digitize(c, e) for c, e in zip(table.T, edges, strict=True)]
    return set(zip(*(c.tolist() for c in columns), strict=True))
