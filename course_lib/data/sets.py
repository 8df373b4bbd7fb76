"""Pictures as uint8 tensors: load(name, split), batches, and the digest that names the data.

Embedded, no file or network needed:
    mnist    the publishers' 60,000 and 10,000 handwritten digits, 28x28
    photos   64x64 crops of scikit-learn's two sample photographs
    faces    rendered 64x64 portraits of people with known factors
    closeups rendered 32x32 close-ups of one face in which ten known factors vary
Prepared by the scripts in data_scripts/ and opened memory-mapped: celeba, imagenette-64, ...
Nothing ever stands in for a set that is missing: the error says how to prepare it.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch

from course_lib.atomic import read_json
from course_lib.data import embedded
from course_lib.data.faces.factors import CLOSE_UP_FACTORS, scaled
from course_lib.data.missing import DataMissing, how_to_prepare
from course_lib.data.mnist import larochelle, mnist
from course_lib.paths import PREPARED_VERSION, cache_root

SPLITS = ("train", "val", "test")


class Images(NamedTuple):
    """x: uint8 (N, C, H, W). y: int64 labels (N,) or uint8 0/1 attributes (N, len(names)).

    names: what the labels or attributes are called. about: data, sha256, split and n, the part of a
    number's protocol that the data decide.
    """

    x: torch.Tensor
    y: torch.Tensor
    names: list
    about: dict


def load(name, split="train", n=None):
    """The first n pictures of a split; all when n is None (`photos`, `faces` and `closeups` have
    any number, and 8,000, 1,000 and 2,000 when n is None)."""
    _check(split, n)
    if name in EMBEDDED:
        x, y, names = EMBEDDED[name](split, n)
        return Images(x, y, names, about(name, split, x, y))
    return _prepared(name, split, n)


def closeups(split="train", n=None, varying=CLOSE_UP_FACTORS):
    """Close-ups in which the factors named in `varying` are uniform and the others fixed; with all
    ten of CLOSE_UP_FACTORS these are load("closeups", split, n)."""
    _check(split, n)
    x, y, names = embedded.closeups(split, n, tuple(varying))
    all_ten = set(varying) == set(CLOSE_UP_FACTORS)
    name = "closeups" if all_ten else f"closeups: {', '.join(varying)}"
    return Images(x, y, names, about(name, split, x, y))


def closeup_pairs(factor, split="test", n=None, ends=(0.1, 0.9)):
    """The first n close-ups twice, uint8, alike but for one factor: in the first tensor it is at
    the first of `ends`, shares of its range, in the second at the other."""
    _check(split, n)
    if factor not in CLOSE_UP_FACTORS:
        raise ValueError(f"no factor '{factor}'; close-ups have {', '.join(CLOSE_UP_FACTORS)}")
    return embedded.closeup_pairs(factor, split, n, tuple(ends))


def face_factors(split="train", n=None, name="faces", varying=CLOSE_UP_FACTORS):
    """The true factors, float32 (N, F) with the columns of faces.factors.FACTORS, that are behind
    load(name, split, n) of "faces", or behind closeups(split, n, varying) of "closeups"."""
    _check(split, n)
    if name not in ("faces", "closeups"):
        raise ValueError(f"'{name}' has no known factors; faces and closeups have")
    if name == "faces":
        return embedded.people_of(split, n)
    return embedded.plain_of(split, n, varying)


def face_halves(split="train", n=None):
    """Yes or no for each of CLOSE_UP_FACTORS, uint8 (N, 10), behind load("closeups", split, n): 1
    where the factor is in the upper half of its range. No two of them depend on each other."""
    known = face_factors(split, n, "closeups")
    return (scaled(known, CLOSE_UP_FACTORS) > 0).to(torch.uint8)


def _check(split, n):
    if split not in SPLITS:
        raise ValueError(f"split is '{split}'; there are {', '.join(SPLITS)}")
    if n is not None and n < 1:
        raise ValueError(f"n is {n}; ask for at least one picture, or for all with None")


def about(name, split, *tensors):
    """The data's part of a protocol; `*tensors` are what is hashed, pictures first."""
    return {"data": name, "split": split, "n": len(tensors[0]), "sha256": digest(*tensors)}


def digest(*tensors):
    """sha256 over the tensors' bytes in C order: the name of the data in keys and protocols."""
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(t.detach().cpu().contiguous().numpy())
    return sha.hexdigest()


EMBEDDED = {
    "mnist": mnist,
    "larochelle": larochelle,
    "photos": embedded.photos,
    "faces": embedded.faces,
    "closeups": embedded.closeups,
}


def _prepared(name, split, n):
    folder = cache_root() / "data" / name
    known = _read_about(folder / "about.json", name)
    if split not in known["splits"]:
        raise ValueError(f"{name} has no split '{split}'; it has {', '.join(known['splits'])}")
    x, y = (_open(folder / f"{split}_{part}.npy", name) for part in "xy")
    size, sha = known["splits"][split]["n"], known["splits"][split]["sha256"]
    if not len(x) == len(y) == size:
        what = f"{len(x)} pictures, {len(y)} labels; about.json says {size}"
        raise DataMissing(f"The data set '{name}' is damaged: {what}. {how_to_prepare(name)}")
    x, y = x[:n], y[:n]
    info = {"data": name, "split": split, "n": len(x), "sha256": sha}
    if len(x) < size:
        info["sha256"] = digest(x, y)
    if known["recipe"]:
        info["prepared"] = known["recipe"]
    return Images(x, y, known["names"], info)


def _read_about(path, name):
    """about.json, written last: without it the set is not there, with another version too old."""
    try:
        known = read_json(path)
        version = known.get("version")
        about = {
            "names": list(known["names"]),
            "splits": dict(known["splits"]),
            "recipe": str(known.get("recipe", "")),
        }
    except FileNotFoundError:
        raise DataMissing(
            f"The data set '{name}' is not prepared. {how_to_prepare(name)}"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataMissing(f"{name}/about.json: {error!r}. {how_to_prepare(name)}") from None
    if version != PREPARED_VERSION:
        raise DataMissing(
            f"The data set '{name}' was prepared by another version of the course, with its "
            f"pictures in another order. {how_to_prepare(name)}"
        )
    return about


def _open(path, name):
    """Memory-mapped: nothing is read until it is used. Copy-on-write keeps the file as it is.

    Only what is gone or no array is damage; a disk that fails for a moment is an OSError.
    """
    try:
        return torch.from_numpy(np.load(path, mmap_mode="c"))
    except (FileNotFoundError, ValueError, EOFError) as error:
        raise DataMissing(f"{path}: {error}. {how_to_prepare(name)}") from None
