"""The embedded MNIST: the publishers' files and nothing else, whole or refused."""

import errno
import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sets import idx_bytes

from course_lib import data, paths
from course_lib.data import mnist

IMAGES, LABELS = mnist.FILES["test"]


@pytest.fixture
def own_files(tmp_path, monkeypatch):
    """A repository of the test's own, with MNIST's files in it; the folder."""
    folder = tmp_path / "repository" / "data" / "mnist"
    shutil.copytree(paths.embedded("mnist"), folder, ignore=shutil.ignore_patterns("train*"))
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path / "repository")
    return folder


def assert_refused(path, *words):
    """DataMissing on one line with the file, the remedy and the words."""
    with pytest.raises(data.DataMissing) as error:
        data.load("mnist", "test", 5)
    text = str(error.value)
    assert "\n" not in text
    for word in (path, "git checkout -- data/mnist", *words):
        assert str(word) in text


def test_mnist_is_the_publishers():
    x, y, names, _ = data.load("mnist")
    assert x.shape == (60000, 1, 28, 28) and x.dtype == torch.uint8 and y.dtype == torch.int64
    assert y.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert round(data.pixels(x).mean().item(), 4) == 0.1307  # what everybody normalises with
    assert y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert names == [str(digit) for digit in range(10)]
    sha256 = "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c"
    assert data.load("mnist").about["sha256"] == sha256
    x, y, *_ = data.load("mnist", "test")
    assert x.shape == (10000, 1, 28, 28) and y.bincount(minlength=10).min() == 892


@pytest.mark.parametrize("split", mnist.FILES)
@pytest.mark.parametrize("n", [300, 500, 1000, 4000])
def test_the_first_n_hold_all_digits_in_proportion(split, n):
    y = data.load("mnist", split).y
    share = y.bincount() / len(y)
    first = y[:n].bincount(minlength=10)
    chi_squared = ((first - n * share) ** 2 / (n * share)).sum()
    assert chi_squared < 21.7  # 9 degrees of freedom: 1 % of random orders lie above


def test_larochelles_bits_are_draws_of_the_test_pictures():
    bits, y, _, about = data.load("larochelle", "test")
    grey = data.load("mnist", "test")
    assert bits.shape == grey.x.shape and bits.unique().tolist() == [0, 255]
    assert torch.equal(y, grey.y)
    assert (bits[grey.x == 0] == 0).all() and (bits[grey.x == 255] == 255).all()
    p, b = data.pixels(grey.x), data.pixels(bits)
    z = (b - p).sum() / (p * (1 - p)).sum().sqrt()  # as many ones as coins would give
    squares = (b - p).square().sum() / (p * (1 - p)).sum()
    assert abs(z) < 3 and abs(squares - 1) < 0.01
    assert about["data"] == "larochelle" and about["sha256"] != grey.about["sha256"]
    assert torch.equal(data.load("larochelle", "test", 7).x, bits[:7])
    with pytest.raises(ValueError, match="larochelle has no split 'train'; it has test"):
        data.load("larochelle")


def test_there_is_no_validation_split():
    with pytest.raises(ValueError, match="mnist has no split 'val'; it has train, test"):
        data.load("mnist", "val", 5)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_idx_round_trip(shape, seed):
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    assert np.array_equal(mnist.parse(idx_bytes(array)), array)


DAMAGES = {
    "cut": lambda packed: packed[:-1],
    "halved": lambda packed: packed[: len(packed) // 2],
    "empty": lambda packed: b"",
    "one bit": lambda packed: packed[:999] + bytes([packed[999] ^ 1]) + packed[1000:],
    "longer": lambda packed: packed + b"more",
    "a page": lambda packed: b"<html>quota</html>",
    "a pointer": lambda packed: b"version https://git-lfs.github.com/spec/v1\n",
    "unpacked": gzip.decompress,
    "another label": lambda packed: gzip.compress(gzip.decompress(packed)[:-1] + b"\0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", [IMAGES, LABELS])
def test_a_file_that_is_not_the_publishers_is_refused(own_files, name, damage):
    path = own_files / name
    changed = damage(path.read_bytes())
    path.write_bytes(changed)
    result = hashlib.md5(changed).hexdigest()
    assert_refused(path, "damaged", f"{len(changed):,} bytes", mnist.MD5[name], result)


def test_a_missing_file_is_named(own_files):
    (own_files / LABELS).unlink()
    assert_refused(own_files / LABELS, "No such file")


def test_a_folder_in_place_of_a_file_is_named(own_files):
    (own_files / IMAGES).unlink()
    (own_files / IMAGES).mkdir()
    assert_refused(own_files / IMAGES, "Is a directory")


def test_a_file_without_permission_is_named(own_files, monkeypatch):
    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert_refused(own_files / IMAGES, "Permission denied")


def test_a_file_mended_is_read_without_a_new_process(own_files):
    whole = (own_files / LABELS).read_bytes()
    (own_files / LABELS).write_bytes(whole[:-1])
    assert_refused(own_files / LABELS)
    (own_files / LABELS).write_bytes(whole)
    assert len(data.load("mnist", "test", 5).y) == 5


def test_files_are_checked_and_unpacked_once(own_files):
    first = data.load("mnist", "test", 7)
    for path in own_files.iterdir():
        path.unlink()
    assert torch.equal(data.load("mnist", "test", 7).x, first.x)
    assert len(data.load("mnist", "test", 9).x) == 9


def test_the_readme_beside_the_files_names_their_hashes_and_their_terms():
    text = (paths.embedded("mnist") / "README.md").read_text(encoding="utf-8")
    for name, md5 in mnist.MD5.items():
        assert f"`{name}`" in text and f"`{md5}`" in text
    for word in ("Attribution-ShareAlike 3.0", "LeCun", "Cortes", "Burges"):
        assert word in text
