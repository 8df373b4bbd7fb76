"""What may lie in a source's folder: half of a set, hidden files, archives, a folder too deep."""

# ruff: noqa: F811, I001 (fixtures are imported, and arguments have their names)
import json
import os
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_sets import IMAGES, assert_refused, contents, write_celeba, write_tree
from small_sets import call, celeba, clean  # noqa: F401  fixtures

from data_scripts import common, prepare_celeba, prepare_imagenet

LIST, PARTITION = prepare_celeba.MD5


@pytest.fixture
def whole(celeba, call, tmp_path):
    """What 14 pictures and their list become; the folder out/ is empty again."""
    assert call(prepare_celeba)[0] == 0
    outcome = contents(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    return outcome


def same_pictures(out, whole):
    """Whether the arrays are these, whatever about.json says of their source."""
    return {n: b for n, b in contents(out).items() if n != "about.json"} == {
        n: b for n, b in whole.items() if n != "about.json"
    }


def obey(err):
    """Run the command that a message gives between backticks."""
    _, *words = shlex.split(err.split("`")[1])
    subprocess.run([sys.executable, *words], check=True)


# ---- half of a set ------------------------------------------------------------------------------


def test_half_of_the_publishers_set_is_refused(call, tmp_path):
    write_celeba(tmp_path / "source", n=14, partition="0" * 10 + "2" * 4)
    for i in (5, 9, 14):
        (tmp_path / "source" / IMAGES / f"{i:06d}.jpg").unlink()
    words = "11 of the 14 pictures", "000005.jpg", "zipfile -e", PARTITION, "--source"
    assert_refused(call(prepare_celeba), tmp_path / "out", tmp_path / "source" / IMAGES, *words)


def test_a_subset_without_the_partition_list_is_taken_and_said(celeba, call, tmp_path):
    for i in range(11, 15):
        (celeba / IMAGES / f"{i:06d}.jpg").unlink()
    code, text, _ = call(prepare_celeba)
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert code == 0 and "10 of 14 pictures" in about["source"]
    assert "train: 9" in text and "test: 1" in text


def test_half_a_download_is_refused_even_without_the_partition_list(tmp_path, capsys):
    folder = tmp_path / "cache" / "downloads" / "celeba"
    write_celeba(folder)
    (folder / IMAGES / "000014.jpg").unlink()
    code = prepare_celeba.main(["--out", str(tmp_path / "out"), "--skip-checks"])
    words = folder / IMAGES, "13 of the 14 pictures", "000014.jpg", "zipfile -e"
    assert_refused((code, *capsys.readouterr()), tmp_path / "out", *words)


def test_a_download_killed_while_it_unpacks_is_unpacked_again(tmp_path, monkeypatch):
    """torchvision takes a folder of pictures that is there for all of them."""
    calls = []

    def download(root, download):
        calls.append(root)
        assert not (root / "celeba" / IMAGES).exists(), "taken for whole"
        write_celeba(root / "celeba")
        if len(calls) == 1:
            (root / "celeba" / IMAGES / "000014.jpg").unlink()
            raise SystemExit

    module = types.SimpleNamespace(CelebA=download)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)
    options = ["--out", str(tmp_path / "out"), "--skip-checks"]
    with pytest.raises(SystemExit):
        prepare_celeba.main(options)
    assert prepare_celeba.main(options) == 0
    assert len(list((tmp_path / "cache/downloads/celeba" / IMAGES).iterdir())) == 14
    prepare_celeba.main([*options, "--again"])
    assert len(calls) == 2, "a whole one is not fetched again"


def test_an_archive_killed_while_it_unpacks_is_unpacked_again(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / name).write_text(name)
    archive = shutil.make_archive(tmp_path / "made", "gztar", tmp_path / "in")
    folder = tmp_path / "unpacked"
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(os, "replace", lambda *_: sys.exit())
        common.unpack(archive, folder)
    assert not folder.exists()
    (tmp_path / "unpacked.part" / "left by the killed one").touch()
    common.unpack(archive, folder)
    assert contents(folder) == {name: name.encode() for name in "abc"}
    assert not (tmp_path / "unpacked.part").exists()


# ---- what lies there ----------------------------------------------------------------------------


def test_hidden_files_are_no_pictures(celeba, call, tmp_path, whole):
    for name in ("._000001.jpg", "._000014.jpg", ".DS_Store"):
        (celeba / IMAGES / name).write_bytes(b"of a finder")
    assert call(prepare_celeba)[0] == 0
    assert contents(tmp_path / "out") == whole
    tree = write_tree(tmp_path / "tree")
    (tree / "train" / "n01440764" / "._n01440764_1.JPEG").write_bytes(b"of a finder")
    (tree / "train" / ".ipynb_checkpoints").mkdir()
    out = tmp_path / "out2"
    assert prepare_imagenet.main(["--source", str(tree), "--out", str(out)]) == 0
    assert len(np.load(out / "train_y.npy")) == 18


