"""The runs in weights/: every one still does what it did, and none is too large."""

import contextlib
import json
import os
from pathlib import Path

import pytest
import torch
from conftest import REAL_CACHE

from course_lib.data import inputs, sets
from course_lib.evaluation import judge
from course_lib.paths import REPOSITORY
from course_lib.training import keys, outcomes, records, runs, shipped_measurements, shipping

FOLDER = REPOSITORY / "weights"
RUNS = sorted(FOLDER.glob("*.json"))
OUTCOMES = sorted((FOLDER / "outcomes").glob("*.json"))
MEASURED = [path for path in RUNS if json.loads(path.read_text()).get("measurements")]


def one_of_each(paths):
    """Of every recipe the training with the quickest steps; `make slow` looks at all."""
    about = {path: json.loads(path.read_text())["about"] for path in paths}
    pace = {path: about[path]["seconds"] / about[path]["steps"] for path in paths}
    quick = {about[p]["recipe"]: p for p in sorted(paths, key=pace.get, reverse=True)}.values()
    slow = {path: () if path in quick else pytest.mark.slow for path in paths}
    return [pytest.param(path, id=path.stem, marks=slow[path]) for path in paths]


def quick(path):
    """Whether one part of each of its measurements takes seconds; `make slow` has the others."""
    entries = json.loads(path.read_text())["measurements"]
    return sum(e["seconds"] * e["part"] / e["n"] for e in entries) < 10


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """Their data as a reader has them, but no run of his cache: that would be opened first."""
    monkeypatch.setenv("COURSE_CACHE", os.fspath(REAL_CACHE))
    monkeypatch.setenv("COURSE_WEIGHTS", os.fspath(FOLDER))


@contextlib.contextmanager
def skipped_without_its_data():
    """A real set that nobody has prepared here is no fault."""
    try:
        yield
    except sets.DataMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_shipped_run_does_in_five_steps_what_it_did(path):
    """A changed formula, default, order of pictures or schedule shows here. Mend it, or train the
    run anew: `make train`. After code was moved or renamed, `make restamp`."""
    with skipped_without_its_data():
        fault, record = shipping.problem(path)
    assert fault is None
    assert records.shipped(record["about"])[0] == path, "another key: run `make restamp`"


@pytest.mark.parametrize("path", [path for path in MEASURED if quick(path)], ids=lambda p: p.stem)
def test_pictures_of_a_shipped_measurement_give_what_they_gave(path):
    """As many, of 200, as take a second. A changed formula, setting or net shows here. Mend it,
    or measure anew and ship that."""
    measured_again(path, seconds=1)


@pytest.mark.slow
@pytest.mark.parametrize("path", MEASURED, ids=lambda path: path.stem)
def test_200_pictures_of_a_shipped_measurement_give_what_they_gave(path):
    """Or as many as take a minute each time."""
    measured_again(path, seconds=60)


def measured_again(path, seconds):
    with skipped_without_its_data():
        assert shipped_measurements.faults(path, seconds) == {}


@pytest.mark.parametrize("path", one_of_each(OUTCOMES))
def test_a_training_of_which_numbers_alone_ship_does_in_five_steps_what_it_did(path):
    """Its weights cannot be measured again; those that ship are, in the notebooks."""
    with skipped_without_its_data():
        assert outcomes.problem(path) is None


def files_of(path):
    """All files of a run: its record, its weights, and what was measured of it."""
    entries = json.loads(path.read_text()).get("measurements", [])
    names = [path.stem, *(f"{path.stem}.{entry['name']}" for entry in entries)]
    return [path, *(FOLDER / f"{name}.safetensors" for name in names)]


def test_every_file_belongs_to_a_run_and_every_run_has_its_files():
    expected = [file for path in RUNS for file in files_of(path)]
    others = [FOLDER / "README.md", FOLDER / "outcomes"]
    assert sorted([*expected, *others]) == sorted(FOLDER.iterdir()) and RUNS


def test_no_run_and_not_all_of_them_are_larger_than_a_repository_bears():
    limits = [json.loads(p.read_text())["limit"] for p in RUNS]  # 8 MB but for named exceptions
    sizes = [sum(f.stat().st_size for f in files_of(p)[1:]) for p in RUNS]
    assert all(n <= limit + 1e4 for n, limit in zip(sizes, limits, strict=True))
    assert sum(limit > shipping.LIMIT for limit in limits) <= 3
    assert sum(file.stat().st_size for file in FOLDER.rglob("*.*")) <= 80e6


def shipped_run(recipe, *words):
    """The shipped run of a recipe on these tensors, opened as a notebook opens it."""
    for path in RUNS:
        record, _ = records.read((path, path.with_suffix(".safetensors")))
        about = record["about"]
        if record["inputs"] == list(words) and about["recipe"] == keys.name_of(recipe):
            tensors = [inputs.tensor(word) for word in words]
            return runs.train_or_load(recipe, tensors, about["given"], about["epochs"])
    raise AssertionError(f"no shipped run of {keys.name_of(recipe)} on {words}")


def test_the_reader_of_close_ups_reads_every_factor():
    """R2 at least 0.95 on held-out pictures, as a question about control needs it."""
    words = "closeups/val/6000:x", "closeups/val/6000:factors"
    run = shipped_run(judge.factor_recipe, *words)
    x, true = (inputs.tensor(f"closeups/test/1000:{part}") for part in ("x", "factors"))
    assert run.about["shipped"]
    assert float(judge.r_squared(run.model, x, true).min()) >= 0.95


def test_the_judge_of_digits_is_right_on_995_of_1000():
    run = shipped_run(judge.digit_recipe, "mnist/train:x", "mnist/train:y")
    x, y = inputs.tensor("mnist/test:x"), inputs.tensor("mnist/test:y")
    with torch.no_grad():
        hits = torch.cat(
            [
                judge.correct(run.model, p.float() / 255, t)
                for p, t in zip(x.split(500), y.split(500), strict=True)
            ]
        )
    assert float(hits.mean()) >= 0.995


@pytest.mark.slow
def test_a_small_run_trained_whole_has_the_shipped_runs_history(tmp_path, monkeypatch):
    """The one that took least. Another machine rounds otherwise, so losses are compared, within
    5 %; the five steps above compare the rest."""
    path = min(
        RUNS, key=lambda p: records.read((p, p.with_suffix(".safetensors")))[0]["about"]["seconds"]
    )
    record, states = records.read((path, path.with_suffix(".safetensors")))
    about = record["about"]
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "none"))
    recipe = shipped_measurements.function_of(about["recipe"])
    tensors = [inputs.tensor(word) for word in record["inputs"]]
    run = runs.train_or_load(recipe, tensors, about["given"], about["epochs"])
    old, new = record["history"]["loss"], run.history["loss"].tolist()
    assert new == pytest.approx(old, rel=0.05)
    assert Path(records.folder_of(run.about)).is_dir()
