"""Prepare MNIST: the four idx files, 60,000 + 10,000 grey digits of 28x28, as they are.

Reads torchvision's layout (MNIST/raw/*-ubyte.gz, or unpacked), or downloads the files from
torchvision's mirrors. Every file must have the publisher's md5.
"""

import gzip
import math
import sys
import zlib
from pathlib import Path

import numpy as np

from course_lib.paths import cache_root
from data_scripts import common
from data_scripts.common import Problem

MIRRORS = "https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"
FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
# The first four are in torchvision's list; the others are of the same files, unpacked.
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
LAYOUT = "MNIST/raw/train-images-idx3-ubyte.gz and the three other idx files"


def unpacked(path):
    """The bytes of a file, packed (.gz) or not; Problem if the packing is damaged."""
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except EOFError as error:
        raise Problem(f"{path}: the file is truncated") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Problem(f"{path}: the packed file is damaged") from error


def read_idx(path):
    """The uint8 array of an idx file: 0, 0, 8, number of dimensions, their sizes, the values."""
    data = unpacked(path)
    if len(data) >= 4 and data[:3] != b"\0\0\x08":
        raise Problem(f"{path}: this is no idx file of bytes")
    start = 4 + 4 * data[3] if len(data) >= 4 else 4
    shape = np.frombuffer(data[4:start], ">u4").tolist() if len(data) >= start else [1]
    if len(data) < start + math.prod(shape):
        raise Problem(f"{path}: the file is truncated")
    if len(data) > start + math.prod(shape):
        raise Problem(f"{path}: the file is longer than its header says")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_checked(path):
    """The array of one of the publisher's files; Problem with both hashes if it is not the file."""
    found, expected = common.md5_of(path), MD5[path.name]
    if found == expected:
        return read_idx(path)
    try:
        read_idx(path)
        why = ""
    except Problem as problem:
        why = str(problem).replace(f"{path}: ", ", ")
    raise Problem(
        f"{path}: wrong hash{why}: md5 {expected} expected, {found} found; delete it and fetch it "
        f"again, e.g. from {MIRRORS[0]}"
    )


def raw_folder(folder):
    """The folder below `folder` that holds at least one of the files, or None."""
    places = folder, folder / "raw", folder / "MNIST" / "raw"
    return next((p for p in places if any((p / name).exists() for name in MD5)), None)


def find(folder, name):
    for path in (folder / f"{name}.gz", folder / name):
        if path.exists():
            return path
    raise Problem(f"{folder / name}.gz: the file is missing; fetch it, e.g. from {MIRRORS[0]}")


def download():
    """The folder in the cache with all four files, those fetched that are not there yet."""
    folder = cache_root() / "downloads" / "mnist" / "MNIST" / "raw"
    for name in [f"{stem}.gz" for pair in FILES.values() for stem in pair]:
        common.fetch([mirror + name for mirror in MIRRORS], MD5[name], folder / name)
    return folder


def prepare(args):
    out = args.out or cache_root() / "data" / "mnist"
    if common.is_complete(out, args.again):
        return
    folder = common.locate(args.source, "mnist", raw_folder, LAYOUT) or download()
    paths = {split: [find(folder, stem) for stem in stems] for split, stems in FILES.items()}
    arrays = {split: [read_checked(path) for path in pair] for split, pair in paths.items()}
    splits = {s: [(s, i) for i in range(len(images))] for s, (images, _) in arrays.items()}
    about = {
        "name": "mnist",
        "source": "MNIST, LeCun, Cortes and Burges; files checked by md5",
        "names": [str(digit) for digit in range(10)],
        "recipe": "the publisher's bytes, grey, 28x28, nothing changed",
        "split_rule": "the publisher's train and test files",
    }
    rows = {"x": np.dtype(("u1", (1, 28, 28))), "y": np.dtype("i8")}
    mark = common.fingerprint(sum(paths.values(), []), about)

    def read(item):
        split, i = item
        images, labels = arrays[split]
        return images[i][None], labels[i]

    common.build(out, about, splits, rows, read, mark)


def main(argv=None):
    parser = common.parser(__doc__, Path("cache/data/mnist"))
    return common.run(prepare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
