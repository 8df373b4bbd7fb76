"""What the preparation scripts share: to find a source, to write, to resume, to say what is wrong.

A prepared set is a folder of `<split>_x.npy` and `<split>_y.npy` that open memory-mapped, and an
`about.json` that is written last: the set is complete exactly when that file is there.
"""

import argparse
import contextlib
import errno
import hashlib
import io
import os
import shutil
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pooch
from PIL import Image
from tqdm import tqdm

from course_lib.atomic import locked, read_json, write_json

BATCH = 512  # rows between two checkpoints: what a killed run has to do again at most
PROGRESS = "progress.json"
UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class Problem(Exception):
    """What a person can mend, in one line: the file, what is wrong with it, what to do."""


class BadItem(Problem):
    """A Problem of one picture alone; --skip-bad leaves it out, by its `name` in about.json."""

    def __init__(self, path, name, what):
        super().__init__(f"{path}: {what}; mend that, or leave the picture out with --skip-bad")
        self.name, self.what = name, what


def parser(doc, default_out):
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", help="folder in the publisher's layout (else COURSE_DATA)")
    parser.add_argument("--out", type=Path, help=f"folder of the prepared set ({default_out})")
    parser.add_argument("--again", action="store_true", help="prepare a complete set anew")
    return parser


def run(prepare, args):
    """Call prepare(args); the exit code. A person's mistake is one line on stderr, no traceback."""
    # a damaged EXIF block, for example, makes Pillow warn: the pixels are fine
    warnings.filterwarnings("ignore", module="PIL")
    try:
        prepare(args)
    except KeyboardInterrupt:
        return complain("interrupted; the same command continues where it stopped", 130)
    except Problem as problem:
        return complain(str(problem))
    except OSError as error:
        return complain(explain(error))
    return 0


def complain(text, code=1):
    print(f"error: {text}".replace("\n", " "), file=sys.stderr)
    return code


def explain(error):
    """One line for an OSError: the file, what happened, the remedy."""
    where = error.filename or "the file in use"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where}: the disk is full; free some space, or choose another disk with --out"
    if isinstance(error, PermissionError):
        return f"{where}: no permission; change its rights, or choose another --source or --out"
    return f"{where}: {error.strerror or error}; check the file and run the command again"


def locate(source, name, inside, layout):
    """The folder with the set's files: in `source`, else COURSE_DATA; None if neither is given.

    Looks in its subfolder `name`, then directly: inside(folder) is the folder with the files, or
    None. A folder that was given and does not hold them is a Problem.
    """
    base = source or os.environ.get("COURSE_DATA")
    if not base:
        return None
    base = Path(base)
    if not base.is_dir():
        raise Problem(f"{base}: there is no such folder; give one that holds {layout} by --source")
    for folder in (base / name, base):
        if folder.is_dir() and (found := inside(folder)):
            return found
    state = "does not hold" if any(base.iterdir()) else "is empty, without"
    raise Problem(f"{base}: this folder {state} {layout}; give the right one with --source")


def fetch(urls, md5, path, processor=None):
    """Download to `path` from the first address that serves the right bytes."""
    pooch.get_logger().setLevel("ERROR")
    for url in urls:
        print(f"fetching {url}")
        try:
            to = {"fname": path.name, "path": path.parent, "processor": processor}
            return pooch.retrieve(url, f"md5:{md5}", **to, progressbar=sys.stderr.isatty())
        except (OSError, ValueError) as error:  # ValueError: another hash
            if isinstance(error, PermissionError) or getattr(error, "errno", 0) == errno.ENOSPC:
                raise
            reason = type(error).__name__
    raise Problem(
        f"{path}: it could not be downloaded ({reason}); fetch {urls[0]} by hand to that place, "
        "or give a folder that has it with --source"
    )


def md5_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def fingerprint(paths, *facts):
    """Identifies a source: its files' names, sizes and times, and what else shapes the result."""
    digest = hashlib.sha256(repr(facts).encode())
    for path in paths:
        stat = os.stat(path)
        digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def open_picture(path, name):
    """The decoded RGB picture; BadItem if the file is no picture, OSError if it cannot be read."""
    data = Path(path).read_bytes()  # apart from decoding: "no permission" is not "undecodable"
    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except UNDECODABLE as error:
        why = str(error).split(" <_io")[0]  # Pillow names a buffer, which means nothing to a reader
        raise BadItem(path, name, f"the picture cannot be decoded ({why})") from error


# Writing


