"""Nobody talks the grader into a point: each hostile answer gets 0 with a reason, the answer beside
it keeps its points, and nothing is left behind."""

import glob
import os
import re
import time

import psutil
import pytest
from answers import prepared, solution
from hostile import CASES

from grading import grade, sandbox, work

SECONDS = float(os.environ.get("GRADING_SECONDS", 2))  # for one cell
SLEEP = 6000 + os.getpid()  # seconds: what a process left behind is known by
# Three to thirty seconds each, for `make slow`; of every kind others are always tried.
LONG = ["endless: forks", "endless: threads", "endless: a lock in C", "endless: printing"]
LONG += ["endless: displaying", "endless: memory", "ending: another program", "ending: SIGSTOP"]
LONG += ["ending: os._exit, by a timer", "ending: os._exit, when called"]
LONG += ["endless: the folder of the sockets", "patched: json"]
LONG += ["patched: imports", "patched: what counts as a number", "handed: 100 MB"]
WHY = sandbox.missing()
if WHY:
    print(f"no hostile answer is graded here: {WHY}")
pytestmark = pytest.mark.skipif(bool(WHY), reason=f"no sandbox: {WHY}")


@pytest.fixture(scope="module")
def two_questions():
    """Notebook 02 with 2.1 and 2.7 alone, so that a case takes one kernel or two."""
    nb = prepared("02_vae").copy()
    nb.cells = [c for c in nb.cells if c.id.startswith(("setup", "q2-1", "q2-7"))]
    return nb


@pytest.fixture(scope="module")
def about(tmp_path_factory):
    place = tmp_path_factory.mktemp("library")
    work.release.for_grading(place / "course_lib")
    place.chmod(0o755)
    about = {"seed": 12345, "seconds": SECONDS, "library": str(place), "unsafe": False}
    return about | {"names": ("02_vae",)}


def left_behind():
    """Folders of kernels, processes that run in a sandbox, and forks; their end is waited for."""
    until = time.monotonic() + 20
    while (left := running()) and time.monotonic() < until:
        time.sleep(0.1)
    return left


def running():
    own = (f"/tmp/g{os.getpid()}-", f"sleep {SLEEP}")
    lines = [words(process) for process in psutil.process_iter()]
    lines = [line for line in lines if any(word in line for word in own)]
    below = [below for child in psutil.Process().children() for below in child.children(True)]
    return lines + [words(process) for process in below] + glob.glob(f"/tmp/g{os.getpid()}-*")


def words(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def graded(two_questions, about, cell):
    given = {i: s for i, s in solution("02_vae").items() if i.startswith(("q2-1", "q2-7"))}
    return grade.grade(two_questions, given | {"q2-1-task": cell}, about)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in CASES]
)
def test_a_hostile_answer_gets_nothing_and_harms_nothing(name, two_questions, about):
    cell, reason = CASES[name]
    cell = cell.replace("6000", str(SLEEP))
    verdicts, shown = graded(two_questions, about, cell)
    assert verdicts["2.1"]["share"] == 0
    said = " ".join([verdicts["2.1"]["reason"], *verdicts["2.1"]["parts"].values()])
    assert said.strip() and re.search(reason, said), said
    assert verdicts["2.7"]["share"] == 1, verdicts["2.7"]
    assert not any("LEAK" in cell["outputs"] for cell in shown) and "LEAK" not in said
    assert left_behind() == []


def test_right_numbers_by_another_way_are_right(two_questions, about):
    cell = """
def kl(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = (t.double() for t in (mu_q, logvar_q, mu_p, logvar_p))
    q, p = Normal(mu_q, (logvar_q / 2).exp()), Normal(mu_p, (logvar_p / 2).exp())
    return kl_divergence(q, p).sum(1)

def sigma_of_weight(weight, n_pixels):
    return (weight * n_pixels / 2) ** 0.5
"""
    verdicts, _ = graded(two_questions, about, cell)
    assert [v["share"] for v in verdicts.values()] == [1, 1]


def test_there_are_at_least_sixty():
    assert len(CASES) >= 60 and set(LONG) <= set(CASES)