@pytest.mark.parametrize("where", [".", IMAGES, "celeba"])
def test_an_archive_that_is_not_unpacked_is_named_with_the_command(
    celeba, call, tmp_path, whole, where
):
    """And the command makes the same call work, wherever the archive was put."""
    archive = shutil.make_archive(tmp_path / IMAGES, "zip", celeba, IMAGES)
    shutil.rmtree(celeba / IMAGES)
    folder = celeba / "celeba" if where == "celeba" else celeba
    if where == "celeba":
        folder.mkdir()
        (celeba / LIST).rename(folder / LIST)
    (celeba / where).mkdir(exist_ok=True)
    shutil.move(archive, celeba / where)
    result = call(prepare_celeba)
    assert_refused(result, tmp_path / "out", "`python -m zipfile -e ", IMAGES + ".zip")
    obey(result[2])
    assert call(prepare_celeba)[0] == 0
    assert same_pictures(tmp_path / "out", whole)


def test_a_packed_tree_is_named_with_the_command(call, tmp_path):
    tree = write_tree(tmp_path / "tree")
    (tmp_path / "source").mkdir()
    archive = shutil.make_archive(tmp_path / "source" / "pictures", "gztar", tree)
    result = call(prepare_imagenet)
    assert_refused(result, tmp_path / "out", archive, "not unpacked", "`python -m tarfile -e ")
    obey(result[2])
    assert call(prepare_imagenet)[0] == 0


def test_an_empty_folder_of_pictures_says_what_fills_it(celeba, call, tmp_path, whole):
    archive = shutil.make_archive(tmp_path / IMAGES, "zip", celeba, IMAGES)
    shutil.rmtree(celeba / IMAGES)
    (celeba / IMAGES).mkdir()
    result = call(prepare_celeba)
    assert_refused(result, tmp_path / "out", celeba / IMAGES, "no picture", prepare_celeba.PAGE)
    shutil.move(archive, celeba)  # as the line says
    obey(result[2])
    assert call(prepare_celeba)[0] == 0 and same_pictures(tmp_path / "out", whole)


def test_pictures_one_folder_deeper_are_found(celeba, call, tmp_path, whole):
    (celeba / IMAGES).rename(tmp_path / "deeper")
    (celeba / IMAGES).mkdir()
    (tmp_path / "deeper").rename(celeba / IMAGES / IMAGES)
    assert call(prepare_celeba)[0] == 0
    assert same_pictures(tmp_path / "out", whole)


def test_a_source_one_folder_deeper_is_named(celeba, call, tmp_path):
    celeba.rename(tmp_path / "CelebA")
    celeba.mkdir()
    (tmp_path / "CelebA").rename(celeba / "CelebA")
    words = "one folder deeper", f"--source {celeba / 'CelebA'}"
    assert_refused(call(prepare_celeba), tmp_path / "out", *words)


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".png", ".PNG"])
def test_other_suffixes_are_the_same_pictures(celeba, call, tmp_path, suffix):
    call(prepare_celeba)
    labels = np.load(tmp_path / "out" / "train_y.npy")
    for path in sorted((celeba / IMAGES).iterdir()):
        if "png" in suffix.lower():
            Image.open(path).save(path.with_suffix(".png"))
            path = path.rename(path.with_suffix(".png"))
        path.rename(path.with_suffix(suffix))
    (celeba / PARTITION).write_text("".join(f"{i:06d}.jpg {2 * (i > 13)}\n" for i in range(1, 15)))
    code, text, err = call(prepare_celeba, "--again")
    assert code == 0 and "publisher's partition" in text, err
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "train_y.npy"), labels)


def test_one_number_twice_is_refused(celeba, call, tmp_path):
    shutil.copy(celeba / IMAGES / "000003.jpg", celeba / IMAGES / "000003.png")
    words = "000003.jpg", "000003.png", "the same number"
    assert_refused(call(prepare_celeba), tmp_path / "out", *words)


def test_lists_may_begin_with_a_byte_order_mark(call, tmp_path):
    source = tmp_path / "source"
    write_celeba(source, n=8, partition="00011122")
    call(prepare_celeba)
    before = contents(tmp_path / "out")
    for name in (LIST, PARTITION):
        (source / name).write_bytes(b"\xef\xbb\xbf" + (source / name).read_bytes())
    assert call(prepare_celeba, "--again")[0] == 0
    assert contents(tmp_path / "out") == before


# ---- paths --------------------------------------------------------------------------------------


def test_course_data_is_read_from_the_repository_and_expands_the_home(tmp_path, monkeypatch):
    inside = lambda folder: folder if (folder / "data" / "mnist").is_dir() else None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_DATA", ".")
    assert (common.locate(None, "a set", inside, "data") / "data").is_dir()
    (tmp_path / "home" / "data" / "mnist").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_DATA", "~")
    assert common.locate(None, "a set", inside, "data") == tmp_path / "home"
    assert common.locate("~", "a set", inside, "data") == tmp_path / "home"
    assert common.locate("home", "a set", inside, "data") == Path("home")
