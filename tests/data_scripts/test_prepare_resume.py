"""A preparation that is killed and run again ends in the very bytes of an unbroken one."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_sets import (
    clean,  # noqa: F401  fixtures
    contents,
    write_celeba,
)

from data_scripts import common, prepare_celeba, prepared_set

REPOSITORY = Path(__file__).parents[2]


class Killed(BaseException):
    """Like SIGKILL, nothing in the scripts catches it."""


@pytest.fixture
def source(tmp_path):
    """14 pictures, of which one is bad: the resumed list of what was left out must be right too."""
    write_celeba(tmp_path / "source")
    (tmp_path / "source" / "img_align_celeba" / "000002.jpg").write_bytes(b"bad")
    return tmp_path / "source"


def options(source, out, *more):
    return ["--source", str(source), "--out", str(out), "--skip-checks", "--skip-bad", *more]


@pytest.fixture
def unbroken(source, tmp_path):
    assert prepare_celeba.main(options(source, tmp_path / "unbroken")) == 0
    return contents(tmp_path / "unbroken")


def at_call(number, function, error):
    """`function`, whose call of that number (from 0) raises `error` instead."""
    left = iter(range(number, -1, -1))

    def wrapped(*args, **kwargs):
        if next(left, None) == 0:
            raise error
        return function(*args, **kwargs)

    return wrapped


def count_reads(monkeypatch):
    reads, open_picture = [], common.open_picture
    monkeypatch.setattr(
        common, "open_picture", lambda *args: (reads.append(args), open_picture(*args))[1]
    )
    return reads


@pytest.mark.parametrize("number", [0, 3, 4, 9, 13])
@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
def test_killed_at_a_picture(source, unbroken, tmp_path, monkeypatch, capsys, number, error):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(common, "open_picture", at_call(number, common.open_picture, error()))
        if error is Killed:
            with pytest.raises(Killed):
                prepare_celeba.main(options(source, out))
        else:
            assert prepare_celeba.main(options(source, out)) == 130
            err = capsys.readouterr().err
            assert err.count("\n") == 1 and "continues where it stopped" in err
    assert not (out / "about.json").exists() and not list(out.glob("*.npy"))
    reads = count_reads(monkeypatch)
    assert prepare_celeba.main(options(source, out)) == 0
    assert contents(out) == unbroken
    done = 13 if number == 13 else number // 4 * 4  # whole batches, of 4 4 4 1 and 1
    assert len(reads) == 14 - done


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_killed_at_every_write(source, unbroken, tmp_path, monkeypatch, where):
    for number in range(1000):
        out = tmp_path / f"out{number}"
        with monkeypatch.context() as patch:
            patch.setattr(os, where, at_call(number, getattr(os, where), Killed()))
            try:
                prepare_celeba.main(options(source, out))
                break
            except Killed:
                assert not (out / "about.json").exists()
        assert prepare_celeba.main(options(source, out)) == 0
        assert contents(out) == unbroken
    assert number >= 10


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_real_kill(source, unbroken, tmp_path, signal_number):
    out = tmp_path / "out"
    script = f"""
import os, sys
from data_scripts import common, prepare_celeba, prepared_set
prepared_set.BATCH, calls, read = 4, [], common.open_picture
def read_or_die(*args):
    calls.append(args)
    if len(calls) == 7:
        os.kill(os.getpid(), {int(signal_number)})
    return read(*args)
common.open_picture = read_or_die
prepare_celeba.main(sys.argv[1:])
"""
    command = [sys.executable, "-c", script, *options(source, out)]
    assert subprocess.run(command, cwd=REPOSITORY).returncode == -signal_number
    assert json.loads((out / "progress.json").read_text())["done"] == {"train": 4, "test": 0}
    assert prepare_celeba.main(options(source, out)) == 0
    assert contents(out) == unbroken


@pytest.fixture
def half_done(source, tmp_path, monkeypatch):
    """An output folder whose run was killed after two batches."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(common, "open_picture", at_call(9, common.open_picture, Killed()))
        prepare_celeba.main(options(source, tmp_path / "out"))
    return tmp_path / "out"


