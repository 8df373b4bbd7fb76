"""Grade one student, in any process on any machine: data go in, a record comes out."""

import os
import secrets
from functools import cache

from filelock import FileLock

from course_lib.paths import cache_root
from grading import course, grade, records, release


def job(student, handed):
    """What a worker needs of a student: {notebook: {"given", "fault", "file"}}, plain data."""
    return {"student": student, "notebooks": handed}


def graded(one, how, checks):
    """The record of one job. how: seconds, unsafe. checks: the digest that the class is graded by.

    RuntimeError on a machine whose checkout is another one.
    """
    if checks != records.checks_digest():
        raise RuntimeError("this worker has another version of the course: update its checkout")
    about = how | {"seed": secrets.randbits(40), "library": str(library())}
    about |= {"names": tuple(one["notebooks"])}
    notebooks = {name: notebook(name, handed, about) for name, handed in one["notebooks"].items()}
    facts = {"student": one["student"], "digest": records.job_digest(one, how)}
    return facts | {"seed": about["seed"], "unsafe": how["unsafe"], "notebooks": notebooks}


def notebook(name, handed, about):
    """Verdicts, texts and outputs of one notebook of a student."""
    nb = prepared(name)
    asked, given = course.questions(nb), handed["given"]
    if handed["fault"]:
        verdicts, shown = {q.name: grade.failed(handed["fault"]) for q in asked}, []
    else:
        verdicts, shown = grade.grade(nb, given, about)
    texts = {q.name: given.get(course.cell_id(q, "text"), "") for q in asked if q.text}
    tasks = {i: given[i] for q in asked for i in q.tasks if i in given}
    own = {"verdicts": verdicts, "texts": texts, "shown": shown, "tasks": tasks}
    return own | {"file": handed["file"]}


@cache
def prepared(name):
    return course.prepared(course.notebooks()[name])


@cache
def library():
    """The students' library, made once for this version of the course, for the sandbox to mount."""
    place = cache_root() / "grading" / f"library-{records.checks_digest()[:16]}"
    os.makedirs(place, exist_ok=True)
    with FileLock(place / "lock"):
        if not (place / "whole").exists():
            release.for_grading(place / "course_lib")
            (place / "whole").touch()
    return place


def missing():
    """What is graded for a student who has not handed in a notebook: there is no file of it."""
    return {"given": {}, "fault": "the notebook was not handed in", "file": ""}


def broken(one, error):
    """The record of a student whom no worker could grade: a row, and tried again next time."""
    reason = f"not graded, the grader failed: {error}"[:300]
    verdicts = {
        name: {q.name: grade.failed(reason) for q in course.questions(prepared(name))}
        for name in one["notebooks"]
    }
    bare = {"texts": {}, "shown": [], "tasks": {}}
    notebooks = {
        name: bare | {"verdicts": v, "file": one["notebooks"][name]["file"]}
        for name, v in verdicts.items()
    }
    facts = {"student": one["student"], "digest": "", "seed": 0, "unsafe": False}
    return facts | {"notebooks": notebooks}
