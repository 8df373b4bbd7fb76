"""Write a prepared set: all of it or nothing, taken up after a kill, in an order that mixes it.

A prepared set is a folder of `<split>_x.npy` and `<split>_y.npy` that open memory-mapped, and an
`about.json` that is written last: the set is complete exactly when that file is there.
"""

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from course_lib.atomic import Busy, Unreadable, locked, read_json, write_json
from course_lib.paths import PREPARED_VERSION
from data_scripts.arrays import put, reaches, seal
from data_scripts.common import BadItem, Problem
from data_scripts.summary import measure, summarise

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
    about = about | {"version": PREPARED_VERSION, "order": f"shuffled once, seed {SEED}"}
    about |= {"splits": splits, "left_out": [name for name, _ in state["left_out"]]}
    (out / PROGRESS).unlink()  # a kill from here on costs a fresh start, never a mixture
    retire(out)
    for split in splits:
        for key in rows:
            os.replace(part_of(out, split, key), out / f"{split}_{key}.npy")
    write_json(out / "about.json", about)


def discard(out):
    """Remove an unfinished set."""
    for path in [*out.glob("*.npy.part"), *out.glob("*.json.part"), out / PROGRESS]:
        path.unlink(missing_ok=True)


def retire(out):
    """Remove the set that was there before, about.json first: half a set never looks whole."""
    (out / "about.json").unlink(missing_ok=True)
    for split in ("train", "val", "test"):
        for key in "xy":
            (out / f"{split}_{key}.npy").unlink(missing_ok=True)
