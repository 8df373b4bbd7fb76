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


def test_a_shipped_run_is_noted_by_the_name_that_it_ships_under(tmp_path, monkeypatch):
    """Its own key may be another: that of the same run on data that differ in rounding."""
    monkeypatch.setenv("COURSE_RESULTS", str(tmp_path))
    about = {"recipe": "vae.recipe", "key": "1", "shipped": "vae.recipe-2"}
    records.note({"about": about, "weights_sha256": "ab"})
    assert [(p.name, p.read_text()) for p in (tmp_path / "opened").iterdir()] == [
        ("vae.recipe-2", "ab")
    ]
