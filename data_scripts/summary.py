"""What a prepared set holds: measured, compared with what its about.json says, and printed."""

import hashlib

import numpy as np

from course_lib.atomic import read_json
from course_lib.paths import PREPARED_VERSION


def is_complete(out, again):
    """Whether there is nothing to do: the set is there with the right hashes, and not `again`."""
    if again or not (out / "about.json").exists():
        return False
    why = what_is_wrong(out)
    if why:
        print(f"{out}: the prepared set is {why}; it is prepared anew")
        return False
    about = read_json(out / "about.json")
    summarise(out, about, [[name, "left out earlier"] for name in about["left_out"]])
    print("complete already: nothing to do (--again prepares it anew)")
    return True


def what_is_wrong(out):
    """Why a set that is there cannot stay, in words; None where it can."""
    try:
        about = read_json(out / "about.json")
        if about.get("version") != PREPARED_VERSION:
            return "of another version of the course, with its pictures in another order"
        arrays = {s: [out / f"{s}_{key}.npy" for key in "xy"] for s in about["splits"]}
        counts = {s: measure(*paths, about["names"]) for s, paths in arrays.items()}
        return None if counts == about["splits"] else "damaged"
    except (FileNotFoundError, ValueError, EOFError, KeyError, TypeError, AttributeError):
        return "damaged"


def summarise(out, about, left_out):
    """Print what the set holds."""
    print(f"{about['name']}: {about['recipe']}; {about['split_rule']}")
    for split, facts in about["splits"].items():
        shape = " x ".join(map(str, facts["shape"]))
        print(f"  {split}: {facts['n']:,} of {shape}, mean {facts['mean']:.4f}")
        print(f"    sha256 {facts['sha256']}")
        print(f"    {in_words(facts['counts'])}")
    print(f"  in {out}; left out: {len(left_out)}")
    for name, what in left_out:
        print(f"    {name}: {what}")


def in_words(counts):
    """How many pictures each label or attribute has; of many labels the fewest and the most."""
    if len(counts) <= 50:
        return ", ".join(f"{name} {n:,}" for name, n in counts.items())
    return f"{len(counts):,} classes of {min(counts.values()):,} to {max(counts.values()):,}"


def measure(x_path, y_path, names):
    """What about.json says of a split: sha256 of the bytes of x then y, mean of x on [0, 1], how
    many pictures have each label or attribute; sliced, to fit in memory."""
    digest, total = hashlib.sha256(), 0
    x, y = np.load(x_path, mmap_mode="r"), np.load(y_path, mmap_mode="r")
    for start in range(0, len(x), 1024):
        block = np.ascontiguousarray(x[start : start + 1024])
        digest.update(block)
        total += int(block.sum(dtype=np.uint64))
    digest.update(np.ascontiguousarray(y))
    counts = y.sum(0, dtype=int) if y.ndim == 2 else np.bincount(y, minlength=len(names))
    return {
        "n": len(x),
        "shape": list(x.shape[1:]),
        "mean": round(total / (255 * x.size), 6),
        "sha256": digest.hexdigest(),
        "counts": dict(zip(names, counts.tolist(), strict=True)),
    }
