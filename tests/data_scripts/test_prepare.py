"""What the preparation scripts write, from a folder or from a download."""

# ruff: noqa: F811, I001 (fixtures are imported, and arguments have their names)
import functools
import http.server
import json
import shutil
import sys
import tempfile
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_sets import (
    HALF,
    IMAGES,
    assert_refused,
    NAMES,
    row_of,
    write_celeba,
    write_tree,
)
from small_sets import call, celeba, clean  # noqa: F401  fixtures

from data_scripts import arrays, common, prepare_celeba, prepare_imagenet, prepared_set


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.sampled_from(["u1", "i8"]))
@settings(max_examples=40, deadline=None)
def test_rows_written_in_parts_load_as_one_array(counts, kind):
    dtype = np.dtype((kind, (2, 3)))
    values = np.arange(6 * sum(counts)).reshape(-1, 2, 3).astype(kind)
    with tempfile.TemporaryDirectory() as folder:
        part, n = Path(folder) / "x.npy.part", 0
        part.write_bytes(b"left by an older run")
        for count in counts:
            arrays.put(part, dtype, n, values[n : n + count])
            n += count
        with open(part, "ab") as file:
            file.write(b"what a killed run wrote past the last checkpoint")
        arrays.seal(part, dtype, n)
        np.testing.assert_array_equal(np.load(part, mmap_mode="c"), values)


@pytest.mark.parametrize("size, box", [(HALF, (8, 18)), ((178, 218), (15, 35))])
def test_celeba_crop_and_attributes(call, tmp_path, size, box):
    attributes = write_celeba(tmp_path / "source", n=3, size=size)
    assert call(prepare_celeba)[0] == 0
    x, y = (np.load(tmp_path / "out" / f"train_{key}.npy") for key in "xy")
    side, (left, top) = size[0] * 148 // 178, box
    jpg = Image.open(tmp_path / "source" / IMAGES / "000002.jpg")
    face = Image.fromarray(np.asarray(jpg)[top : top + side, left : left + side])
    expected = np.asarray(face.resize((64, 64), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(x[row_of(2, [1, 2])], np.moveaxis(expected, 2, 0))
    assert y.dtype == np.uint8
    np.testing.assert_array_equal(y, prepared_set.shuffled(attributes[:2]))
    assert json.loads((tmp_path / "out" / "about.json").read_text())["names"] == NAMES


def test_celeba_last_tenth_is_the_test_split(call, tmp_path):
    write_celeba(tmp_path / "source", n=20)
    _, text, _ = call(prepare_celeba)
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert {split: facts["n"] for split, facts in about["splits"].items()} == dict(train=18, test=2)
    assert "last tenth" in text and "last tenth" in about["split_rule"]


@pytest.mark.parametrize(
    "partition, counts, rule",
    [
        ("00110022", {"train": 4, "val": 2, "test": 2}, "publisher's partition"),
        ("00000000", {"train": 7, "test": 1}, "last tenth by number (no official test face"),
        ("22222222", {"train": 7, "test": 1}, "last tenth by number (no official training face"),
    ],
)
def test_celeba_partition(call, tmp_path, partition, counts, rule):
    attributes = write_celeba(tmp_path / "source", n=8, partition=partition)
    assert call(prepare_celeba)[0] == 0
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert {split: facts["n"] for split, facts in about["splits"].items()} == counts
    assert rule in about["split_rule"]
    last = np.load(tmp_path / "out" / "test_y.npy")
    np.testing.assert_array_equal(last, prepared_set.shuffled(attributes[-counts["test"] :]))


def test_imagenet_tree(call, tmp_path):
    write_tree(tmp_path / "source")
    assert call(prepare_imagenet, "--size", "32")[0] == 0
    x, labels = (np.load(tmp_path / "out" / f"train_{key}.npy") for key in "xy")
    assert x.shape == (18, 3, 32, 32) and labels.dtype == np.int64
    assert labels.tolist() == prepared_set.shuffled(9 * [0] + 9 * [1])
    picture = Image.open(tmp_path / "source/train/n02102040/n02102040_3.JPEG")  # 97x90, RGB
    wide = picture.resize((34, 32), Image.Resampling.BILINEAR)
    result = x[row_of(12, range(18))]  # the fourth of the second class
    np.testing.assert_array_equal(result, np.asarray(wide)[:, 1:33].transpose(2, 0, 1))
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert about["names"] == ["tench", "English springer"] and about["name"] == "source-32"
    assert about["splits"]["test"]["n"] == 4


def test_imagenet_without_val_holds_out_every_tenth(call, tmp_path):
    write_tree(tmp_path / "source", train=15, val=0)
    _, text, _ = call(prepare_imagenet)
    labels = {s: np.load(tmp_path / "out" / f"{s}_y.npy").tolist() for s in ("train", "test")}
    assert sorted(labels["test"]) == [0, 1, 1] and len(labels["train"]) == 27
    held_out = np.load(tmp_path / "out" / "test_x.npy")
    shutil.copytree(tmp_path / "source" / "train", tmp_path / "source" / "val")
    call(prepare_imagenet, "--again")
    rows = [row_of(i, range(30)) for i in prepared_set.shuffled([9, 19, 29])]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "test_x.npy")[rows], held_out)
    assert "every tenth" in text


