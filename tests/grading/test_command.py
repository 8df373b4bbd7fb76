"""The command, with a grader that needs no kernel: what was graded is kept and taken up, whoever is
killed; what cannot be graded is said."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from answers import as_notebook, solution
from made_records import NAME, record, rows

from grading import __main__ as command
from grading import asked, cluster, records, work


@pytest.fixture
def handed(tmp_path):
    """A folder of notebooks, and the words of the command."""
    folder = tmp_path / "class"
    folder.mkdir()
    for i, student in enumerate(["ada", "bob", "eve"]):
        nb = as_notebook(NAME, solution(NAME) | {"q2-6-text": f"text {i}"})
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.outputs = []
        nbformat.write(nb, folder / f"{student}-{NAME}.ipynb")
    return [str(folder), "--out", str(tmp_path / "out"), "--jobs", "1"]


@pytest.fixture
def graded(monkeypatch):
    """Who was graded, in order; the sandbox is taken to be there."""
    calls = []

    def grade(one, how, checks):
        calls.append(one["student"])
        share = 0.0 if "release" in one["student"] else 1.0
        found = record(one["student"], share, text="It grew.")["notebooks"]
        facts = {"student": one["student"], "digest": records.job_digest(one, how), "seed": 1}
        return facts | {"unsafe": how["unsafe"], "notebooks": found}

    monkeypatch.setattr(work, "graded", grade)
    monkeypatch.setattr(command.sandbox, "missing", lambda: "")
    return calls


def test_a_class_is_graded_once_and_a_changed_submission_anew(handed, graded, tmp_path, capsys):
    assert command.main(handed) == 0
    assert graded == ["the staff's answers", "the untouched release", "ada", "bob", "eve"]
    before = (records.folder(tmp_path / "out", "ada") / "record.json").read_text()
    assert command.main(handed) == 0 and len(graded) == 5
    path = tmp_path / "class" / f"bob-{NAME}.ipynb"
    path.write_text(path.read_text().replace("text 1", "another"))
    assert command.main(handed) == 0 and graded[5:] == ["bob"]
    assert (records.folder(tmp_path / "out", "ada") / "record.json").read_text() == before
    assert len(rows(tmp_path / "out" / "grades.csv")) == 3


def test_one_that_breaks_the_grader_has_a_row_and_is_tried_again(
    handed, graded, monkeypatch, tmp_path
):
    fine = work.graded

    def breaking(one, how, checks):
        if one["student"] == "bob":
            raise OSError("disk full")
        return fine(one, how, checks)

    monkeypatch.setattr(work, "graded", breaking)
    assert command.main(handed) == 0
    table = {r["student"]: r for r in rows(tmp_path / "out" / "grades.csv")}
    assert "not graded" in table["bob"]["remark"] and table["ada"]["points"] == "14"
    monkeypatch.setattr(work, "graded", fine)
    graded.clear()
    assert command.main(handed) == 0 and graded == ["bob"]


@pytest.mark.parametrize(("who", "share"), [("staff", 0.5), ("release", 0.5)])
def test_nothing_is_graded_where_staff_lacks_points_or_the_release_has_some(
    who, share, handed, graded, monkeypatch, capsys, tmp_path
):
    fine = work.graded

    def off(one, how, checks):
        made = fine(one, how, checks)
        if who in one["student"]:
            made["notebooks"][NAME]["verdicts"]["2.3"]["share"] = share
        return made

    monkeypatch.setattr(work, "graded", off)
    assert command.main(handed) == 2
    assert "question 2.3" in capsys.readouterr().err
    assert not (tmp_path / "out" / "students").exists()


def test_without_a_sandbox_nothing_is_graded_unless_it_is_said(handed, graded, monkeypatch, capsys):
    monkeypatch.setattr(command.sandbox, "missing", lambda: "bubblewrap is not installed")
    assert command.main(handed) == 2 and graded == []
    assert "bubblewrap is not installed" in capsys.readouterr().err
    assert command.main([*handed, "--unsafe"]) == 0 and len(graded) == 5


def test_two_graders_do_not_share_a_folder(handed, graded, tmp_path, capsys):
    from course_lib.atomic import locked

    with locked(tmp_path / "out" / ".lock"):
        assert command.main(handed) == 2
    assert "another process" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nowhere", "--out", "o"], ["--out"]])
def test_errors_are_for_people(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if words == ["--out"]:
        (tmp_path / "empty").mkdir()
        words = ["empty", "--out", "o", "--unsafe"]
    assert command.main(words) == 2
    assert capsys.readouterr().err.startswith("grading: ")


def test_a_foreign_folder_or_a_file_is_not_written_over(handed, graded, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("grades.csv", "class.html"):
        (out / name).write_text("somebody's")
    assert command.main(handed) == 2 and graded == []
    assert [p.read_text() for p in out.iterdir()] == ["somebody's"] * 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("grading: ") and str(out) in line and "new or empty folder" in line
    assert command.main([handed[0], "--out", str(out / "grades.csv")]) == 2
    assert "the results need a folder" in capsys.readouterr().err


@pytest.mark.parametrize("left", [[], [".lock"], [".lock", "guard.json.7-ab.part"]])
def test_an_empty_folder_and_a_grading_that_was_killed_early_are_gone_on_with(
    left, handed, graded, tmp_path
):
    (tmp_path / "out").mkdir()
    for name in left:
        (tmp_path / "out" / name).touch()
    assert command.main(handed) == 0 and len(graded) == 5


def test_a_notebook_that_is_none_of_the_course_gets_a_row_and_adds_to_no_total(
    handed, monkeypatch, capsys
):
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(1)")])
    for name in ("gus-homework.ipynb", "gus-01_autoencoder.ipynb", "ada-own.ipynb"):
        nbformat.write(other, os.path.join(handed[0], name))
    jobs = {j["student"]: j["notebooks"] for j in asked.asked_for(command.parsed(handed))}
    assert {tuple(one) for one in jobs.values()} == {(NAME,)}
    assert set(jobs) == {"ada", "ada-own", "bob", "eve", "gus", "gus-homework"}
    assert not jobs["ada"][NAME]["fault"]
    assert "gus-homework.ipynb: the notebook has no answer" in jobs["gus-homework"][NAME]["fault"]
    for student in ("ada", "bob", "eve"):
        os.remove(os.path.join(handed[0], f"{student}-{NAME}.ipynb"))
    os.remove(os.path.join(handed[0], "gus-01_autoencoder.ipynb"))
    assert command.main([*handed, "--unsafe"]) == 2
    assert "an answer cell of this course" in capsys.readouterr().err


def test_files_without_a_notebook_are_named_in_one_line(handed, graded, capsys):
    for name in ("dan", "fay"):
        os.mkdir(os.path.join(handed[0], name))
    for name in ("fay/a\nb.txt", "fay/c", "fay/d", "fay/e", "notes.txt"):
        open(os.path.join(handed[0], name), "w").close()
    assert command.main(handed) == 0
    said = "no notebook: notes.txt, dan (empty), fay (a b.txt, c, d, ...)\n"
    assert capsys.readouterr().err == said


def test_a_notebook_that_there_is_not_is_named(handed, graded, capsys):
    assert command.main([*handed, "--only", "02", "09"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "09" in line and NAME in line and graded == []


def test_a_worker_with_another_version_of_the_course_does_not_grade():
    with pytest.raises(RuntimeError, match="another version"):
        work.graded(work.job("ada", {}), {"seconds": 1, "unsafe": False}, "other")


SLOW_GRADER = """
import sys, time
sys.path[:0] = [{here!r}]
import made_records
from grading import __main__ as command, work, records
def grade(one, how, checks):
    time.sleep(0.2)
    share = 0.0 if "release" in one["student"] else 1.0
    found = made_records.record(one["student"], share)["notebooks"]
    with open({log!r}, "a") as file: file.write(one["student"] + "\\n")
    facts = {{"student": one["student"], "digest": records.job_digest(one, how)}}
    return facts | {{"seed": time.time_ns(), "unsafe": True, "notebooks": found}}
