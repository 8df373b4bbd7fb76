"""Write a prepared set: all of it or nothing, taken up after a kill, in an order that mixes it.

A prepared set is a folder of `<split>_x.npy` and `<split>_y.npy` that open memory-mapped, and an
`about.json` that is written last: the set is complete exactly when that file is there.
"""

import contextlib
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from course_lib.atomic import Busy, Unreadable, locked, read_json, write_json
from course_lib.paths import PREPARED_VERSION
from data_scripts.arrays import put, reaches, seal
from data_scripts.common import BadItem, Problem

BATCH = 512  # rows between two checkpoints: what a killed run has to do again at most
PROGRESS = "progress.json"
SEED = 0  # of the order of each split


def build(out, about, splits, rows, read, mark, skip_bad=False):
    """Write the set to the folder `out`, all of it or nothing; after a kill, continue.

    splits {name: items}, each put into an order of its own that any first n represent;
    read(item) -> (x, y) or BadItem; rows {"x": dtype, "y": dtype}, the numpy types of one row, such
    as np.dtype(("u1", (3, 64, 64))); mark: the fingerprint of the source.
    """
    splits = {split: shuffled(items) for split, items in splits.items()}
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out / ".lock"):
            state = resumed(out, splits, rows, mark)
            write_set(out, about, splits, rows, read, state, skip_bad)
    except Busy:
        raise Problem(f"{out}: another run is writing here; wait for it to end") from None
    finally:
        with contextlib.suppress(OSError):
            out.rmdir()  # empty after a refusal; else something is in it


def shuffled(items):
    """The items in an order that depends on their number alone.

    RandomState, because its numbers are promised never to change: a run that is taken up under
    another numpy goes on in the order that it began with.
    """
    order = np.random.RandomState(SEED).permutation(len(items))
    return [items[i] for i in order]


def write_set(out, about, splits, rows, read, state, skip_bad):
    """Everything but the lock; an unfinished set is removed where it cannot be finished."""
    row_size = sum(dtype.itemsize for dtype in rows.values())
    left = sum(len(items) - state["done"][split] for split, items in splits.items())
    try:
        check_space(out, left * row_size + 2**20)
        fill(out, splits, rows, read, state, skip_bad)
        finish(out, about, rows, state)
    except (Problem, OSError):
        discard(out)
        raise
    summarise(out, read_json(out / "about.json"), state["left_out"])


def check_space(folder, need):
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Problem(
            f"{folder}: the disk is full: {need / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free; "
            "free some space, or choose another disk with --out"
        )


def resumed(out, splits, rows, mark):
    """Where a killed run of the same source stopped, else a fresh start."""
    with contextlib.suppress(FileNotFoundError, Unreadable, KeyError, TypeError):
        state = read_json(out / PROGRESS)
        if state["mark"] == mark and parts_reach(out, rows, state["kept"]):
            print(f"{out}: continues after {sum(state['done'].values()):,} images")
            return state
    discard(out)
    zero = dict.fromkeys(splits, 0)
    return {"mark": mark, "done": zero, "kept": zero.copy(), "left_out": []}


def parts_reach(out, rows, kept):
    """Whether the unfinished arrays are as long as the progress file says."""
    return all(
        reaches(part_of(out, split, key), dtype, n)
        for split, n in kept.items()
        for key, dtype in rows.items()
        if n
    )


def part_of(out, split, key):
    return out / f"{split}_{key}.npy.part"


def fill(out, splits, rows, read, state, skip_bad):
    """Read every item that `state` has not done, in order, and checkpoint each batch."""
    total, done = sum(map(len, splits.values())), sum(state["done"].values())
    bar = tqdm(total=total, initial=done, unit="image", desc=out.name, leave=False, disable=None)
    # Pillow decodes outside the interpreter lock: 1.8 times as fast with two threads on two cores
    with bar, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for split, items in splits.items():
            for start in range(state["done"][split], len(items), BATCH):
                batch = items[start : start + BATCH]
                results = list(pool.map(lambda item: attempt(read, item), batch))
                good = keep_good(results, state, split, skip_bad)
                checkpoint(out, rows, state, split, good, start + len(batch))
                bar.update(len(batch))


def attempt(read, item):
    """Its result, or the BadItem that it raised."""
    try:
        return read(item)
    except BadItem as bad:
        return bad


def keep_good(results, state, split, skip_bad):
    """The good ones of a batch; the bad ones are raised, or noted in `state`."""
    bad = [result for result in results if isinstance(result, BadItem)]
    if bad and not skip_bad:
        raise bad[0]
    state["left_out"] += [[item.name, item.what] for item in bad]
    return [result for result in results if not isinstance(result, BadItem)]


def checkpoint(out, rows, state, split, good, done):
    """Append the rows and only then count them: what the progress file counts is on the disk."""
    for i, (key, dtype) in enumerate(rows.items()):
        if good:
            put(part_of(out, split, key), dtype, state["kept"][split], [row[i] for row in good])
    state["kept"][split] += len(good)
    state["done"][split] = done
    write_json(out / PROGRESS, state)


def finish(out, about, rows, state):
    """Hash the arrays, give them their names, and write about.json last."""
    splits = {}
    for split, n in state["kept"].items():
        if not n:
            raise Problem(f"{out}: no picture left for the {split} split; the source needs more")
        for key, dtype in rows.items():
            seal(part_of(out, split, key), dtype, n)
        splits[split] = measure(*(part_of(out, split, key) for key in rows), about["names"])
    about |= {"version": PREPARED_VERSION, "order": f"shuffled once, seed {SEED}"}
    about |= {"splits": splits, "left_out": [name for name, _ in state["left_out"]]}
    (out / PROGRESS).unlink()  # a kill from here on costs a fresh start, never a mixture
    retire(out)
    for split in splits:
        for key in rows:
            os.replace(part_of(out, split, key), out / f"{split}_{key}.npy")
    write_json(out / "about.json", about)


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


def discard(out):
    """Remove an unfinished set."""
    for path in [*out.glob("*.npy.part"), *out.glob("*.json.part"), out / PROGRESS]:
        path.unlink(missing_ok=True)


def retire(out):
    """Remove the set that was there before, about.json first: half a set never looks whole."""
    old = []
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
        old = read_json(out / "about.json")["splits"]
    (out / "about.json").unlink(missing_ok=True)
    for split in old:
        (out / f"{split}_x.npy").unlink(missing_ok=True)
        (out / f"{split}_y.npy").unlink(missing_ok=True)


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
        found = {s: measure(*paths, about["names"]) for s, paths in arrays.items()}
        return None if found == about["splits"] else "damaged"
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