def test_course_data_and_cache_give_the_folders(celeba, tmp_path, monkeypatch):
    (tmp_path / "sets").mkdir()
    celeba.rename(tmp_path / "sets" / "celeba")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "sets"))
    assert prepare_celeba.main(["--skip-checks"]) == 0
    assert (tmp_path / "cache" / "data" / "celeba" / "about.json").exists()


@pytest.fixture
def server(tmp_path):
    """The address of a server of the folder served/."""
    (tmp_path / "served").mkdir()
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    handler = functools.partial(quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


def test_a_download_takes_the_address_that_works(server, tmp_path):
    served, path = tmp_path / "served" / "set.tgz", tmp_path / "cache" / "set.tgz"
    served.write_bytes(b"the right bytes")
    common.fetch([server + "gone/set.tgz", server + "set.tgz"], common.md5_of(served), path)
    assert path.read_bytes() == b"the right bytes"


def test_a_download_with_another_hash_is_refused(server, tmp_path, monkeypatch, capsys):
    name = "imagenette2-160.tgz"
    (tmp_path / "served" / name).write_bytes(b"<html>quota</html>")
    monkeypatch.setattr(prepare_imagenet, "IMAGENETTE", server + name)
    code = prepare_imagenet.main(["--download", "imagenette", "--out", str(tmp_path / "out")])
    assert_refused((code, *capsys.readouterr()), tmp_path / "out", server + name, name, "by hand")
    assert not list((tmp_path / "cache").rglob("*.tgz*"))


def test_imagenette_download(server, tmp_path, monkeypatch):
    write_tree(tmp_path / "imagenette2-160")
    archive = shutil.make_archive(
        tmp_path / "served" / "made", "gztar", tmp_path, "imagenette2-160"
    )
    target = Path(archive).rename(tmp_path / "served" / "imagenette2-160.tgz")
    monkeypatch.setattr(prepare_imagenet, "IMAGENETTE", server + target.name)
    monkeypatch.setattr(prepare_imagenet, "IMAGENETTE_MD5", common.md5_of(target))
    assert prepare_imagenet.main(["--download", "imagenette"]) == 0
    assert (tmp_path / "cache" / "data" / "imagenette-64" / "about.json").exists()


def test_celeba_download_refused_says_how_to_place_the_files(tmp_path, monkeypatch, capsys):
    def quota(root, download):
        raise RuntimeError("Quota exceeded")

    module = types.SimpleNamespace(CelebA=quota)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)
    code = prepare_celeba.main(["--out", str(tmp_path / "out")])
    place = tmp_path / "cache" / "downloads" / "celeba"
    names = "img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt"
    words = "Quota exceeded", prepare_celeba.PAGE, place, *names, "--source"
    assert_refused((code, *capsys.readouterr()), tmp_path / "out", *words)
    write_celeba(place)  # as the line says
    assert prepare_celeba.main(["--out", str(tmp_path / "out"), "--skip-checks"]) == 0


def test_imagenet_without_a_source(tmp_path, capsys):
    code = prepare_imagenet.main(["--out", str(tmp_path / "out")])
    words = "--source", "COURSE_DATA", "--download imagenette", "image-net.org"
    assert_refused((code, *capsys.readouterr()), tmp_path / "out", *words)
