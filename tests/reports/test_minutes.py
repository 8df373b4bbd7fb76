"""As many of the epochs as fit into some minutes: rehearsed, divided, kept."""

import math
import re

import inputs
import minutes
import pytest
import rehearse
import run
import small_course
from rehearse import Rehearsal
from toy_family import pictures

from course_lib.atomic import read_json
from course_lib.paths import cache_root
from course_lib.training import rehearsal

TRAIN = """
from toy_family import pictures, recipe
from course_lib.training import runs
runs.train_or_load(recipe, [pictures()], {"seed": seed}, max(1, round(budget * 40)))
"""
BROKEN = "\nassert budget == 2, 'of trained models'\n1 / 0"
FIXED = '\nruns.train_or_load(recipe, [pictures()], {"width": 4}, 3)'


def training(epochs, kept=False, seconds=10.0, again=False):
    facts = {"recipe": "r", "epochs": epochs, "epoch_seconds": seconds}
    return facts | {"kept": kept, "again": again}


def page(*epochs, kept=False, seconds=10.0, rest=100.0):
    """Of trainings of so many epochs each."""
    whole = [training(n, kept, seconds) for n in epochs]
    least = [training(1, False, seconds) for _ in epochs]
    return minutes.Page(Rehearsal(whole, rest, []), Rehearsal(least, rest, []))


# ---- what a share takes --------------------------------------------------------------------------


def test_a_share_takes_its_epochs_and_the_rest_of_the_notebook():
    of_two = page(20, 8)
    assert of_two.seconds(1.0) == pytest.approx(100 + 1.05 * 280)
    assert of_two.seconds(0.5) == pytest.approx(100 + 1.05 * 140)
    assert of_two.seconds(0.001) == pytest.approx(100 + 1.05 * 20)
    assert 0.5 <= of_two.share(100 + 1.05 * 141) < 0.6
    assert of_two.share(400) == 1.0


def test_a_slow_step_gives_a_smaller_share_than_a_quick_one():
    slow, quick = page(20, seconds=40.0), page(20, seconds=20.0)
    assert 0 < slow.share(300) < quick.share(300) < 1


def test_what_is_kept_costs_nothing_and_what_no_share_cuts_costs_the_same():
    kept = page(20, kept=True)
    assert kept.seconds(1.0) == kept.cheapest() == 100.0 < kept.seconds(0.9)
    assert kept.share(100.0) == 1.0
    fixed = minutes.Page(*[Rehearsal([training(12)], 0.0, [])] * 2)
    assert fixed.seconds(0.3) == fixed.seconds(1.0) == pytest.approx(1.05 * 120)
    judge = minutes.Page(*[Rehearsal([training(12, kept=True)], 0.0, [])] * 2)
    assert judge.seconds(0.3) == 0.0


def test_what_is_trained_once_for_two_questions_counts_once():
    twice = [training(20), training(20, kept=True, again=True)]
    least = [training(1), training(1, kept=True, again=True)]
    both = minutes.Page(Rehearsal(twice, 0.0, []), Rehearsal(least, 0.0, []))
    assert both.seconds(1.0) == pytest.approx(1.05 * 200)
    assert both.seconds(0.5) == pytest.approx(1.05 * 100)
    # Two that are one training at the least share only are two at any other.
    apart = minutes.Page(Rehearsal([training(20), training(10)], 0.0, []), both.least)
    assert apart.seconds(0.5) == pytest.approx(1.05 * 150)


def test_pages_share_the_time_and_what_one_does_not_use_goes_to_the_others():
    pages = {"a": page(100), "b": page(4), "c": page(100), "d": page(50, kept=True)}
    chosen = minutes.divided(pages, 1200.0, 20)
    assert chosen["b"] == chosen["d"] == 1.0 and 0 < chosen["a"] < 1
    assert chosen["a"] == pytest.approx(chosen["c"], abs=0.02)
    used = sum(pages[name].seconds(share) for name, share in chosen.items())
    assert 1170 < used <= 1200


def test_too_few_minutes_are_refused_with_how_many_it_takes():
    with pytest.raises(minutes.PlanError, match="MINUTES=2 is too short.* it takes about 4$"):
        minutes.divided({"a": page(20), "b": page(30)}, 110.0, 2)