work.graded = grade
sys.exit(command.main({words!r}))
"""


def test_killed_at_any_moment_it_goes_on_and_no_score_is_lost_doubled_or_changed(handed, tmp_path):
    words, out = [*handed, "--unsafe"], tmp_path / "out"
    script = SLOW_GRADER.format(
        here=os.path.dirname(__file__), log=str(tmp_path / "log"), words=words
    )
    seen = {}
    for kill in range(40):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
        wait = time.monotonic() + (600 if kill > 4 else 0)
        while process.poll() is None and not seen_more(out, seen) and time.monotonic() < wait + 30:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        status = process.wait()
        for path in out.glob("students/*/record.json"):
            text = json.loads(path.read_text())  # whole, whenever it was killed
            assert seen.setdefault(path.parent.name, text) == text
        if status == 0:
            break
    assert len(seen) == 3 and len(rows(out / "grades.csv")) == 3


def seen_more(out, seen):
    return len(list(out.glob("students/*/record.json"))) > len(seen)


def test_dask_grades_on_two_workers_and_a_killed_one_loses_nothing(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="dask's scheduler is not installed")
    jobs = [work.job(f"s{i}", {}) for i in range(6)]
    monkeypatch.setattr(cluster.work, "graded", dying)
    monkeypatch.setenv("DYING", str(tmp_path / "died"))
    how = {"seconds": 1, "unsafe": True}
    found = {one["student"]: made for one, made in cluster.results(jobs, how, n_jobs=2)}
    assert found == {f"s{i}": {"student": f"s{i}"} for i in range(6)}
    assert (tmp_path / "died").exists()


def dying(one, how, checks):
    """Grades, but the first worker that gets s3 is killed in the middle of it."""
    if one["student"] == "s3" and not os.path.exists(os.environ["DYING"]):
        open(os.environ["DYING"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"student": one["student"]}
