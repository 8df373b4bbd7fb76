"""Two processes that want the same run at the same moment: one trains it, the other opens it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_family

from course_lib.atomic import locked
from course_lib.paths import cache_root
from course_lib.training import records, runs

# A save after each step; after the first one it goes on when the file that it is given is there.
TRAIN = """if True:
    import os, sys, time, toy_family
    from course_lib.training import runs
    from course_lib.training.checkpoint import Checkpoint

    def due(self):
        while self.path.is_file() and not os.path.exists(sys.argv[1]):
            time.sleep(0.02)
        return True

    Checkpoint.due = due
    runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {}, int(sys.argv[2]))
"""
EPOCHS = 3
WAITS = "another process trains this run; waiting for it"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1")


@pytest.fixture
def start():
    """start(*words): python with these words, its output to be read line by line."""
    processes = []

    def begin(*words):
        here = os.pathsep.join([str(Path(toy_family.__file__).parent), str(Path.cwd())])
        environment = os.environ | {"PYTHONPATH": here, "OMP_NUM_THREADS": "1"}
        environment["PYTHONUNBUFFERED"] = "1"
        processes.append(
            subprocess.Popen(
                [sys.executable, *words],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def both(start):
    """Two processes for one run: the first trains it, the second has said that it waits."""
    words = "-c", TRAIN, str(cache_root() / "go"), str(EPOCHS)
    first = start(*words)
    while not list(cache_root().glob("runs/*/checkpoint.safetensors")):
        assert first.poll() is None
        time.sleep(0.05)
    second = start(*words)
    assert WAITS in second.stdout.readline()
    return first, second


def go():
    (cache_root() / "go").touch()


def unbroken(monkeypatch, tmp_path):
    """The digest of the weights of a run that nothing disturbs."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "undisturbed"))
    run = runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {}, EPOCHS)
    return run.about["weights_sha256"]


def test_the_second_process_waits_and_opens_what_the_first_trained(both):
    go()
    outputs = [process.communicate(timeout=120)[0] for process in both]
    assert [output.count("training, ") for output in outputs] == [1, 0]
    assert [output.count("opened (") for output in outputs] == [0, 1]
    assert not list((cache_root() / "locks").iterdir())


def test_where_the_first_is_killed_the_second_goes_on_with_its_run(both, monkeypatch, tmp_path):
    first, second = both
    first.kill()
    go()
    output = second.communicate(timeout=120)[0]
    assert "taken up at epoch" in output and "opened (" not in output
    (record,) = cache_root().glob("runs/*/run.json")
    sha = records.read((record, record.with_name("weights.safetensors")))[0]["weights_sha256"]
    assert sha == unbroken(monkeypatch, tmp_path)


def test_a_run_that_was_finished_before_the_lock_was_had_is_opened(monkeypatch, capsys):
    """Between the first look and the lock another process may end."""

    def late(about, turn, whole=runs._take_turn):
        monkeypatch.setattr(runs, "_take_turn", whole)
        runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {}, 1)
        whole(about, turn)

    monkeypatch.setattr(runs, "_take_turn", late)
    runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {}, 1)
    output = capsys.readouterr().out
    assert output.count("training, ") == 1 and output.count("opened (") == 1


def test_under_torchrun_rank_0_alone_asks_and_says_that_it_waits(start):
    run = runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {}, EPOCHS)
    records.remove(run.about)
    go()
    script = cache_root() / "train.py"
    script.write_text(TRAIN)
    with locked(cache_root() / "locks" / records.name_of(run.about)):
        both = start(
            *TORCHRUN, "--nproc-per-node=2", str(script), str(cache_root() / "go"), str(EPOCHS)
        )
        assert WAITS in both.stdout.readline()
    output = both.communicate(timeout=120)[0]
    assert WAITS not in output and output.count("training, ") == 1 and both.returncode == 0


def test_a_process_leaves_its_group_at_its_end():
    """A group that is still there when Python ends aborts the process now and then."""
    script = """if True:
        import atexit, torch.distributed as dist
        atexit.register(lambda: print("still there:", dist.is_initialized()))
        from course_lib.training import distributed
        distributed.join(alone=True)
        print("joined:", dist.is_initialized())
    """
    process = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.split("\n")[:2] == ["joined: True", "still there: False"]
