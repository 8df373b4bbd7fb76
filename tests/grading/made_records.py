"""Records of students whom nobody graded, and what is published of them."""

import csv

from answers import prepared

from grading import course, publish

NAME = "02_vae"


def record(student, share=1.0, text="", reason="", shown=(), name=NAME, **more):
    asked = course.questions(prepared(name))
    one = {"share": share, "parts": {"part": "" if share else "off by 3"}, "reason": reason}
    found = {
        "verdicts": {q.name: dict(one) for q in asked},
        "texts": {q.name: text for q in asked if q.text},
    }
    found |= {"shown": list(shown), "tasks": {}, "file": f"{student}.ipynb"}
    facts = {"student": student, "digest": "d", "seed": 7, "unsafe": False}
    return facts | {"notebooks": {name: found}} | more


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def published(out, *made):
    publish.everything(out, list(made))
    return {r["student"]: r for r in rows(out / "grades.csv")}
