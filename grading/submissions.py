"""What each student handed in. Of a notebook only the text of known answer cells is taken, and what
cannot be read gets a row that says why."""

import json
from collections import namedtuple

from grading import course
from grading.files import Refused, files, others, student_of

# given: {cell id: source}.
Submission = namedtuple("Submission", "student notebook file given fault")


def cells(content):
    """[(grade_id or None, id or None, kind, source)] of a notebook of format 3 or 4."""
    try:
        nb = json.loads(content)
        sheets = nb.get("worksheets") or [nb]
        listed = [cell for sheet in sheets for cell in sheet["cells"]]
        return [cell_of(cell) for cell in listed if isinstance(cell, dict)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"the notebook cannot be read: {type(error).__name__}") from None


def cell_of(cell):
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = about.get("grade_id") if isinstance(about, dict) else None
    source = cell.get("source", cell.get("input", ""))
    text = "".join(s for s in source if isinstance(s, str)) if isinstance(source, list) else source
    names = [name if isinstance(name, str) else None for name in (grade_id, cell.get("id"))]
    return (*names, cell.get("cell_type"), text if isinstance(text, str) else "")


def answers(listed, nb):
    """{cell id: source} of the answer cells of a staff notebook; of several the first, as a copied
    cell stands below its original. A cell without any name is known by the functions it defines."""
    wanted = {i: "code" for q in course.questions(nb) for i in q.tasks}
    wanted |= {course.cell_id(q, "text"): "markdown" for q in course.questions(nb) if q.text}
    given = {}
    for place in (0, 1):
        for cell in listed:
            name, kind, source = cell[place], cell[2], cell[3]
            if name in wanted and wanted[name] == kind and not (place == 1 and cell[0] in wanted):
                given.setdefault(name, source)
    for q in course.questions(nb):
        if len(q.tasks) == 1 and q.tasks[0] not in given:
            nameless = [c[3] for c in listed if c[2] == "code" and not c[0] and not c[1]]
            own = [s for s in nameless if set(q.functions) <= set(course.functions(s))]
            given |= {q.tasks[0]: own[0]} if own else {}
    return given


def submissions(path, notebooks):
    """[Submission] of all that lies below a path, one a student and notebook, the latest. The
    notebook is "" where neither its cells nor its name say which one it is."""
    latest = {}
    for file in files(path):
        made = submission(file, notebooks)
        key = (made.student, made.notebook)
        if key not in latest or latest[key][0] <= file.time:
            latest[key] = (file.time, made)
    return [made for _, made in sorted(latest.values(), key=lambda pair: pair[1][:2])]


def without_notebook(path, found, notebooks):
    """{who: [file names]} of those who are in none of the Submissions `found`; a file that lies in
    no folder stands for itself."""
    students, left = {s.student for s in found}, {}
    for parts in others(path):
        student = student_of(parts, notebooks)
        if student not in students:
            named = left.setdefault(parts[0] if len(parts) == 1 else student, [])
            named += [parts[-1] or "empty"] if len(parts) > 1 else []
    return left


def submission(file, notebooks):
    student, name = student_of(file.parts, notebooks), "/".join(file.parts)
    by_name = next((n for n in notebooks if n in file.parts[-1]), "")
    try:
        if file.content is None:
            raise Refused(file.fault)
        listed = cells(file.content)
    except Refused as error:
        return Submission(student, by_name, name, {}, str(error))
    found = {n: answers(listed, nb) for n, nb in notebooks.items()}
    best = max(notebooks, key=lambda n: (len(found[n]), n == by_name))
    if not found[best]:
        fault = "the notebook has no answer cell of this course"
        return Submission(student, by_name, name, {}, fault)
    return Submission(student, best, name, found[best], "")
