"""With the staff's bodies in all stubs a release runs to its end: each by `make slow`, and why each
does stands in test_release_cells.py."""

import pytest
from answers import solution
from running import executed

from grading import course


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(course.notebooks()))
def test_with_the_staff_s_bodies_a_release_runs_to_its_end(name, released, monkeypatch):
    nb, error = executed(released, name, solution(name), monkeypatch)
    assert error is None, error
    texts = "".join(str(o.get("text", "")) for c in nb.cells for o in c.get("outputs", []))
    assert "trained again" not in texts
    sent = [o for c in nb.cells for o in c.get("outputs", []) if "hand-in" in str(o.get("data"))]
    assert len(sent) == len(course.questions(course.notebooks()[name]))
