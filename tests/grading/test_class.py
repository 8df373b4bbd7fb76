"""A class, without any kernel: records are kept and taken up, marks merged, pages escaped."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest
from answers import as_notebook, prepared, solution

from grading import __main__ as command
from grading import cluster, course, marking, publish, records, similar, work

NAME = "02_vae"
EVIL = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\x1b[31m\x07</pre>"


def record(student, share=1.0, text="", reason="", shown=(), **more):
    asked = course.questions(prepared(NAME))
    one = {"share": share, "parts": {"part": "" if share else "off by 3"}, "reason": reason}
    found = {"verdicts": {q.name: dict(one) for q in asked}, "texts": {"2.6": text}}
    found |= {"shown": list(shown), "tasks": {}, "file": f"{student}.ipynb"}
    facts = {"student": student, "digest": "d", "seed": 7, "unsafe": False}
    return facts | {"notebooks": {NAME: found}} | more


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def published(out, *made):
    publish.everything(out, list(made))
    return {r["student"]: r for r in rows(out / "grades.csv")}


def test_every_student_has_a_row_a_page_and_results_and_texts_wait_for_their_marks(tmp_path):
    table = published(tmp_path, record("ada", text="It grew."), record("bob", 0.0))
    assert (table["ada"]["points"], table["ada"]["of"]) == ("14", "16")
    assert table["ada"]["2.6 text"] == "" and table["ada"]["complete"] == "no"
    assert table["bob"]["2.6 text"] == "0" and table["bob"]["complete"] == "yes"
    place = records.folder(tmp_path, "ada")
    results = json.loads((place / "results.json").read_text())
    assert results["score"] == 14 and len(results["tests"]) == 8
    (text,) = [t for t in results["tests"] if t["name"] == "2.6 text"]
    assert "score" not in text and "not marked" in text["output"]
    assert all(t["output_format"] == "text" for t in results["tests"])
    suite = ElementTree.fromstring((place / "junit.xml").read_text())
    assert len(suite.findall("testcase")) == 8 and len(suite.findall("testcase/skipped")) == 1
    assert "14 of 16" in (place / "feedback.html").read_text()


def mark(path, values, remark="see me"):
    sheet = rows(path)
    for row in sheet:
        row["deduction"] = values.get(row["line"], row["deduction"])
        row["remark"] = remark
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, marking.COLUMNS)
        writer.writeheader()
        writer.writerows(sheet)


def test_marks_are_merged_by_student_and_question_and_survive(tmp_path):
    made = [record("ada", text="It grew."), record("bob", text="It fell."), record("eve")]
    published(tmp_path, *made)
    assert {r["student"] for r in rows(tmp_path / "marking.csv")} == {"ada", "bob"}
    mark(tmp_path / "marking.csv", {"observed": "0.5", "evidence": "0,25"})
    assert published(tmp_path, *made)["ada"]["2.6 text"] == ""  # one line is still empty
    mark(tmp_path / "marking.csv", {"limits": "0"})
    for _ in range(2):  # written anew, it says the same
        table = published(tmp_path, *reversed(made))
        assert table["ada"]["2.6 text"] == "1.25" and table["ada"]["points"] == "15.25"
    page = (records.folder(tmp_path, "ada") / "feedback.html").read_text()
    assert "see me" in page and "observed: -0.5" in page


@pytest.mark.parametrize("value", ["-1", "3", "two", "nan", "1e9"])
def test_a_deduction_that_cannot_be_is_refused_with_its_place(value, tmp_path):
    published(tmp_path, record("ada", text="It grew."))
    mark(tmp_path / "marking.csv", {"evidence": value})
    with pytest.raises(ValueError, match="ada, question 2.6, evidence"):
        published(tmp_path, record("ada", text="It grew."))


def test_what_a_student_wrote_is_text_everywhere(tmp_path):
    cell = {"question": "2.1", "part": "task", "source": EVIL, "outputs": EVIL}
    made = record(EVIL, 0.0, text=EVIL, reason=EVIL, shown=[cell])
    published(tmp_path, made, record("=cmd()", text="+1"))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "\x1b" not in text and "\x07" not in text, path
            if path.suffix == ".html":
                assert "<script" not in text and "<img src=x" not in text, path
    assert all(not r["student"].startswith("=") for r in rows(tmp_path / "grades.csv"))
    assert all(not r["text"].startswith("+") for r in rows(tmp_path / "marking.csv"))
    ElementTree.fromstring((records.folder(tmp_path, EVIL) / "junit.xml").read_text())


def test_unsafe_prints_itself_into_every_result(tmp_path):
    table = published(tmp_path, record("ada", unsafe=True))
    assert "without a sandbox" in table["ada"]["remark"]
    place = records.folder(tmp_path, "ada")
    for name in ("results.json", "junit.xml", "feedback.html"):
        assert "without a sandbox" in (place / name).read_text(), name
    assert "without a sandbox" in (tmp_path / "class.html").read_text()


def test_answers_that_are_the_same_but_for_names_and_layout_are_shown():
    source = (
        "def kl(a, b):\n    total = (a - b).square().sum(1)\n    return total / 2 + b.exp().sum(1)"
    )
    other = "def kl(x, y):  # mine\n    s = (x-y).square().sum(1)\n\n    return s/2+y.exp().sum(1)"
    apart = source.replace("/ 2", "/ 3")
    given = {"ada": {"c": source}, "bob": {"c": other}, "eve": {"c": apart}, "x": {"c": "def ("}}
    assert similar.pairs(given, {}) == [("ada", "bob", ["c"])]
    assert similar.pairs(given, {"c": source}) == []
    assert similar.pairs(given | {f"s{i}": {"c": source} for i in range(5)}, {}) == []


def test_a_wrong_answer_that_calls_a_wrong_one_says_so(tmp_path):
    made = record("ada")
    found = made["notebooks"][NAME]
    found["tasks"] = solution(NAME)
    for question, share in (("2.1", 0.5), ("2.2", 0.5), ("2.7", 0.5)):
        found["verdicts"][question]["share"] = share
    said = {r["question"]: r["output"] for r in records.tests(made, lambda q, n: (None, n, ""))}
    assert "It calls kl, of question 2.1: mend that first." in said["2.2"]
    assert "It calls" not in said["2.1"] + said["2.7"]


# ---- the command, with a grader that needs no kernel ---------------------------------------------


@pytest.fixture
def handed(tmp_path):
    """A folder of notebooks, and the words of the command."""
    import nbformat

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
    assert command.main(handed) == 1
    assert "question 2.3" in capsys.readouterr().err
    assert not (tmp_path / "out" / "students").exists()


def test_without_a_sandbox_nothing_is_graded_unless_it_is_said(handed, graded, monkeypatch, capsys):
    monkeypatch.setattr(command.sandbox, "missing", lambda: "bubblewrap is not installed")
    assert command.main(handed) == 1 and graded == []
    assert "bubblewrap is not installed" in capsys.readouterr().err
    assert command.main([*handed, "--unsafe"]) == 0 and len(graded) == 5


def test_two_graders_do_not_share_a_folder(handed, graded, tmp_path, capsys):
    from course_lib.atomic import locked

    with locked(tmp_path / "out" / ".lock"):
        assert command.main(handed) == 1
    assert "another process" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nowhere", "--out", "o"], ["--out"]])
def test_errors_are_for_people(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if words == ["--out"]:
        (tmp_path / "empty").mkdir()
        words = ["empty", "--out", "o", "--unsafe"]
    assert command.main(words) == 1
    assert capsys.readouterr().err.startswith("grading: ")


def test_a_worker_with_another_version_of_the_course_does_not_grade():
    with pytest.raises(RuntimeError, match="another version"):
        work.graded(work.job("ada", {}), {"seconds": 1, "unsafe": False}, "other")


SLOW_GRADER = """
import sys, time
sys.path[:0] = [{here!r}]
import test_class
from grading import __main__ as command, work, records
def grade(one, how, checks):
    time.sleep(0.2)
    share = 0.0 if "release" in one["student"] else 1.0
    found = test_class.record(one["student"], share)["notebooks"]
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
