"""What a reader of factors learns from, and the pictures on which it then says what has changed: of
rendered close-ups, whose factors are known, or of photographs, whose attributes somebody named.
"""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from course_lib import data
from course_lib.data import inputs
from course_lib.data.faces.factors import CLOSE_UP_FACTORS
from course_lib.evaluation import judge


class Factors(NamedTuple):
    """names: of the factors. recipe, tensors, settings: the reader's training. said: takes what the
    reader returns to the factors, (B, F). known: (N, F), of the test pictures. pairs: {column of a
    factor: (pictures, pictures)}, uint8, which that factor tells apart."""

    names: list
    recipe: Callable
    tensors: list
    settings: dict
    said: Callable
    known: torch.Tensor
    pairs: dict


def of_closeups(n_learn=6000, n=500, n_pairs=200):
    """The ten factors, read after n_learn other close-ups, of the first n test pictures; the pairs
    are faces that are alike but for one factor."""
    names = list(CLOSE_UP_FACTORS)
    learn = [inputs.tensor(f"closeups/val/{n_learn}:{part}") for part in ("x", "factors")]
    known = inputs.tensor(f"closeups/test/{n}:factors")
    pairs = {i: data.closeup_pairs(name, "test", n_pairs) for i, name in enumerate(names)}
    return Factors(names, judge.factor_recipe, learn, dict(epochs=30), nn.Identity(), known, pairs)


def of_photographs(x):
    """CelebA's attributes, for its first test pictures x: the pairs are a face without and one with
    the attribute, and are otherwise two faces."""
    y, names = data.load("celeba")[1:3]
    learn = [inputs.tensor("celeba/train:x:side=32"), y]
    known = data.load("celeba", "test", len(x)).y.to(x.device)
    pairs = {i: without_and_with(x, has) for i, has in enumerate((known > 0).T)}
    return Factors(names, judge.recipe, learn, dict(epochs=12), torch.sigmoid, known.float(), pairs)


def without_and_with(x, has):
    """Pictures without and with what the bools `has` (N,) say, as many of both, each in order."""
    n = min(int(has.sum()), int((~has).sum()))
    return x[~has][:n], x[has][:n]


@torch.no_grad()
def explained(read, asked, x, copies):
    """A DataFrame with a row a factor: `factor`, and of its variance over the pictures x, of which
    asked.known is true, the share that is read off them, `real`, and off their copies by each of
    several models, the least, `copies`. Shares are at most 1, and below -1 shown as that."""
    share = lambda p: judge.explained(read(p), asked.known.to(p.device)).cpu().clamp(min=-1)
    least = torch.stack([share(p) for p in copies]).amin(0)
    return pd.DataFrame({"factor": asked.names, "real": share(x), "copies": least})
