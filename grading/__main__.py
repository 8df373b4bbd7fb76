"""Grade a class:  python -m grading SUBMISSIONS --out FOLDER [--jobs N] [--scheduler tcp://...]

SUBMISSIONS is one notebook, or a folder or zip file as Moodle, Canvas, Gradescope or nbgrader give
it. What was graded before stays as it is; started again after a kill, it grades what is left.
"""

import os
import sys
from pathlib import Path

from course_lib.atomic import Busy, locked
from course_lib.command import Parser
from grading import asked, cluster, course, cut, ending, grade, records, sandbox, submissions, work

GUARD = "guard.json"  # the first file of every grading


class NotGraded(Exception):
    """Why nothing is graded here, and what to do."""


def main(words=None):
    options = parsed(words)
    try:
        refuse_foreign(options.out)
        options.out.mkdir(parents=True, exist_ok=True)
        with locked(options.out / ".lock"):
            run(options)
    except (NotGraded, submissions.Refused, Busy, ValueError, OSError) as error:
        print(f"grading: {error}", file=sys.stderr)
        return 2
    return 0


def parsed(words):
    parser = Parser(prog="python -m grading", description=__doc__)
    parser.add_argument("submissions", type=Path, help="a notebook, a folder or a zip file")
    parser.add_argument("--out", type=Path, required=True, help="the folder for all results")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="processes on this machine"
    )
    parser.add_argument("--scheduler", default="", help="of Dask, as tcp://host:8786")
    parser.add_argument("--seconds", type=float, default=30, help="for one cell (30)")
    parser.add_argument("--only", nargs="*", help="notebooks of this assignment, as 01 02")
    parser.add_argument("--unsafe", action="store_true", help="no sandbox; every result says so")
    return parser.parse_args(words)


def refuse_foreign(out):
    """Only a new or empty folder, or an earlier grading, however early that was killed, is written
    to: the names of our files are everybody's."""
    if out.exists() and not out.is_dir():
        raise NotGraded(f"{out} is a file; the results need a folder")
    names = [path.name for path in out.iterdir()] if out.exists() else []
    begun = all(name == ".lock" or name.startswith(f"{GUARD}.") for name in names)
    if GUARD not in names and not begun:
        raise NotGraded(f"{out} holds files, and no grading ({GUARD}); name a new or empty folder")


def run(options):
    if not options.submissions.exists():
        raise NotGraded(f"{options.submissions} does not exist")
    grade.sweep()
    how = {"seconds": options.seconds, "unsafe": options.unsafe}
    if not options.unsafe and (why := sandbox.missing()):
        raise NotGraded(f"no sandbox: {why}. Nothing was graded; see docs/grading.md.")
    jobs = asked.asked_for(options)
    todo = [one for one in jobs if record_of(options.out, one, how) is None]
    print(f"{len(jobs)} students, {len(jobs) - len(todo)} of them graded before", flush=True)
    if todo:
        guard(options.out, sorted(todo[0]["notebooks"]), how)
    for i, (one, record) in enumerate(cluster.results(todo, how, options.jobs, options.scheduler)):
        records.keep(options.out, record)
        print(
            f"{i + 1}/{len(todo)} {records.visible(one['student'])}: {in_words(record)}", flush=True
        )
    publish_all(options.out, jobs)


def publish_all(out, jobs):
    from grading import publish  # pandas and seaborn take seconds to import

    kept = [records.read_json(records.folder(out, j["student"]) / "record.json") for j in jobs]
    publish.everything(out, kept)
    print(f"{out / 'class.html'}, {out / 'grades.csv'}, {out / 'marking.csv'}")


def record_of(out, one, how):
    return records.kept(out, one["student"], records.job_digest(one, how))


def in_words(record):
    rows = records.tests(record, lambda question, points: (None, points, ""))
    code = [row for row in rows if row["kind"] == "code"]
    return f"{sum(r['score'] for r in code):g} of {sum(r['max_score'] for r in code):g} for code"


def guard(out, names, how):
    """In this very environment the staff's answers get all points, and the release none."""
    path = out / GUARD
    digest = course.digest(records.checks_digest(), str(names), str(how))
    try:
        if records.read_json(path) == {"digest": digest}:
            return
    except (OSError, ValueError):
        pass
    print("first the staff's own answers, and the untouched release ...", flush=True)
    for share, student in ((1.0, "the staff's answers"), (0.0, "the untouched release")):
        record = cluster.attempted(expected(student, names, share), how)
        for name, found in record["notebooks"].items():
            for question, verdict in found["verdicts"].items():
                if verdict["share"] != share:
                    said = records.visible(verdict["reason"] or str(verdict["parts"]))
                    raise NotGraded(
                        f"{student} of {name}, question {question}, got {verdict['share']:.0%} and "
                        f"not {share:.0%}: {said[:300]}. Nothing was graded."
                    )
    records.write_json(path, {"digest": digest})


def expected(student, names, share):
    handed = {}
    for name in names:
        nb = work.prepared(name)
        tasks = {i for q in course.questions(nb) for i in q.tasks}
        given = {c.id: c.source for c in nb.cells if c.id in tasks}
        if not share:  # as released, but for a space, so that it is run and not only recognised
            given = {i: cut.without_solutions(s) + "\npass\n" for i, s in given.items()}
        handed[name] = {"given": given, "fault": "", "file": name}
    return work.job(student, handed)


if __name__ == "__main__":
    ending.end_by_ctrl_c()
    ending.own_temporary_folder()
    sys.exit(main())