def test_what_was_written_past_the_checkpoint_is_dropped(source, unbroken, half_done):
    for part in half_done.glob("*.npy.part"):
        part.write_bytes(part.read_bytes() + b"half a batch" * 10_000)
    assert prepare_celeba.main(options(source, half_done)) == 0
    assert contents(half_done) == unbroken


@pytest.mark.parametrize("damage", ["array", "progress", "no array"])
def test_a_damaged_start_is_not_continued(source, unbroken, half_done, damage):
    array, progress = half_done / "train_x.npy.part", half_done / "progress.json"
    if damage == "progress":
        progress.write_text(progress.read_text()[:20])
    elif damage == "array":
        array.write_bytes(array.read_bytes()[:-1])
    else:
        array.unlink()
    assert prepare_celeba.main(options(source, half_done)) == 0
    assert contents(half_done) == unbroken


def test_a_disk_that_fails_for_a_moment_costs_nothing(
    source, unbroken, half_done, monkeypatch, capsys
):
    """What cannot be read just now is not taken for damage."""
    before = contents(half_done)

    def fail(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(prepared_set, "read_json", fail)
        assert prepare_celeba.main(options(source, half_done)) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "progress.json: Input/output error" in err
    assert contents(half_done) == before
    reads = count_reads(monkeypatch)
    assert prepare_celeba.main(options(source, half_done)) == 0
    assert contents(half_done) == unbroken and len(reads) == 14 - 8


def test_another_source_is_not_continued(source, half_done, tmp_path):
    first, second = (source / "img_align_celeba" / f"00000{i}.jpg" for i in (1, 3))
    first.write_bytes(second.read_bytes())
    assert prepare_celeba.main(options(source, half_done)) == 0
    x = np.load(half_done / "train_x.npy")
    rows = prepared_set.shuffled(range(1, 14))
    rows.remove(2)  # it is left out
    np.testing.assert_array_equal(x[rows.index(1)], x[rows.index(3)])


def test_a_complete_set_is_left_alone(source, unbroken, tmp_path, capsys, monkeypatch):
    out = tmp_path / "unbroken"
    times = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    monkeypatch.setattr(prepared_set, "build", None)
    assert prepare_celeba.main(options(source, out)) == 0
    text = capsys.readouterr().out
    assert "nothing to do" in text and "--again" in text
    assert times == {path: path.stat().st_mtime_ns for path in out.iterdir()}


def test_again_prepares_anew(source, unbroken, tmp_path, monkeypatch):
    reads = count_reads(monkeypatch)
    assert prepare_celeba.main(options(source, tmp_path / "unbroken", "--again")) == 0
    assert len(reads) == 14 and contents(tmp_path / "unbroken") == unbroken


@pytest.mark.parametrize("damage", ["changed", "truncated", "empty", "missing", "about", "list"])
def test_a_damaged_set_is_prepared_anew(source, unbroken, tmp_path, capsys, damage):
    out = tmp_path / "unbroken"
    array, about = out / "train_x.npy", out / "about.json"
    if damage == "missing":
        array.unlink()
    elif damage == "about":
        about.write_text(about.read_text()[:30])
    elif damage == "list":
        about.write_text("[]")
    elif damage == "empty":
        array.write_bytes(b"")
    else:
        array.write_bytes(unbroken["train_x.npy"][:-1] + (b"?" if damage == "changed" else b""))
    assert prepare_celeba.main(options(source, out)) == 0
    assert "damaged" in capsys.readouterr().out
    assert contents(out) == unbroken


def test_again_with_a_bad_source_keeps_the_old_set(source, unbroken, tmp_path):
    out = tmp_path / "unbroken"
    without = [option for option in options(source, out, "--again") if option != "--skip-bad"]
    assert prepare_celeba.main(without) == 1
    assert contents(out) == unbroken


def test_again_removes_a_split_that_is_no_more(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    write_celeba(source, n=8, partition="00011122")
    prepare_celeba.main(options(source, out))
    assert (out / "val_x.npy").exists()
    (source / "list_eval_partition.txt").unlink()
    assert prepare_celeba.main(options(source, out, "--again")) == 0
    assert not list(out.glob("val_*")) and (out / "test_x.npy").exists()
