"""What was found out about a student: one JSON file each, written whole, by the digest of all that
decided it. Everything else (pages, CSV, results.json) is made from these files again and again."""

import json
import re
from functools import cache
from pathlib import Path

from course_lib.atomic import Unreadable, read_json, write_json
from course_lib.course import hand_in, hints, slices
from grading import course

HERE = Path(__file__).parent
CONTROLS = {i: 0x2400 + i for i in range(32) if i not in (9, 10)} | {0x7F: 0x2421}


@cache
def checks_digest():
    """sha256 of all that decides a verdict but the submission: questions, trials, grader."""
    own = [*HERE.rglob("*.py"), HERE / "points.toml"]
    shared = [Path(module.__file__) for module in (hand_in, hints, slices)]
    shared += Path(hand_in.__file__).parent.glob("trials/*.py")
    texts = [path.read_bytes() for path in sorted(own) + sorted(shared)]
    for nb in course.notebooks().values():
        texts += [f"{cell.id}\n{cell.source}" for cell in nb.cells if cell.cell_type == "code"]
    return course.digest(*texts)


def job_digest(job, how):
    """What a record is kept by: a student's cells, the checks, and how they are run."""
    return course.digest(checks_digest(), json.dumps([job, how], sort_keys=True))


def folder(out, student):
    """A student's folder: a readable name that leads nowhere else and that no two share."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", student).strip("-")[:40]
    return out / "students" / f"{readable}-{course.digest(student)[:8]}"


def kept(out, student, digest):
    """The record of a student that is still true, else None."""
    try:
        record = read_json(folder(out, student) / "record.json")
    except (OSError, Unreadable):
        return None
    return record if isinstance(record, dict) and record.get("digest") == digest else None


def keep(out, record):
    write_json(folder(out, record["student"]) / "record.json", record)


def visible(text):
    """A student's text with control characters made visible: none reaches a terminal or a page."""
    return str(text).translate(CONTROLS)


def tests(record, marks):
    """The rows of a record, in the order of the questions: dicts of question, kind, score (None:
    not marked), max_score, output."""
    rows = []
    for name in record["notebooks"]:
        found = record["notebooks"][name]
        for q in course.questions(course.notebooks()[name]):
            verdict = found["verdicts"][q.name]
            words = "\n".join([why(verdict), *rests_on(q, found, name)])
            rows.append(row(q.name, "code", verdict["share"] * q.points, q.points, words))
            if q.text:
                rows.append(text_row(q, found["texts"].get(q.name, ""), marks))
    return rows


def row(question, kind, score, max_score, output):
    score = None if score is None else round(score, 3)
    return dict(question=question, kind=kind, score=score, max_score=max_score, output=output)


def why(verdict):
    """A verdict in words."""
    if verdict["reason"]:
        return verdict["reason"]
    wrong = [f"{name}: {fault}" for name, fault in verdict["parts"].items() if fault]
    if not wrong:
        return "right"
    right = len(verdict["parts"]) - len(wrong)
    return "\n".join([f"{right} of {len(verdict['parts'])} parts are right", *wrong])


def rests_on(q, found, name):
    """A line for each other question whose function a wrong answer calls, and which is wrong."""
    if found["verdicts"][q.name]["share"] == 1:
        return
    texts = [found["tasks"].get(i, "") for i in q.tasks]
    called = set().union(*map(slices.wants, texts))
    for other in course.questions(course.notebooks()[name]):
        used = sorted(called & set(other.functions))
        if other.name != q.name and used and found["verdicts"][other.name]["share"] < 1:
            yield f"It calls {', '.join(used)}, of question {other.name}: mend that first."


def is_empty(text):
    return text.strip() in ("", "YOUR ANSWER HERE")


def text_row(q, text, marks):
    if is_empty(text):
        return row(q.name, "text", 0, q.text, "it was not answered")
    return row(q.name, "text", *marks(q.name, q.text))


def total(rows):
    """(points so far, points at most, whether everything is marked)."""
    scores = [r["score"] for r in rows]
    return sum(s or 0 for s in scores), sum(r["max_score"] for r in rows), None not in scores