@contextlib.contextmanager
def writing(path):
    """Gives an OSError the name of the file that was being written, which write() leaves out."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from error


def header(dtype, n):
    """The .npy header of n rows. Its length does not depend on n: numpy leaves room for growth."""
    file = io.BytesIO()
    fields = {"descr": dtype.base.str, "fortran_order": False, "shape": (n, *dtype.shape)}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()


def put(part, dtype, n_before, values):
    """Write rows after the first n_before ones of a .npy.part, onto the disk before it returns.

    Plain writes rather than a memory map: on a full disk a map dies by SIGBUS, without a message.
    """
    with writing(part), open(part, "r+b" if n_before else "wb") as file:
        file.write(header(dtype, 0) if not n_before else b"")
        file.seek(len(header(dtype, 0)) + n_before * dtype.itemsize)
        file.write(np.ascontiguousarray(values, dtype=dtype.base).tobytes())
        file.flush()
        os.fsync(file.fileno())


def seal(part, dtype, n):
    """Give a .npy.part its final header, and cut off what a killed run wrote past n rows."""
    with writing(part), open(part, "r+b") as file:
        file.write(header(dtype, n))
        file.truncate(len(header(dtype, n)) + n * dtype.itemsize)


def check_space(folder, need):
    free = shutil.disk_usage(folder).free
    if free < need:
        raise Problem(
            f"{folder}: the disk is full: {need / 1e6:,.0f} MB needed, {free / 1e6:,.0f} MB free; "
            "free some space, or choose another disk with --out"
        )


# Building a set


def build(out, about, splits, rows, read, mark, skip_bad=False):
    """Write the set to the folder `out`, all of it or nothing; after a kill, continue.

    splits {name: items}; read(item) -> (x, y) or BadItem; rows {"x": dtype, "y": dtype}, the numpy
    types of one row, such as np.dtype(("u1", (3, 64, 64))); mark: the fingerprint of the source.
    """
    with locked(out.with_name(f".{out.name}.lock")):
        state = resumed(out, splits, rows, mark)
        row_size = sum(dtype.itemsize for dtype in rows.values())
        left = sum(len(items) - state["done"][split] for split, items in splits.items())
        try:
            check_space(out, left * row_size + 2**20)
            fill(out, splits, rows, read, state, skip_bad)
            finish(out, about, rows, state)
        except (Problem, OSError):
            discard(out)
            with contextlib.suppress(OSError):
                out.rmdir()  # unless something else is in it
            raise
        summarise(out, read_json(out / "about.json"), state["left_out"])


def resumed(out, splits, rows, mark):
    """Where a killed run of the same source stopped, else a fresh start."""
    with contextlib.suppress(OSError, ValueError, KeyError):
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
        part_of(out, split, key).stat().st_size >= len(header(dtype, 0)) + n * dtype.itemsize
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
        splits[split] = measure(*(part_of(out, split, key) for key in rows))
    about = about | {"splits": splits, "left_out": [name for name, _ in state["left_out"]]}
    (out / PROGRESS).unlink()  # a kill from here on costs a fresh start, never a mixture
    retire(out)
    for split in splits:
        for key in rows:
            os.replace(part_of(out, split, key), out / f"{split}_{key}.npy")
    write_json(out / "about.json", about)


def measure(x_path, y_path):
    """Count, sha256 of the bytes of x then y, mean of x on [0, 1]; sliced, to fit in memory."""
    digest, total = hashlib.sha256(), 0
    x, y = np.load(x_path, mmap_mode="r"), np.load(y_path, mmap_mode="r")
    for start in range(0, len(x), 1024):
        block = np.ascontiguousarray(x[start : start + 1024])
        digest.update(block)
        total += int(block.sum(dtype=np.uint64))
    digest.update(np.ascontiguousarray(y))
    return {
        "n": len(x),
        "shape": list(x.shape[1:]),
        "mean": round(total / (255 * x.size), 6),
        "sha256": digest.hexdigest(),
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
    try:
        about = read_json(out / "about.json")
        files = {s: measure(out / f"{s}_x.npy", out / f"{s}_y.npy") for s in about["splits"]}
        intact = files == about["splits"]
    except (FileNotFoundError, ValueError, KeyError):
        intact = False
    if not intact:
        print(f"{out}: the prepared set is damaged; it is prepared anew")
        return False
    summarise(out, about, [[name, "left out earlier"] for name in about["left_out"]])
    print("complete already: nothing to do (--again prepares it anew)")
    return True


def summarise(out, about, left_out):
    """Print what the set holds."""
    print(f"{about['name']}: {about['recipe']}; {about['split_rule']}")
    for split, facts in about["splits"].items():
        shape = " x ".join(map(str, facts["shape"]))
        print(f"  {split}: {facts['n']:,} of {shape}, mean {facts['mean']:.4f}")
        print(f"    sha256 {facts['sha256']}")
    print(f"  in {out}; left out: {len(left_out)}")
    for name, what in left_out:
        print(f"    {name}: {what}")
