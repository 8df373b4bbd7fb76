"""A release as students meet it: each notebook runs to its first stub, and with the staff's bodies
in all stubs to its end. Minutes each: pytest -m slow tests/grading/test_release_runs.py"""

import os

import nbformat
import pytest
from answers import solution
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_lib.paths import cache_root
from grading import course, release

pytestmark = pytest.mark.slow
CACHE = os.path.abspath(cache_root())  # before a test moves it: the data are made there once
NAMES = sorted(course.notebooks())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    release.release(folder)
    return folder


def executed(folder, name, given, monkeypatch):
    """The notebook after it was run in the release, and what stopped it, or None."""
    nb = nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4)
    for cell in nb.cells:
        cell.source = given.get(cell.id, cell.source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("COURSE_CACHE", CACHE)
    monkeypatch.delenv("COURSE_WEIGHTS", raising=False)
    try:
        where = {"metadata": {"path": str(folder / "notebooks")}}
        NotebookClient(nb, timeout=1800, kernel_name="python3", resources=where).execute()
    except CellExecutionError as error:
        return nb, error
    return nb, None


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_release_stops_at_its_first_stub(name, made, monkeypatch):
    nb, error = executed(made, name, {}, monkeypatch)
    assert error.ename == "NotImplementedError"
    (stopped,) = [c.id for c in nb.cells if c.cell_type == "code" and failed(c)]
    first = next(c.id for c in nb.cells if c.id in solution(name))
    assert stopped.startswith(first.removesuffix("-task"))


def failed(cell):
    return any(output.output_type == "error" for output in cell.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_with_the_staff_s_bodies_a_release_runs_to_its_end(name, made, monkeypatch):
    nb, error = executed(made, name, solution(name), monkeypatch)
    assert error is None, error
    texts = "".join(str(o.get("text", "")) for c in nb.cells for o in c.get("outputs", []))
    assert "trained again" not in texts
    sent = [o for c in nb.cells for o in c.get("outputs", []) if "hand-in" in str(o.get("data"))]
    assert len(sent) == len(course.questions(course.notebooks()[name]))
