"""With the staff's bodies in all stubs a release runs to its end: the quickest notebook always, the
others, of which test_release_cells.py says why, by `make slow`."""

import pytest
from answers import solution
from running import executed

from grading import course, release

QUICKEST = "03_cvae"
OTHERS = sorted(course.notebooks().keys() - {QUICKEST})
NAMES = [QUICKEST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    release.release(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_with_the_staff_s_bodies_a_release_runs_to_its_end(name, made, monkeypatch):
    nb, error = executed(made, name, solution(name), monkeypatch)
    assert error is None, error
    texts = "".join(str(o.get("text", "")) for c in nb.cells for o in c.get("outputs", []))
    assert "trained again" not in texts
    sent = [o for c in nb.cells for o in c.get("outputs", []) if "hand-in" in str(o.get("data"))]
    assert len(sent) == len(course.questions(course.notebooks()[name]))
