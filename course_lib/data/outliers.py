"""Pictures that are not what a model was trained on, in known families, beside ones that are."""

import torch

from course_lib.data import sets
from course_lib.data.faces import render

SEED = 3  # of the rendered outliers; the splits of the faces have 0, 1 and 2


def load(name, n=300):
    """n unseen normal pictures and n of each family of outliers, as sets.Images.

    y is 0 for normal and the family's place in `names` otherwise. Families: upside_down,
    swapped_parts, no_face. Rendered faces have rendered outliers; a real set's are made of the
    test pictures after the first n, and its "no_face" are objects of Imagenette (people may hold
    them) or, where that is not prepared, crops of the two sample photographs, as its name says.
    """
    normal = sets.load(name, "test", n).x
    if normal.shape[1:] != (3, 64, 64):
        raise ValueError(
            f"{name}: outliers are 64x64 in colour, this set is {tuple(normal.shape[1:])}"
        )
    families = _rendered(n) if name == "faces" else _made_of(name, n)
    x = torch.cat([normal, *families.values()])
    y = torch.arange(len(families) + 1).repeat_interleave(n)
    return sets.Images(x, y, ["normal", *families], sets.about(name, "test + outliers", x, y))


def _rendered(n):
    return {f: render.outliers(n, SEED, f) for f in render.FAMILIES}


def _made_of(name, n):
    held = sets.load(name, "test").x[n:]
    if len(held) < 2 * n:
        raise ValueError(f"{name}: {n} of each kind need {3 * n} test pictures; use a smaller n")
    try:
        source, others = "imagenette-64", sets.load("imagenette-64", "test").x
    except sets.DataMissing:
        source, others = "photos", sets.load("photos", "test", n).x
    if len(others) < n:
        raise ValueError(f"{source} has {len(others)} test pictures, not {n}; use a smaller n")
    chosen = torch.randperm(len(others), generator=torch.Generator().manual_seed(SEED))[:n]
    return {
        "upside_down": held[:n].flip(2),
        "swapped_parts": _swap_halves(held[n : 2 * n]),
        f"no_face ({source})": others[chosen],
    }


def _swap_halves(x):
    """The upper half of each picture below its lower half."""
    return x.roll(x.shape[2] // 2, dims=2)