# ---- the rehearsal -------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; clock(seconds) moves it on."""
    now = [0.0]
    monkeypatch.setattr(rehearsal.time, "perf_counter", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


class Slow:
    """A step of so many seconds, the first one of twice as many."""

    def __init__(self, clock, seconds):
        self.clock, self.seconds, self.parts, self.calls = clock, seconds, {}, 0

    def __call__(self, x):
        self.calls += 1
        self.clock(self.seconds * (1 + (self.calls == 1)))
        return {"loss": x.float().mean()}


class FiveBatches:
    def __len__(self):
        return 5

    def epoch(self, epoch):
        return ((x,) for x in pictures().split(11))


@pytest.mark.parametrize(("seconds", "calls"), [(0.01, 11), (3.0, 2)])
def test_an_epoch_is_timed_by_a_few_steps_and_one_evaluation(clock, seconds, calls):
    step = Slow(clock, seconds)
    row, took = rehearsal.timed_epoch(step, FiveBatches(), 20, lambda: clock(7.0) or {"error": 1})
    assert took == pytest.approx(5 * seconds + 7) and step.calls == calls
    assert set(row) == {"loss", "error"}


def test_no_more_steps_are_made_than_the_training_has(clock):
    step, one = Slow(clock, 0.5), FiveBatches()
    one.__class__ = type("OneBatch", (FiveBatches,), {"__len__": lambda self: 1})
    assert rehearsal.timed_epoch(step, one, 1)[1] == pytest.approx(1.0) and step.calls == 1


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one notebook; trains: the code of a cell that needs torch."""
    monkeypatch.setattr(rehearse.execute, "environment", environment)

    def write(trains="1", end=""):
        cells = small_course.cells("01_a", "1.1", training=trains, end=f"ran('end'){end}")
        small_course.write(tmp_path, "01_a", cells)
        return tmp_path

    return write


def environment(root, work, whole=rehearse.execute.environment):
    """Of the kernels in these tests: they find the toy family."""
    where = {"PYTHONPATH": f"{small_course.ROOT}:{small_course.ROOT / 'tests'}"}
    return whole(root, work) | where


def test_a_rehearsal_finds_what_is_to_be_trained_and_keeps_nothing(course):
    root, parameters = course(TRAIN + FIXED), {"profile": "quick", "budget": 1.0}
    assert run_with(root, {"profile": "quick", "budget": 0.05}) is None  # keeps the fixed one
    kept = {path: path.stat().st_mtime_ns for path in cache_root().rglob("*/*.*")}
    found = rehearse.rehearse(root, "01_a", parameters)
    assert [(t["epochs"], t["kept"]) for t in found.trainings] == [(40, False), (3, True)]
    assert found.rest > 0 and not found.failed
    assert {path: path.stat().st_mtime_ns for path in cache_root().rglob("*/*.*")} == kept
    assert not list((root / "reports" / ".tmp").glob("*/*/"))


def run_with(root, parameters):
    inputs.write(root / "reports/quick/notebooks/01_a.inputs", parameters, {}, True)
    return run.run(root, "quick", "01_a")


def test_a_cell_that_an_untrained_model_breaks_is_said_and_the_rest_goes_on(course, capsys):
    root = course(BROKEN)
    whole = {"profile": "quick", "budget": 1.0}
    assert len(minutes.tried(root, "01_a", whole, until=math.inf).failed) == 1
    assert "01_a: cell training (ZeroDivisionError: division by zero) failed in the rehearsal" in (
        capsys.readouterr().err
    )
    assert small_course.ran(root) == ["01_a", "end"]


def test_a_notebook_whose_kernel_dies_is_left_to_the_build(course):
    root = course("import os\nos._exit(1)")
    with pytest.raises(rehearse.execute.NotebookError, match="cell training: Kernel died"):
        rehearse.rehearse(root, "01_a", {"profile": "quick", "budget": 1.0})
    whole = {"profile": "quick", "budget": 1.0}
    assert minutes.tried(root, "01_a", whole, until=math.inf) == Rehearsal([], 0.0, [])


def test_a_rehearsal_ends_when_the_time_is_over(course):
    root = course()
    with pytest.raises(minutes.PlanError, match="01_a: the time was over.*say more MINUTES"):
        minutes.shares(root, "quick", ["01_a"], 1e-9)
    assert not (root / "ran").exists() or small_course.ran(root) == []
    assert not list((root / "reports" / ".tmp").glob("*/*/"))


def test_two_rehearsals_that_differ_are_refused():
    uneven = minutes.Page(Rehearsal([training(5)], 0.0, []), Rehearsal([], 0.0, []))
    with pytest.raises(minutes.PlanError, match="01_a: .* 1 and 0 trainings.*say BUDGET"):
        minutes.checked("01_a", uneven)


# ---- the share of a page -------------------------------------------------------------------------


@pytest.fixture
def rehearsed(monkeypatch):
    """A list that grows by one with every rehearsal, none of which is really run: 40 epochs of a
    minute each."""
    asked = []

    def rehearsal_of(root, name, parameters, until):
        asked.append(parameters["budget"])
        return Rehearsal([training(max(1, round(40 * asked[-1])), seconds=60.0)], 0.0, [])

    monkeypatch.setattr(minutes, "rehearse", rehearsal_of)
    return asked


def chosen(root, *words):
    """The parameters that inputs.py keeps for the page."""
    assert inputs.main(["quick", *words], root) == 0
    return read_json(root / "reports/quick/notebooks/01_a.inputs")["parameters"]


def test_a_chosen_share_holds_until_something_changes_or_it_is_asked_for_anew(
    course, rehearsed, monkeypatch
):
    root, words = course(), ("--minutes", "21")
    first = chosen(root, *words)
    assert first == {"profile": "quick", "minutes": 21.0, "budget": first["budget"]}
    assert 0.47 < first["budget"] < 0.53 and len(rehearsed) == 2
    # Killed and started again, on a machine that is slower by now, also where it was asked for anew
    monkeypatch.setattr("course_lib.training.rehearsal.SAVING", 2.0)
    assert chosen(root, *words) == chosen(root, *words, "--again") == first
    assert len(rehearsed) == 2
    assert run.run(root, "quick", "01_a") is None
    assert chosen(root, *words) == first and len(rehearsed) == 2
    assert chosen(root, *words, "--again")["budget"] < first["budget"] and len(rehearsed) == 4
    assert chosen(root, "--minutes", "30")["minutes"] == 30 and len(rehearsed) == 6
    course(end="  # another")
    assert chosen(root, "--minutes", "30") and len(rehearsed) == 8


def test_a_whole_page_that_is_there_is_not_rehearsed(course, rehearsed):
    root = course()
    whole = chosen(root)
    assert run.run(root, "quick", "01_a") is None
    assert chosen(root, "--minutes", "5") == whole and rehearsed == []


def test_a_whole_profile_that_fits_is_taken(course, rehearsed):
    assert chosen(course(), "--minutes", "50")["budget"] == 1.0 and rehearsed == [1.0]


def test_the_page_and_the_index_say_the_share_and_the_minutes(course, rehearsed):
    root = course()
    share = chosen(root, "--minutes", "21")["budget"]
    assert run.run(root, "quick", "01_a") is None
    said = f"{share}, chosen to fit into 21 minutes"
    assert f"Budget of this page: {said}" in small_course.page(root, "01_a.html")
    assert f"budget {said}" in small_course.page(root, "index.html")
    about = small_course.results(root)["notebooks"]["01_a"]
    assert (about["budget"], about["minutes"]) == (share, 21.0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--minutes", "abc"], "'abc' is not a number of minutes above 0"),
        (["--minutes", "0"], "'0' is not a number of minutes above 0"),
        (["--minutes", "inf"], "'inf' is not a number of minutes above 0"),
        (["--minutes", "9", "--budget", "0.5"], "BUDGET and MINUTES are two ways"),
        (["--minutes", "0.5"], "MINUTES=0.5 is too short: .* it takes about 2"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(course, rehearsed, words, reason, capsys):
    try:
        status = inputs.main(["quick", *words], course())
    except SystemExit as stopped:
        status = stopped.code
    said = capsys.readouterr()
    assert status == 2 and said.out == "" and said.err.count("\n") == 1
    assert re.search(reason, said.err)
