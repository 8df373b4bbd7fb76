"""Small sets in the publishers' layouts, written for the tests, and what those tests share."""

import struct

import numpy as np
import pytest
from PIL import Image

from data_scripts import prepare_celeba, prepared_set

NAMES = [f"Attribute_{i}" for i in range(38)] + ["Smiling", "Young"]
HALF = (89, 109)
IMAGES = "img_align_celeba"


def idx_bytes(array):
    """A uint8 array as an idx file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def picture(seed, size):
    """A picture of smooth colours, another for every seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 5, 3), np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


def write_celeba(folder, n=14, size=HALF, partition=None):
    """n pictures with the lists beside them; the 0/1 attributes, (n, 40)."""
    images = folder / "img_align_celeba"
    images.mkdir(parents=True)
    names = [f"{i:06d}.jpg" for i in range(1, n + 1)]
    for i, name in enumerate(names):
        picture(i, size).save(images / name)
    attributes = np.random.default_rng(1).integers(0, 2, (n, len(NAMES)))
    rows = [
        f"{name} " + " ".join(f"{2 * v - 1:2d}" for v in row)
        for name, row in zip(names, attributes, strict=True)
    ]
    text = "\n".join([str(n), " ".join(NAMES) + " ", *rows]) + "\n"
    (folder / "list_attr_celeba.txt").write_text(text)
    if partition:
        lines = [f"{name} {part}\n" for name, part in zip(names, partition, strict=True)]
        (folder / "list_eval_partition.txt").write_text("".join(lines))
    return attributes


def write_tree(folder, train=9, val=2, classes=("n01440764", "n02102040")):
    """An ImageNet-like tree of pictures that differ in size and mode."""
    for split, n in (("train", train), ("val", val)):
        for c, name in enumerate(classes if n else ()):
            (folder / split / name).mkdir(parents=True)
            for i in range(n):
                made = picture(100 * c + i + 1000 * (split == "val"), (70 + 9 * i, 90))
                made = made.convert(("RGB", "L", "CMYK")[i % 3])
                made.save(folder / split / name / f"{name}_{i}.JPEG")
    return folder


def row_of(item, items):
    """The row of its array in which an item of a split lies; `items` are in the source's order."""
    return prepared_set.shuffled(list(items)).index(item)


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    """No source from outside, a cache of our own, and several batches even of a small set."""
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared_set, "BATCH", 4)


@pytest.fixture
def celeba(tmp_path):
    write_celeba(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def call(tmp_path, capsys):
    """call(script, *options) -> (exit code, stdout, stderr) of a run from source/ to out/."""

    def call(script, *options):
        options += ("--skip-checks",) if script is prepare_celeba else ()
        places = ["--source", str(tmp_path / "source"), "--out", str(tmp_path / "out")]
        code = script.main([*places, *options])
        return code, *capsys.readouterr()

    return call


def assert_refused(result, out, *words):
    """One line on stderr with all the words; no traceback; nothing in the output folder."""
    code, _, err = result
    assert code == 1
    assert err.count("\n") == 1 and err.endswith("\n") and err.startswith("error: ")
    assert "Traceback" not in err
    assert all(str(word) in err for word in words), err
    assert not list(out.glob("*")), "something was left behind"


def contents(out):
    """{file name: bytes}"""
    return {path.name: path.read_bytes() for path in out.iterdir()}
