"""Staff's answers, with changes, as students hand them in; and the same without any kernel."""

from functools import cache

import nbformat

from course_lib.course.hand_in import attempted, parts
from grading import course, grade, verdict


@cache
def prepared(name):
    """A staff notebook as it is released, solutions in it."""
    return course.prepared(course.notebooks()[name])


def solution(name, **changed):
    """{cell id: source} of the staff's answers; changed: q2_1_task="...", whole cells."""
    nb = prepared(name)
    ids = {i for q in course.questions(nb) for i in q.tasks}
    given = {cell.id: cell.source for cell in nb.cells if cell.id in ids}
    return given | {i.replace("_", "-"): source for i, source in changed.items()}


def with_line(name, cell, old, new):
    """The staff's answers, with one text in one cell replaced."""
    source = solution(name)[cell]
    assert source.count(old) >= 1, f"{old} does not stand in {cell}"
    return solution(name) | {cell: source.replace(old, new)}


def faults(name, question, given, seed=5):
    """{part: reason} of a question, run here: for answers that we wrote ourselves."""
    nb = prepared(name)
    asked = {q.name: q for q in course.questions(nb)}
    cells = grade.cells_of(nb, asked, [question], given, seed)
    space = {}
    for cell in cells[:-1]:
        exec(cell["source"], space)
    functions = {f: space[f] for f in asked[question].functions}
    handed = {n: attempted(part) for n, part in parts(question, seed, functions).items()}
    trial = verdict.Trial(question, functions, seed)
    return {part: trial.fault(part, handed[part]) for part in trial.expected}


def as_notebook(name, given):
    """A student's notebook with these cells, as the release has them."""
    nb = prepared(name).copy()
    nb = nbformat.from_dict(nb)
    for cell in nb.cells:
        cell.source = given.get(cell.id, cell.source)
    return nb


def every_question():
    return [(name, q.name) for name, nb in course.notebooks().items() for q in course.questions(nb)]
