"""Made digits beside real ones: are they as wanted, how do they look, and how varied is a class?

All but the sliced distance are measured in the features of a judge (evaluation.judge).
"""

import numpy as np
import pandas as pd
import torch
from scipy.spatial.distance import pdist

from course_lib.evaluation import corruptions, image_quality, stats

BATCH = 500


@torch.no_grad()
def features(judge, x):
    """The judge's features of pictures (N, 1, 28, 28) in [0, 1], (N, F)."""
    return torch.cat([judge.features(part) for part in x.split(BATCH)])


@torch.no_grad()
def read(judge, x):
    """The digit that the judge reads in each picture in [0, 1], (N,)."""
    return torch.cat([judge(part).argmax(1) for part in x.split(BATCH)])


def looks(judge, real, made):
    """How far made pictures are from equally many real ones, (N, 1, 28, 28) in [0, 1], as a row.

    FID in the judge's features and the sliced distance of their patches, each with its 95 %
    interval by a jackknife over pictures; recall, the share of the real ones that are reached.
    Compare only equal N.
    """
    ours, theirs = (features(judge, x) for x in (real, made))
    fid, low, high = stats.jackknife(image_quality.frechet, ours, theirs)
    apart = image_quality.sliced_distance(real, made)
    return {
        "FID": fid,
        "FID low": low,
        "FID high": high,
        "distance": apart["distance"],
        "distance low": apart["low"],
        "distance high": apart["high"],
        "recall": image_quality.precision_recall(ours, theirs)[1],
    }


def within_classes(real, y_real, made, y_made, n=100):
    """The variety of each class, from the features (N, F) of real and made pictures: two arrays.

    "spread": the mean distance of two made pictures of the class, as a share of that of two real
    ones. "recall": the share of the real ones that the made ones reach. n of each class are used.
    """
    result = {"spread": [], "recall": []}
    for label in y_real.unique():
        ours, theirs = real[y_real == label][:n], made[y_made == label][:n]
        result["spread"].append(pdist(theirs.cpu()).mean() / pdist(ours.cpu()).mean())
        result["recall"].append(image_quality.precision_recall(ours, theirs)[1])
    return {name: np.array(values) for name, values in result.items()}


def judged(judge, real, y_real, made):
    """A row for each of {name: (pictures, wanted digits)}, a table beside real pictures (N, ...).

    The share that the judge reads as wanted, with its 95 % interval, and the mean over the classes
    of `within_classes`.
    """
    ours, rows = features(judge, real), []
    for name, (pictures, wanted) in made.items():
        theirs = features(judge, pictures)
        with torch.no_grad():
            right = judge.head(theirs).argmax(1) == wanted
        share, low, high = stats.share(right.cpu())
        variety = within_classes(ours, y_real, theirs, wanted)
        row = {"digits": name, "as wanted": share, "low": low, "high": high}
        rows.append(row | {key: values.mean() for key, values in variety.items()})
    return pd.DataFrame(rows)


# kind -> (function, strengths from the weakest to the strongest); squares fit 28 pixels
GRADES = {
    "blur": (corruptions.blurred, (0.5, 1.0, 2.0)),
    "noise": (corruptions.noisy, (0.1, 0.2, 0.4)),
    "shuffled": (corruptions.shuffled, (14, 7, 4)),
    "fewer digits": (corruptions.repeated, (0.5, 0.1, 0.02)),
}


def graded(judge, real, other):
    """{kind of corruption: table}, `looks` of the other real pictures, whole (strength 0) and then
    made worse step by step: what a measure of looks has to put in order."""
    whole, tables = looks(judge, real, other), {}
    for kind, (worse, strengths) in GRADES.items():
        rows = [whole, *(looks(judge, real, worse(other, s)) for s in strengths)]
        tables[kind] = pd.DataFrame(rows).assign(strength=range(len(rows)))
    return tables
