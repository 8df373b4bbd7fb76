"""The preparation scripts on the real sets, where COURSE_DATA names a folder that holds them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import row_of

from data_scripts import prepare_celeba, prepare_imagenet

SOURCE = Path(os.environ.get("COURSE_DATA") or "no-real-data")
pytestmark = pytest.mark.real


def needs(name):
    reason = f"COURSE_DATA names no folder with {name}/"
    return pytest.mark.skipif(not (SOURCE / name).is_dir(), reason=reason)


def prepared(script, out, *options):
    """(about, {split: (x, y)}) of a run on the real set."""
    assert script.main(["--out", str(out), *options]) == 0
    about = json.loads((out / "about.json").read_text())
    load = lambda split, key: np.load(out / f"{split}_{key}.npy", mmap_mode="c")
    return about, {split: (load(split, "x"), load(split, "y")) for split in about["splits"]}


def straightforward(path):
    """The crop as anybody would write it, from the size of the picture alone."""
    picture = Image.open(path).convert("RGB")
    side = round(148 / 178 * picture.width)
    left, top = round((picture.width - side) / 2), round((picture.height - side) / 2)
    face = picture.crop((left, top, left + side, top + side))
    return np.moveaxis(np.asarray(face.resize((64, 64), Image.Resampling.BILINEAR)), 2, 0)


@needs("celeba")
def test_celeba(tmp_path):
    about, arrays = prepared(prepare_celeba, tmp_path)
    (x, y), folder = arrays["train"], SOURCE / "celeba"
    row = lambda i: row_of(i, range(len(x)))  # of the picture with the i-th number
    for i in (0, 1234, len(x) - 1):
        path = folder / "img_align_celeba" / f"{i + 1:06d}.jpg"
        np.testing.assert_array_equal(x[row(i)], straightforward(path))
    rows = (folder / "list_attr_celeba.txt").read_text().splitlines()
    assert about["names"] == rows[1].split() and len(about["names"]) == 40
    assert y[row(1234)].tolist() == [int(v == "1") for v in rows[2 + 1234].split()[1:]]
    if len(list((folder / "img_align_celeba").iterdir())) == 10_000:
        assert {s: f["n"] for s, f in about["splits"].items()} == {"train": 9000, "test": 1000}
        assert "last tenth" in about["split_rule"]


@needs("imagenette")
def test_imagenette(tmp_path):
    about, arrays = prepared(prepare_imagenet, tmp_path, "--size", "64")
    assert about["name"] == "imagenette-64" and "tench" in about["names"]
    assert arrays["train"][0].shape == (9469, 3, 64, 64)
    assert arrays["test"][0].shape == (3925, 3, 64, 64)
    assert sorted(set(arrays["test"][1].tolist())) == list(range(10))


@needs("imagenet_sample")
def test_imagenet_sample_holds_out_every_tenth(tmp_path):
    options = "--source", str(SOURCE / "imagenet_sample"), "--size", "32"
    about, arrays = prepared(prepare_imagenet, tmp_path, *options)
    assert about["name"] == "imagenet_sample-32" and len(about["names"]) == 1000
    assert {split: len(x) for split, (x, _) in arrays.items()} == {"train": 900, "test": 100}
