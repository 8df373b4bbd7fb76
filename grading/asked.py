"""What is to be graded: the notebooks of an assignment, and every student's part of each."""

import sys
from collections import defaultdict

from grading import course, records, submissions, work


def asked_for(options):
    """The jobs: a student each, with every notebook of the assignment, handed in or not."""
    notebooks = {name: work.prepared(name) for name in chosen(options.only or [""])}
    found = submissions.submissions(options.submissions, notebooks)
    if not found:
        raise submissions.Refused(f"{options.submissions} holds no notebook")
    left = submissions.without_notebook(options.submissions, found, notebooks)
    if left:
        print(f"no notebook: {', '.join(map(listed, left, left.values()))}", file=sys.stderr)
    names = sorted(notebooks) if options.only else assignment(found, options.submissions)
    students = defaultdict(dict)
    for s in found:
        students[s.student][s.notebook] = {"given": s.given, "fault": s.fault, "file": s.file}
    return [work.job(who, of_all(handed, names)) for who, handed in sorted(students.items())]


def chosen(only):
    """The notebooks of the course whose names begin with one of these words."""
    known = sorted(course.notebooks())
    for word in only:
        if not any(name.startswith(word) for name in known):
            raise submissions.Refused(
                f"--only {word}: no such notebook; there are {', '.join(known)}"
            )
    return [name for name in known if name.startswith(tuple(only))]


def listed(student, files):
    """A student and what they handed in instead of a notebook, in one line."""
    more = ", ..." if len(files) > 3 else ""
    words = f"{student} ({', '.join(files[:3])}{more})" if files else student
    return " ".join(records.visible(words).split())


def assignment(found, place):
    """The notebooks whose answer cells somebody handed in: what has none adds to nobody's total."""
    names = {s.notebook for s in found if s.given} or {s.notebook for s in found} - {""}
    if not names:
        raise submissions.Refused(f"no notebook in {place} has an answer cell of this course")
    return sorted(names)


def of_all(handed, names):
    """What a student handed in for each of the notebooks. What could not be told to be one of them
    says why those that are missing are."""
    others = [one for name, one in handed.items() if name not in names]
    reasons = [one | {"fault": f"{one['file']}: {one['fault']}"} for one in others]
    instead = {n: reasons[-1] if reasons else work.missing() for n in names}
    return instead | {n: one for n, one in handed.items() if n in names}
