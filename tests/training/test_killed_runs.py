"""Kept runs whose process is killed, at any write and at any moment, end in the same weights."""

import multiprocessing
import os
import signal
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest
from toy_family import (
    EPOCHS,
    assert_equal,
    folders,
    pictures,
    recipe,
    train_and_die,
    train_slowly,
    unbroken,
    weights,
)

from course_lib.training import runs


@pytest.fixture(scope="module")
def processes():
    """New processes in a moment: they fork from one that has imported the library already."""
    context = multiprocessing.get_context("forkserver")
    server = forkserver._forkserver  # one for all tests of this process: it has imported the grader
    server._stop()
    before = server._preload_modules
    context.set_forkserver_preload(["course_lib.training.runs"])
    yield context
    server._stop()
    context.set_forkserver_preload(before)


@pytest.mark.parametrize("moment", ["half", "before", "after"])
@pytest.mark.parametrize("nth", [1, 2, 8, 5 * EPOCHS + 1, 5 * EPOCHS + 2, 5 * EPOCHS + 3])
def test_a_run_killed_at_a_write_ends_in_the_same_weights(nth, moment, processes, monkeypatch):
    """A reserve, five checkpoints an epoch, the weights, then the record that says: done."""
    expected = unbroken()
    cache = os.environ["COURSE_CACHE"] + "-killed"
    process = processes.Process(target=train_and_die, args=(cache, EPOCHS, nth, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    monkeypatch.setenv("COURSE_CACHE", cache)
    assert_equal(unbroken(), expected)
    assert sorted(p.name for p in folders()[0].glob("*.part")) == []


@pytest.mark.parametrize("moment", [0.0, 0.08, 0.21])
def test_a_run_killed_from_outside_ends_in_the_same_weights(moment, processes, monkeypatch, capsys):
    epochs = 60
    expected = weights(runs.train_or_load(recipe, [pictures()], {}, epochs))
    cache = os.environ["COURSE_CACHE"] + "-killed"
    process = processes.Process(target=train_slowly, args=(cache, epochs))
    process.start()
    while not list(Path(cache).glob("runs/*/checkpoint.safetensors")):
        assert process.exitcode is None
        time.sleep(0.005)
    time.sleep(moment)
    process.kill()
    process.join(60)
    monkeypatch.setenv("COURSE_CACHE", cache)
    assert not (folders()[0] / "run.json").exists(), "it finished before it was killed"
    assert_equal(weights(runs.train_or_load(recipe, [pictures()], {}, epochs)), expected)
    assert "taken up at epoch" in capsys.readouterr().out
