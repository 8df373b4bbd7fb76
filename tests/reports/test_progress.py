"""What the console says while a notebook runs: nets that are trained, as it happens."""

import time

import execute
import inputs
import nbformat
import progress
import pytest
import run
import small_course

SAYS = """
import sys, time
run = "shipped run models.vae.recipe-01: "
print(run + "opened (20 epochs, trained in 455 s on CPU, 1 thread)")
print(run + "models.vae.recipe-01.safetensors is missing; it is trained", end=" ", flush=True)
time.sleep(0.5)  # the rest comes in another message
print("here instead")
print("digits: training, 20 steps; the one that ships took 455 s on CPU, 1 thread")
print("shipped measurement x-02: x-02.safetensors is missing; it is measured here instead")
print("kept run models.vae.recipe-03: damaged; it is trained again")
print("a line without an end; it is trained again", end="")
print("on the other stream: training, 20 steps", file=sys.stderr)"""


@pytest.fixture
def said(tmp_path, capsys):
    """What the console says of a notebook that prints SAYS, line by line."""
    small_course.write(tmp_path, "01_a", small_course.cells("01_a", "1.1", says=SAYS))
    assert inputs.main(["quick"], tmp_path) == 0 and run.run(tmp_path, "quick", "01_a") is None
    lines = [line.split("\r")[-1] for line in capsys.readouterr().err.splitlines()]
    return [line for line in lines if line.startswith("01_a: ") and "cell" not in line]


def test_each_training_is_said_in_a_whole_line_and_nothing_else(said):
    run_name = "shipped run models.vae.recipe-01: models.vae.recipe-01.safetensors is missing"
    assert said == [
        f"01_a: {run_name}; it is trained here instead",
        "01_a: digits: training, 20 steps; the one that ships took 455 s on CPU, 1 thread",
        "01_a: shipped measurement x-02: x-02.safetensors is missing; it is measured here instead",
        "01_a: kept run models.vae.recipe-03: damaged; it is trained again",
    ]


def test_a_line_is_told_before_the_cell_has_ended(tmp_path):
    wait = "import time\nprint('vae: training, 2 steps', flush=True)\ntime.sleep(1)\nprint('end')"
    small_course.write(tmp_path, "01_a", small_course.cells("01_a", says=wait))
    nb, seen = execute.read(tmp_path / "notebooks" / "01_a.ipynb"), []
    work = tmp_path / "work"
    (work / "results" / "figures").mkdir(parents=True)
    tell = lambda line: seen.append((line, time.monotonic()))
    execute.execute(nb, tmp_path, work, {}, lambda cell_id: None, tell)
    times = dict(seen)
    assert times["end"] - times["vae: training, 2 steps"] > 0.5


def test_what_ships_and_is_gone_altogether_is_said_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path))
    for name in ("a-1.safetensors", "a-1.json", "b-2.json"):
        (tmp_path / name).touch()
    opened = {"a-1": "sha", "b-2": "sha", "c-3": "sha", "c-3.nll-4": "sha"}
    nb = nbformat.v4.new_notebook(metadata={"course": {"weights": opened}})
    with progress.bar(nb, "01_a") as (_, tell):
        tell("a line of no weight")
    said = capsys.readouterr().err
    assert "01_a: weights/c-3 is missing; git checkout -- weights brings it back\n" in said
    assert "weights/c-3.nll-4 is missing" in said and said.count(" is missing") == 2
    assert "no weight" not in said
    assert progress.lost(nbformat.v4.new_notebook()) == []
