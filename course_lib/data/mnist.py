"""MNIST, read from the publishers' four files in data/mnist; and the binary test pictures of
Larochelle and Murray (2011), "The neural autoregressive distribution estimator"."""

import functools
import gzip
import hashlib

import numpy as np
import torch

from course_lib.data.missing import DataMissing
from course_lib.paths import embedded

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
BITS = "t10k-bits-larochelle-idx2-ubyte.gz"
MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    BITS: "2161e44d27eb63d5577bb9a56ce9b3a7",
}
REMEDY = "bring it back with `git checkout -- data/mnist`, or copy it from a fresh download"


def mnist(split, n):
    """The first n of 60,000 or 10,000: uint8 (n, 1, 28, 28), int64 labels (n,), the digits' names.

    There is no validation split: `train` is all that the publishers give for training.
    """
    if split not in FILES:
        raise ValueError(f"mnist has no split '{split}'; it has {', '.join(FILES)}")
    x, y = (read(embedded("mnist") / name) for name in FILES[split])
    return x[:n, None], y[:n].long(), [str(digit) for digit in range(10)]


def larochelle(split, n):
    """The first n of mnist("test", n), each pixel drawn once as 0 or 255: by Salakhutdinov and
    Murray (2008), whose draw many papers use; and the labels, the digits' names."""
    if split != "test":
        raise ValueError(f"larochelle has no split '{split}'; it has test")
    packed = read(embedded("mnist") / BITS)[:n]  # eight pixels a byte
    x = torch.from_numpy(np.unpackbits(packed.numpy(), axis=1) * 255).view(-1, 1, 28, 28)
    return x, *mnist("test", n)[1:]


@functools.cache
def read(path):
    """One of the files as a uint8 tensor; DataMissing where it is not the one that ships."""
    return parse(gzip.decompress(_checked(path)))


def parse(idx):
    """The uint8 tensor of an idx file: 0, 0, 8, number of dimensions, then their sizes of four
    bytes each, then the values."""
    shape = np.frombuffer(idx, ">i4", count=idx[3], offset=4).tolist()
    return torch.frombuffer(bytearray(idx), dtype=torch.uint8, offset=4 + 4 * idx[3]).view(shape)


def _checked(path):
    """The bytes of a file with the publishers' md5."""
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataMissing(f"{path}: {error.strerror}; {REMEDY}") from None
    digest = hashlib.md5(packed).hexdigest()
    if digest != MD5[path.name]:
        raise DataMissing(
            f"{path}: damaged, {len(packed):,} bytes with another hash (md5 {MD5[path.name]} "
            f"expected, {digest} found); {REMEDY}"
        )
    return packed
