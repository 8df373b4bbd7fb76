"""Through kernel and sandbox: the staff's answers get all points, the untouched release none, and
one mistake costs its own part."""

import os

import pytest
from answers import prepared, with_line

from grading import __main__ as command
from grading import course, sandbox, work

WHY = sandbox.missing()
if WHY:
    print(f"no submission is graded here: {WHY}")
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(bool(WHY), reason=f"no sandbox: {WHY}"),
]
HOW = {"seconds": float(os.environ.get("GRADING_SECONDS", 10)), "unsafe": False}


@pytest.mark.parametrize("name", course.notebooks())
@pytest.mark.parametrize("share", [1.0, 0.0])
def test_staff_gets_all_points_and_the_release_none(name, share):
    one = command.expected("anybody", [name], share)
    made = work.graded(one, HOW, work.records.checks_digest())
    verdicts = made["notebooks"][name]["verdicts"]
    assert list(verdicts) == [q.name for q in course.questions(prepared(name))]
    assert {v["share"] for v in verdicts.values()} == {share}, verdicts


def test_two_gradings_draw_two_seeds_and_say_the_same():
    given = with_line("02_vae", "q2-7-task", "z[has].mean(0) - z", "z[has].mean(0) + z")
    one = work.job("ada", {"02_vae": {"given": given, "fault": "", "file": "a"}})
    digest = work.records.checks_digest()
    first, second = (work.graded(one, HOW, digest) for _ in range(2))
    assert first["seed"] != second["seed"] and first["digest"] == second["digest"]
    for made in (first, second):
        shares = {q: v["share"] for q, v in made["notebooks"]["02_vae"]["verdicts"].items()}
        assert shares == dict.fromkeys(shares, 1.0) | {"2.7": 0.5}
