"""The tensors behind a run, as one word each: what a manifest says and a test can open again.

tensor("mnist/train:x")                 the pictures, uint8
tensor("mnist/train:one_hot")           the labels, floats of 0 and 1
tensor("faces/train/3000:x:side=32")    the first 3,000, averaged to 32x32
tensor("mnist/test/500:x:binary=3")     each pixel drawn once as 0 or 255, with this seed
tensor("closeups/train/4000:factors")   the true factors, each of mean 0 and variance 1
tensor("closeups/train/8000:halves")    1 where a factor is in the upper half of its range, else 0
tensor("closeups+smile+gaze/train:x")   close-ups in which these two factors vary, and no others
"""

import torch.nn.functional as F

from course_lib.data import sets
from course_lib.data.batches import binarise, downsample
from course_lib.data.faces import factors


def tensor(word):
    """The tensor that `word` names, set/split[/n]:part[:change...]. ValueError where it names none.

    part: x, y, one_hot, nothing, factors or halves. A change is side=S (averaged to that side),
    pad=P (zeros on every edge) or binary=SEED (see data.binarise). DataMissing where the set is
    not prepared.
    """
    try:
        place, part, *changes = word.split(":")
        name, split, *n = place.split("/")
        n = int(n[0]) if n else None
        result = PARTS[part](name, split, n)
        for change in changes:
            key, _, value = change.partition("=")
            result = CHANGES[key](result, int(value))
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"'{word}' names no tensor; write set/split/n:part:change=number, as in "
            f"'faces/train/3000:x:side=32' ({error})"
        ) from None
    return result


def _one_hot(name, split, n):
    y, names = sets.load(name, split, n)[1:3]
    return F.one_hot(y, len(names)).float()


def _factors(name, split, n):
    known = sets.face_factors(split, n, name)
    return factors.scaled(known, factors.CLOSE_UP_FACTORS if name == "closeups" else None)


def _pictures(name, split, n):
    name, *varying = name.split("+")
    return (sets.closeups(split, n, varying) if varying else sets.load(name, split, n)).x


PARTS = {
    "x": _pictures,
    "y": lambda name, split, n: sets.load(name, split, n).y,
    "one_hot": _one_hot,
    "nothing": lambda name, split, n: _one_hot(name, split, n)[:, :0],
    "factors": _factors,
    "halves": lambda name, split, n: sets.face_halves(split, n),
}
CHANGES = {
    "side": downsample,
    "pad": lambda x, width: F.pad(x, [width] * 4),
    "binary": binarise,
}
