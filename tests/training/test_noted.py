"""Under the report a run is noted when it is used: its name, and the weights that were opened."""

from toy_family import pictures, recipe

from course_lib.training import records, runs


def test_a_trained_run_and_an_opened_one_are_noted_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path / "results"))
    folder = tmp_path / "results" / "opened"
    run = runs.train_or_load(recipe, [pictures()], {}, 1)
    noted = {path.name: path.read_text() for path in folder.iterdir()}
    assert noted == {records.name_of(run.about): run.about["weights_sha256"]}
    (folder / records.name_of(run.about)).unlink()
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert {path.name: path.read_text() for path in folder.iterdir()} == noted


def test_outside_the_report_nothing_is_noted(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_RESULTS", raising=False)
    runs.train_or_load(recipe, [pictures()], {}, 1)
    assert not list(tmp_path.rglob("opened"))
