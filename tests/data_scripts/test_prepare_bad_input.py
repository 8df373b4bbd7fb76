"""The preparation scripts: one line for every bad input, and nothing half-written."""

# ruff: noqa: F811, I001 (fixtures are imported, and arguments have their names)
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest
from small_sets import (
    IMAGES,
    assert_refused,
    contents,
    picture,
    row_of,
    write_celeba,
    write_tree,
)
from small_sets import call, celeba, clean  # noqa: F401  fixtures

from data_scripts import arrays, common, prepare_celeba, prepare_imagenet


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD_PICTURES = {
    "noise": (lambda path: path.write_bytes(b"no picture at all"), "cannot be decoded"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be decoded"),
    "truncated": (halve, "cannot be decoded"),
    "size": (lambda path: picture(0, (64, 64)).save(path), "64x64, not 89x109"),
    "the other size": (lambda path: picture(0, (178, 218)).save(path), "178x218, not 89x109"),
}


# the first picture is spared the last kind: it decides which size is right
WHERE = [
    (kind, n) for kind in BAD_PICTURES for n in (1, 7, 14) if (kind, n) != ("the other size", 1)
]


@pytest.mark.parametrize("kind, number", WHERE)
def test_bad_picture(celeba, call, tmp_path, kind, number):
    (spoil, what), name = BAD_PICTURES[kind], f"{number:06d}.jpg"
    spoil(celeba / IMAGES / name)
    assert_refused(
        call(prepare_celeba), tmp_path / "out", celeba / IMAGES / name, what, "--skip-bad"
    )


def test_skip_bad_leaves_out_and_lists(celeba, call, tmp_path):
    call(prepare_celeba)
    whole = np.load(tmp_path / "out" / "train_x.npy")
    labels = np.load(tmp_path / "out" / "train_y.npy")
    bad = [row_of(number, range(1, 14)) for number in (3, 4)]
    for name, (spoil, _) in zip(("000003.jpg", "000004.jpg"), BAD_PICTURES.values(), strict=False):
        spoil(celeba / IMAGES / name)
    code, text, err = call(prepare_celeba, "--again", "--skip-bad")
    assert code == 0 and err == ""
    np.testing.assert_array_equal(np.load(tmp_path / "out/train_x.npy"), np.delete(whole, bad, 0))
    np.testing.assert_array_equal(np.load(tmp_path / "out/train_y.npy"), np.delete(labels, bad, 0))
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert sorted(about["left_out"]) == [f"{IMAGES}/000003.jpg", f"{IMAGES}/000004.jpg"]
    assert "left out: 2" in text and all(name in text for name in about["left_out"])


def test_nothing_left(celeba, call, tmp_path):
    (celeba / IMAGES / "000014.jpg").write_bytes(b"")  # the only one of the test split
    assert_refused(call(prepare_celeba, "--skip-bad"), tmp_path / "out", "no picture left", "test")


def test_no_picture_of_a_known_size(call, tmp_path):
    write_celeba(tmp_path / "source", size=(100, 100))
    assert_refused(call(prepare_celeba), tmp_path / "out", "000001.jpg", "178x218 or 89x109")


def edit(path, change):
    lines = path.read_text().splitlines(keepends=True)
    change(lines)
    path.write_text("".join(lines))


def test_attribute_row_missing(celeba, call, tmp_path):
    def drop(lines):
        lines[0] = "13\n"
        del lines[6]

    edit(celeba / "list_attr_celeba.txt", drop)
    missing = celeba / IMAGES / "000005.jpg"
    assert_refused(
        call(prepare_celeba), tmp_path / "out", missing, "no attribute row", "--skip-bad"
    )
    assert call(prepare_celeba, "--skip-bad")[0] == 0
    assert len(np.load(tmp_path / "out" / "train_x.npy")) == 12


@pytest.mark.parametrize("line", ["", "000003.jpg 1 -1", "000003.jpg " + "0 " * 40, "\0\x07?"])
def test_malformed_attribute_line(celeba, call, tmp_path, line):
    path = celeba / "list_attr_celeba.txt"
    edit(path, lambda lines: lines.__setitem__(4, line + "\n"))
    assert_refused(call(prepare_celeba), tmp_path / "out", path, "line 5", "malformed", "fetch")


@pytest.mark.parametrize("text", ["", "14", "14\n", "\xff\n\xfe"])
def test_attribute_list_that_is_none(celeba, call, tmp_path, text):
    path = celeba / "list_attr_celeba.txt"
    path.write_bytes(text.encode("latin1"))
    assert_refused(call(prepare_celeba), tmp_path / "out", path, "fetch it again")


def test_attribute_list_cut_short(celeba, call, tmp_path):
    path = celeba / "list_attr_celeba.txt"
    edit(path, lambda lines: lines.pop())
    assert_refused(
        call(prepare_celeba), tmp_path / "out", path, "announces 14", "13 rows", "fetch it again"
    )


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_eval_partition.txt"])
def test_lists_need_the_publishers_md5(tmp_path, capsys, monkeypatch, name):
    source, out = tmp_path / "source", tmp_path / "out"
    write_celeba(source, n=4, partition="0002")
    result = hashlib.md5((source / name).read_bytes()).hexdigest()
    for other in {*prepare_celeba.MD5} - {name}:
        monkeypatch.setitem(prepare_celeba.MD5, other, common.md5_of(source / other))
    code = prepare_celeba.main(["--source", str(source), "--out", str(out)])
    words = source / name, "wrong hash", prepare_celeba.MD5[name], result, "--skip-checks"
    assert_refused((code, *capsys.readouterr()), out, *words)


def test_list_missing(celeba, call, tmp_path):
    (celeba / "list_attr_celeba.txt").unlink()
    path = celeba / "list_attr_celeba.txt"
    assert_refused(call(prepare_celeba), tmp_path / "out", path, "missing", prepare_celeba.PAGE)


def test_bad_partition(call, tmp_path):
    write_celeba(tmp_path / "source", n=4, partition="0032")
    path = tmp_path / "source" / "list_eval_partition.txt"
    assert_refused(call(prepare_celeba), tmp_path / "out", path, "line 3", "malformed")
    edit(path, lambda lines: lines.pop(2))
    assert_refused(
        call(prepare_celeba), tmp_path / "out", "000003.jpg", "no row in list_eval_partition"
    )


@pytest.mark.parametrize("script", [prepare_celeba, prepare_imagenet])
def test_no_folder_and_empty_folder(script, call, tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    assert_refused(call(script), out, source, "no such folder", "--source")
    source.mkdir()
    assert_refused(call(script), out, source, "is empty", "--source")
    (source / "something").touch()
    assert_refused(call(script), out, source, "does not hold", "--source")


def test_empty_folders_inside(call, tmp_path):
    out = tmp_path / "out"
    for folder in (IMAGES, "train"):
        (tmp_path / "source" / folder).mkdir(parents=True)
    assert_refused(call(prepare_celeba), out, IMAGES, "no picture", "-m zipfile -e", "celeba.zip")
    assert_refused(call(prepare_imagenet), out, tmp_path / "source" / "train", "is empty")
    (tmp_path / "source" / "train" / "n01440764").mkdir()
    assert_refused(call(prepare_imagenet), out, "n01440764", "is empty", "remove the folder")


def test_bad_tree(call, tmp_path):
    tree, out = write_tree(tmp_path / "source"), tmp_path / "out"
    bad = tree / "val" / "n01440764" / "n01440764_1.JPEG"
    halve(bad)
    assert_refused(call(prepare_imagenet), out, bad, "cannot be decoded", "--skip-bad")
    _, text, _ = call(prepare_imagenet, "--skip-bad")
    assert "left out: 1" in text and "val/n01440764/n01440764_1.JPEG" in text
    shutil.rmtree(out)
    (tree / "train" / "n02102040").rename(tree / "train" / "n99")
    assert_refused(call(prepare_imagenet), out, tree / "val" / "n02102040", "no such class")
    shutil.rmtree(tree)
    write_tree(tree, train=4, val=0)
    assert_refused(call(prepare_imagenet), out, tree, "at least 10")


def test_disk_full_before(celeba, call, tmp_path, monkeypatch):
    usage = types.SimpleNamespace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert_refused(
        call(prepare_celeba), tmp_path / "out", tmp_path / "out", "disk is full", "--out"
    )


class FullDisk:
    """A file on a disk that is full from its second batch on."""

    def __init__(self, path, mode):
        self.file, self.full = open(path, mode), mode == "r+b"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(data)


def test_disk_full_during(celeba, call, tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "open", FullDisk, raising=False)
    part = tmp_path / "out" / "train_x.npy.part"
    assert_refused(call(prepare_celeba), tmp_path / "out", part, "disk is full", "free some space")


@pytest.fixture
def as_nobody():
    """A folder that anybody may enter, and a way to become somebody who is not root meanwhile."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    root = os.geteuid() == 0
    yield folder, (lambda on: os.seteuid(65534 if on else 0) if root else None)
    os.seteuid(0) if root else None
    for path in folder.rglob("*"):
        path.chmod(0o777)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "locked",
    [f"source/{IMAGES}/000003.jpg", "source/list_attr_celeba.txt", f"source/{IMAGES}", "."],
)
def test_no_permission(as_nobody, capsys, locked):
    folder, become_nobody = as_nobody
    write_celeba(folder / "source")
    (folder / locked).chmod(0o555 if locked == "." else 0)
    become_nobody(True)
    options = ["--source", str(folder / "source"), "--out", str(folder / "out"), "--skip-checks"]
    code = prepare_celeba.main(options)
    become_nobody(False)
    where = "out" if locked == "." else locked
    assert_refused(
        (code, *capsys.readouterr()), folder / "out", folder / where, "no permission", "rights"
    )


@pytest.mark.parametrize(
    "error, words",
    [
        (
            OSError(errno.EROFS, "Read-only file system", "a/file"),
            ["a/file", "choose another", "--out"],
        ),
        (OSError(errno.EIO, "Input/output error", "a/file"), ["a/file: Input/output error"]),
        (common.Unreadable("a/file: not readable as JSON"), ["a/file: not readable as JSON"]),
        (common.Busy("a/lock: another process holds it"), ["a/lock: another process"]),
    ],
)
def test_what_else_may_fail_is_one_line(error, words, tmp_path, capsys):
    def fail(args):
        raise error

    assert_refused((common.run(fail, None), *capsys.readouterr()), tmp_path / "out", *words)


def test_another_run_is_writing(celeba, call, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train_x.npy.part").write_text("of the other run")
    hold = """if True:
        import filelock, sys
        with filelock.FileLock(sys.argv[1]):
            print(flush=True)
            input()"""
    command = [sys.executable, "-c", hold, str(tmp_path / "out" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()  # it holds the lock
        code, _, err = call(prepare_celeba)
        left = contents(tmp_path / "out")
        other.kill()
    assert code == 1 and "another run" in err and err.count("\n") == 1
    assert left == {"train_x.npy.part": b"of the other run", ".lock": b""}
    assert call(prepare_celeba)[0] == 0, "a killed run's lock holds nobody up"
    assert not (tmp_path / "out" / ".lock").exists()


@pytest.mark.parametrize("script", ["celeba", "imagenet"])
def test_as_a_command(script, tmp_path):
    command = [sys.executable, "-m", f"data_scripts.prepare_{script}", "--source", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert_refused(
        (done.returncode, done.stdout, done.stderr), tmp_path / "out", "nowhere", "--source"
    )
