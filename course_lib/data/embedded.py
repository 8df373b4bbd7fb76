"""Sets that need no file and no network: crops of photographs, rendered portraits and close-ups.

Each is a function (split, n) -> pictures uint8 (n, C, H, W), labels or 0/1 attributes, their names.
The splits differ by their seed, so any number of pictures can be had of each.
"""

import functools
import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.atomic import write_bytes
from course_lib.data.faces import factors, render
from course_lib.paths import cache_root

SEEDS = {"train": 0, "val": 1, "test": 2}
DEFAULT_N = {"train": 8000, "val": 1000, "test": 2000}


@functools.cache
def photos(split, n):
    """Crops of 64 to 160 pixels a side, from disjoint parts of each photograph, at 64x64."""
    from sklearn.datasets import load_sample_images

    n = n or DEFAULT_N[split]
    rng = np.random.default_rng(SEEDS[split])
    columns = {"train": slice(0, 400), "val": slice(400, 480), "test": slice(480, 640)}[split]
    whole = [torch.tensor(p).permute(2, 0, 1) for p in load_sample_images().images]
    pictures = [photo[:, :, columns] for photo in whole]
    y = torch.arange(n) % 2
    x = torch.stack([_crop(pictures[label], rng) for label in y.tolist()])
    return x, y, ["temple", "flower"]


def _crop(picture, rng):
    side = int(rng.integers(64, min(160, picture.shape[2]) + 1))
    top, left = (int(rng.integers(0, s - side + 1)) for s in picture.shape[1:])
    crop = picture[None, :, top : top + side, left : left + side].double()  # as the faces
    small = F.interpolate(crop, size=64, mode="bilinear", antialias=True, align_corners=False)
    exact = small[0].mul(2**20).round().div(2**20)  # the mean of two levels ends in 0.5 everywhere
    return exact.round().clamp(0, 255).byte()


@functools.cache
def faces(split, n):
    """Portraits of plausible people, 64x64, with CelebA's attributes."""
    people = people_of(split, n)
    x = _rendered("faces", split, people, size=64, framing="portrait")
    return x, factors.attributes(people), list(factors.ATTRIBUTES)


def people_of(split, n):
    """The factors (n, F) of the portraits."""
    return factors.sample_factors(n or DEFAULT_N[split], SEEDS[split])


@functools.cache
def closeups(split, n, varying=factors.CLOSE_UP_FACTORS):
    """Close-ups of one plain face, 32x32, with those attributes that the varying factors decide."""
    table = plain_of(split, n, varying)
    x = _rendered("closeups", split, table, size=32, framing="close-up")
    decided = [name in varying for name in factors.ATTRIBUTES.values()]
    names = [name for name, factor in factors.ATTRIBUTES.items() if factor in varying]
    return x, factors.attributes(table)[:, decided], names


@functools.cache
def closeup_pairs(factor, split, n, ends):
    """Close-ups in pairs that differ in one factor: two tensors (n, 3, 32, 32)."""
    low, high, _ = factors.FACTORS[factor]
    pair = []
    for share in ends:
        table = plain_of(split, n)
        table[:, factors.COLUMN[factor]] = low + share * (high - low)
        pair.append(_rendered("closeups", split, table, size=32, framing="close-up"))
    return tuple(pair)


def plain_of(split, n, varying=factors.CLOSE_UP_FACTORS):
    """The factors (n, F) of the close-ups."""
    return factors.sample_uniform(n or DEFAULT_N[split], SEEDS[split], varying)


def _rendered(name, split, table, size, framing):
    """Rendered once and kept in the cache, under a name made of the renderer's own source and of
    the factors: what either changes is never taken for the old."""
    key = hashlib.sha256(repr((size, framing)).encode())
    for file in sorted(Path(render.__file__).parent.glob("*.py")):
        key.update(file.read_bytes())
    key.update(table.numpy())
    path = cache_root() / "data" / name / f"{split}-{len(table)}-{key.hexdigest()[:12]}.npy"
    try:
        return torch.from_numpy(np.load(path))
    except (OSError, ValueError, EOFError):  # not there yet, or damaged
        x = render.render(table, size, framing)
        _keep(path, x)
        return x


def _keep(path, x):
    """Pictures can be rendered again: a cache that cannot take them costs time, not the run."""
    try:
        write_bytes(path, npy(x))
    except OSError as error:
        warnings.warn(
            f"{path}: {error.strerror}; the pictures are not kept and are rendered anew next time: "
            "free some space, or name another folder in COURSE_CACHE",
            stacklevel=2,
        )


def npy(tensor):
    """The bytes of a .npy file that holds the tensor."""
    file = io.BytesIO()
    np.save(file, tensor.numpy())
    return file.getvalue()
