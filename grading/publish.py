"""From records to what others read: results.json as Gradescope takes it, JUnit XML, the executed
notebooks, feedback pages, grades.csv, the marking sheet and the page of the class."""

import csv
import io
import re
from xml.etree import ElementTree

import nbformat
import pandas as pd

from course_lib.atomic import write_json, write_text
from grading import course, cut, marking, pages, records, similar

UNSAFE = "Graded without a sandbox (--unsafe)."


def everything(out, all_records):
    """Write all files anew. ValueError where the marking sheet cannot be read."""
    sheet = marking.read(out / "marking.csv")
    students, rows = [], []
    for record in all_records:
        own = records.tests(record, marking.marks_of(sheet, record["student"]))
        student(out, record, own)
        students.append(summary(out, record, own))
        rows += [{"student": record["student"], **r} for r in own]
    marking.write(out / "marking.csv", all_records, sheet)
    write_text(out / "grades.csv", grades(students, rows))
    unsafe = any(record["unsafe"] for record in all_records)
    page = pages.overview(pd.DataFrame(rows), students, alike(all_records), unsafe)
    write_text(out / "class.html", page)


def student(out, record, rows):
    folder = records.folder(out, record["student"])
    write_json(folder / "results.json", gradescope(record, rows))
    write_text(folder / "junit.xml", junit(record, rows))
    write_text(folder / "feedback.html", pages.feedback(record, rows, record["unsafe"]))
    for name, found in record["notebooks"].items():
        write_text(folder / f"{name}.ipynb", nbformat.writes(executed(found)) + "\n")


def gradescope(record, rows):
    """The form of results.json that Gradescope reads. A text that is not marked has no score."""
    tests = []
    for i, row in enumerate(rows, 1):
        test = {"name": f"{row['question']} {row['kind']}", "number": str(i)}
        test |= {"max_score": row["max_score"], "output": records.visible(row["output"])}
        test |= {"output_format": "text", "visibility": "visible"}
        if row["score"] is not None:
            test["score"] = row["score"]
        tests.append(test)
    score, most, complete = records.total(rows)
    facts = {"max_score": most, "complete": complete, "seed": record["seed"]}
    facts |= {"student": record["student"], "unsafe": record["unsafe"], "digest": record["digest"]}
    head = {"score": round(score, 3), "output": UNSAFE if record["unsafe"] else ""}
    head |= {"output_format": "text", "visibility": "visible"}
    return head | {"tests": tests, "extra_data": facts}


def junit(record, rows):
    suite = ElementTree.Element("testsuite", name=printable(record["student"]))
    for row in rows:
        case = ElementTree.SubElement(
            suite, "testcase", classname=row["kind"], name=row["question"]
        )
        if row["score"] is None:
            ElementTree.SubElement(case, "skipped", message="not marked yet")
        elif row["score"] < row["max_score"]:
            words = printable(row["output"])
            ElementTree.SubElement(case, "failure", message=words.split("\n")[0]).text = words
    if record["unsafe"]:
        ElementTree.SubElement(suite, "system-out").text = UNSAFE
    return ElementTree.tostring(suite, encoding="unicode")


def printable(text):
    """What XML may hold."""
    return re.sub(
        "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", records.visible(text)
    )


def executed(found):
    """The cells that ran, with what they showed, as plain text."""
    nb = nbformat.v4.new_notebook()
    for i, cell in enumerate(found["shown"]):
        output = nbformat.v4.new_output("stream", text=records.visible(cell["outputs"]))
        made = nbformat.v4.new_code_cell(cell["source"], id=f"cell-{i}")
        made.outputs = [output] if cell["outputs"] else []
        nb.cells.append(made)
    return nb


def summary(out, record, rows):
    """A student's row in the class, with a remark on each notebook that failed as a whole."""
    score, most, complete = records.total(rows)
    page = records.folder(out, record["student"]).relative_to(out) / "feedback.html"
    about = dict(student=record["student"], score=score, most=most, complete=complete)
    remark = [UNSAFE] * record["unsafe"] + [remarks(record["notebooks"])]
    return about | dict(page=page.as_posix(), remark=" ".join(filter(None, remark)))


def remarks(notebooks):
    """What one reason says of all questions of a notebook; once, if it is so of all notebooks."""
    reasons = {name: {v["reason"] for v in n["verdicts"].values()} for name, n in notebooks.items()}
    whole = {name: next(iter(own)) for name, own in reasons.items() if len(own) == 1}
    if len(whole) == len(notebooks) and len(set(whole.values())) == 1:
        return next(iter(whole.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in whole.items() if reason)


def grades(students, rows):
    """The table for a register: a row a student, a column a question; empty is not marked."""
    columns = list(dict.fromkeys(f"{r['question']} {r['kind']}" for r in rows))
    points = {(r["student"], f"{r['question']} {r['kind']}"): r["score"] for r in rows}
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["student", "points", "of", "complete", "remark", *columns])
    for s in students:
        name = s["student"]
        head = [marking.harmless(name), f"{s['score']:g}", f"{s['most']:g}"]
        head += ["yes" if s["complete"] else "no", marking.harmless(s["remark"])]
        own = [points.get((name, column)) for column in columns]
        writer.writerow([*head, *("" if value is None else f"{value:g}" for value in own)])
    return file.getvalue()


def alike(all_records):
    """Pairs of students with the same answers, where these are not the staff's, nor untouched."""
    sources = {
        r["student"]: {i: s for n in r["notebooks"].values() for i, s in n["tasks"].items()}
        for r in all_records
    }
    cells = [c for nb in course.notebooks().values() for c in nb.cells if course.is_task(c)]
    staff = {c.id: c.source for c in cells}
    return similar.pairs(sources, staff, {i: cut.without_solutions(s) for i, s in staff.items()})
