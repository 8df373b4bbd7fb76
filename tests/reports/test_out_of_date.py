"""When a page is made again: what it is made from has another content, whatever its date says."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import inputs
import pytest
import run
import small_course
from small_course import to_run

WAIT = """import pathlib, time
pathlib.Path("here").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.05)"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = small_course.place(tmp_path_factory.mktemp("built") / "course")
    for name in ("01_a", "02_b"):
        small_course.write(root, name, small_course.cells(name, f"{int(name[:2])}.1"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        assert inputs.main(["quick"], root) == 0
        assert [run.run(root, "quick", name) for name in ("01_a", "02_b")] == [None, None]
    return root


@pytest.fixture
def course(built, tmp_path):
    """A copy of the built course, to be changed; nothing is to be done in it."""
    root = Path(shutil.copytree(built, tmp_path / "course", symlinks=True))
    assert to_run(root) == []
    return root


def notebook(root):
    return root / "notebooks" / "01_a.ipynb"


def rewrite(path, change):
    nb = json.loads(path.read_text(encoding="utf-8"))
    change(nb["cells"])
    path.write_text(json.dumps(nb), encoding="utf-8")


def test_what_is_not_run_again_is_said(course, capsys):
    assert inputs.main(["quick"], course) == 0
    said = capsys.readouterr().err
    assert said == "01, 02: unchanged, not run again (AGAIN=1 runs them)\n"
    rewrite(notebook(course), lambda cells: cells[-1].update(source="'another'"))
    assert inputs.main(["quick"], course) == 0
    assert capsys.readouterr().err == "02: unchanged, not run again (AGAIN=1 runs it)\n"
    assert inputs.main(["quick", "--again"], course) == 0
    assert capsys.readouterr().err == ""


def test_a_changed_cell_id_or_tag_repeats_that_notebook_alone(course):
    changes = [
        lambda cells: cells[-1].update(source="'another'"),
        lambda cells: cells[-1].update(id="another"),
        lambda cells: cells[-1]["metadata"].update(tags=["skip-execution"]),
        lambda cells: cells.pop(),
    ]
    before = notebook(course).read_bytes()
    for change in changes:
        rewrite(notebook(course), change)
        assert to_run(course) == ["01_a"]
        notebook(course).write_bytes(before)


def test_a_newer_date_or_kept_outputs_repeat_nothing(course):
    """Saving a notebook in JupyterLab, or switching branches and back, changes no page."""
    rewrite(notebook(course), lambda cells: cells[2].update(outputs=[], execution_count=7))
    for path in course.rglob("*.py"):
        os.utime(path)
    assert to_run(course) == []


def test_another_content_with_an_older_date_repeats(course):
    rewrite(notebook(course), lambda cells: cells[-1].update(source="'put back'"))
    os.utime(notebook(course), (0, 0))
    assert to_run(course) == ["01_a"]


def test_a_changed_added_or_removed_module_of_the_library_repeats_all(course):
    new = course / "course_lib" / "new.py"
    new.write_text("x = 1\n")
    assert to_run(course) == ["01_a", "02_b"]
    for executed in (course / "reports" / "quick" / "notebooks").glob("*.ipynb"):
        executed.touch()  # as if they had run
    assert to_run(course) == []
    new.unlink()
    assert to_run(course) == ["01_a", "02_b"]


@pytest.mark.parametrize("file", ["data/mnist/t10k.gz", "weights/03-cvae.json"])
def test_embedded_data_and_shipped_weights_count(course, file, monkeypatch):
    monkeypatch.setenv("COURSE_WEIGHTS", str(course / "weights"))
    (course / file).parent.mkdir(parents=True)
    (course / file).write_text("1")
    assert to_run(course, "quick", "--only", "02") == ["02_b"]


def test_a_data_set_prepared_since_repeats_the_notebooks(course, tmp_path, monkeypatch):
    """A notebook takes a set where it finds it, so it has to look again when one has come."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    assert to_run(course) == []
    abouts = [tmp_path / "cache" / "data" / name / "about.json" for name in ("mnist", "celeba")]
    for about in abouts:
        about.parent.mkdir(parents=True)
        (about.parent / "train_x.npy").touch()  # half prepared: nothing has come yet
    assert to_run(course) == []
    inputs = course / "reports" / "quick" / "notebooks" / "01_a.inputs"
    seen = {inputs.read_bytes()}
    for here in ([0], [1], [0, 1]):  # the set's name counts, not its text alone
        for i, about in enumerate(abouts):
            about.write_text('{"names": []}') if i in here else about.unlink(missing_ok=True)
        assert to_run(course, "quick", "--only", "01") == ["01_a"]
        seen.add(inputs.read_bytes())
    abouts[0].write_text('{"names": [], "sha256": 1}')
    assert to_run(course) == ["01_a", "02_b"]
    assert len(seen | {inputs.read_bytes()}) == 5


def test_the_budget_counts_and_only_for_the_chosen(course):
    assert to_run(course, "quick", "--only", "02", "--budget", "0.5") == ["02_b"]
    assert to_run(course, "quick", "--only", "01") == []
    assert to_run(course, "quick", "--only", "02_b.ipynb", "--budget", "0.5") == ["02_b"]


def test_again_repeats_what_is_up_to_date(course):
    assert to_run(course, "quick", "--again", "--only", "01") == ["01_a"]


@pytest.mark.parametrize("lost", ["figures/q1-1-fig.webp", "results/01_a.json", "notebooks"])
def test_what_is_lost_is_made_again(course, lost):
    path = course / "reports" / "quick" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert to_run(course, "quick", "--only", "01") == ["01_a"]


def test_inputs_that_change_during_a_run_count_for_the_next(course):
    """Two builds with two budgets: a run that ends later is still of its own budget."""
    small_course.write(course, "01_a", small_course.cells("01_a", "1.1", wait=WAIT))
    assert inputs.main(["quick"], course) == 0
    command = [sys.executable, "reports/run.py", "quick", "01_a"]
    environment = small_course.environment(PYTHONPATH=str(course))
    running = subprocess.Popen(command, cwd=course, env=environment)
    small_course.wait_for(course / "notebooks" / "here")
    assert "01_a" in to_run(course, "quick", "--budget", "0.5")
    (course / "notebooks" / "go").touch()
    assert running.wait() == 0
    part = course / "reports" / "quick" / "results" / "01_a.json"
    assert json.loads(part.read_text())["about"]["budget"] == 1.0
    assert "01_a" in to_run(course, "quick", "--budget", "0.5")


def test_another_template_redraws_pages_and_runs_nothing(course):
    by_hand = {"PYTHONPATH": str(course)}
    style = course / "reports" / "templates" / "style.css"
    style.write_text(style.read_text(encoding="utf-8") + ".of-today { color: red }\n")
    soon = time.time() + 5
    os.utime(style, (soon, soon))
    small_course.ran(course)
    assert to_run(course) == []
    assert small_course.python(course, "reports/index.py quick", **by_hand).returncode == 0
    assert small_course.ran(course) == []
    for name in ("01_a", "02_b", "index"):
        html = (course / "reports" / "quick" / f"{name}.html").read_text(encoding="utf-8")
        assert ".of-today" in html, name
    shutil.rmtree(course / "reports" / "quick" / "notebooks")  # as in a fresh clone: stays as it is
    old = (course / "reports" / "quick" / "01_a.html").read_bytes()
    style.write_text(".of-tomorrow {}")
    assert small_course.python(course, "reports/index.py quick", **by_hand).returncode == 0
    assert (course / "reports" / "quick" / "01_a.html").read_bytes() == old
