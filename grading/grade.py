"""Grade one notebook of one student: which cells are taken, in which kernels they run, and what
became of each question."""

import ast
import json
import multiprocessing
import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

from course_lib.course import slices
from grading import course, cut, fork

DEFINITION = re.compile(r"(import|from|def|class) |@|\w+ = lambda\b")
PROCESSES = multiprocessing.get_context("forkserver")
OWN = [p.stem for p in sorted((Path(__file__).parent / "reference").glob("nb*.py"))]
JUDGES = [f"{place}.{name}" for place in ("grading.reference", "course_lib.course.trials")
          for name in OWN]  # fmt: skip
PROCESSES.set_forkserver_preload(["grading.session", *JUDGES])  # import once, fork a kernel


def grade(nb, given, about):
    """{question: {"share", "parts", "reason"}}, and what the cells showed, of one submission.

    nb: the prepared staff notebook. given: {cell id: source} of the student. about: seed, seconds,
    library, unsafe.
    """
    asked = {q.name: q for q in course.questions(nb)}
    about = about | {"functions": {name: q.functions for name, q in asked.items()}}
    verdicts = {name: why for name, q in asked.items() if (why := untouched(nb, q, given))}
    shown, again = [], []
    while left := [name for name in asked if name not in verdicts]:
        found, outputs = in_kernel(cells_of(nb, asked, left, given, about["seed"]), about)
        verdicts |= found or {left[0]: failed("it could not be run to an end")}
        again += suspects(asked, found, given)
        shown += outputs
    for name in again:
        alone = cells_of(nb, asked, [name], given, about["seed"])
        found, outputs = in_kernel(alone, about)
        if found.get(name, verdicts[name])["share"] > verdicts[name]["share"]:
            verdicts |= found
            shown += outputs
    return {name: verdicts[name] for name in asked}, shown


def failed(reason, share=0.0):
    return {"share": share, "parts": {}, "reason": reason}


def untouched(nb, q, given):
    """The verdict on a question that need not run: nothing is there, or what was released."""
    source = {
        cell.id: cut.without_solutions(cell.source) for cell in nb.cells if cell.id in q.tasks
    }
    if not any(name in given for name in q.tasks):
        return failed("it was not handed in")
    if all(given.get(n, source[n]).split() == source[n].split() for n in q.tasks):
        return failed("it was not answered")
    return None


def suspects(asked, found, given):
    """Questions without full points that ran after another such one, in one kernel: whatever that
    one left behind must not count against them. Those that hold a stub stop by themselves."""
    weak = [name for name in asked if name in found and found[name]["share"] < 1]
    stub = "raise NotImplementedError"
    return [n for n in weak[1:] if not any(stub in text(given, i) for i in asked[n].tasks)]


def cells_of(nb, asked, names, given, seed):
    """What runs for these questions: imports and definitions of staff, the student's tasks, and the
    cells that hand in."""
    cells, own = [], definitions(nb, asked)
    for name in names:
        q = asked[name]
        for i in (*earlier(asked, name, names, given, own), *q.tasks):
            cells.append({"question": name, "part": "task", "source": text(given, i)})
        source = course.hand_in_cell(q, seed).source
        cells.append({"question": name, "part": "hand-in", "source": source})
    texts = [cell["source"] for cell in cells if cell["part"] == "task"]
    return [setup(own, names, texts), *cells]


def text(given, name):
    return given.get(name, "raise NotImplementedError('this cell was not handed in')")


def earlier(asked, name, names, given, own):
    """Task cells of other questions whose functions this one's text uses, itself or through the
    staff's `own` definitions, and which do not run."""
    before = [q for other, q in asked.items() if other not in names]
    wanted = used(asked[name].tasks, given, own)
    chosen = []
    for q in reversed(before[: position(asked, before, name)]):
        if wanted & set(q.functions):
            chosen = [*q.tasks, *chosen]
            wanted |= used(q.tasks, given, own)
    return chosen


def used(tasks, given, own):
    """The names that task cells read, and those that the staff's definitions for them read."""
    wanted = set().union(*(slices.wants(text(given, i)) for i in tasks))
    return wanted.union(*map(slices.wants, slices.needed(own, "\n".join(sorted(wanted)))))


def position(asked, before, name):
    order = list(asked)
    return sum(order.index(q.name) < order.index(name) for q in before)


def definitions(nb, asked):
    """The statements of the staff's cells that import or define something."""
    tasks = {i for q in asked.values() for i in q.tasks}
    own = [c.source for c in nb.cells if c.cell_type == "code" and c.id not in tasks]
    return [s for s in slices.statements(own) if DEFINITION.match(s[2])]


def setup(own, names, texts):
    """Imports, functions and classes of the staff's `own` that the student's texts need."""
    wanted = "\n".join(sorted(set().union(*map(slices.wants, texts))))
    numbers = {int(name.split(".")[0]) for name in names}
    ready = [f"import course_lib.course.trials.nb{n:02}" for n in sorted(numbers)]
    lines = ["import course_lib.course.hand_in", *ready, *slices.needed(own, wanted)]
    return {"question": "", "part": "setup", "source": "\n".join(lines)}


def in_kernel(cells, about):
    """({question: verdict}, outputs) of cells run in one kernel: a fork, and where that cannot be
    had, a new one. RuntimeError where no kernel gets ready, which is no student's fault."""
    line = None if about["unsafe"] else fork.line(about["library"], imports(about["names"]))
    notes = (line and session(cells, about, line)) or session(cells, about, None)
    if not notes:
        raise RuntimeError("no kernel could be started, or the staff's imports fail in it")
    verdicts = {n["question"]: scored(n) for n in notes if n["kind"] == "verdict" and n["question"]}
    sources = {(c["question"], c["part"]): c["source"] for c in cells}
    shown = [n for n in notes if n["kind"] == "outputs" and n["question"]]
    return verdicts, [n | {"source": sources[n["question"], n["part"]]} for n in shown]


def session(cells, about, line):
    """What a process of its own noted of the cells that it ran in one kernel."""
    # A short path, as sockets have 107 bytes; whose it is, so that it can be swept up.
    folder = Path(tempfile.mkdtemp(prefix=f"g{os.getpid()}-", dir="/tmp"))
    try:
        wall = 180 + (about["seconds"] + 10) * len(cells)
        process = PROCESSES.Process(target=run, args=(str(folder), cells, about, line))
        process.start()
        if line:
            line.close()
        process.join(wall)
        if process.is_alive():
            process.kill()
            process.join()
        lines = folder / "lines"
        notes = lines.read_text().splitlines() if lines.exists() else []
        return [json.loads(note) for note in notes]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def imports(names):
    """The staff's imports for the questions of some notebooks, as text: what a zygote has ready."""
    chosen = []
    for nb in map(course.notebooks().get, names):
        asked, given = {q.name: q for q in course.questions(nb)}, {c.id: c.source for c in nb.cells}
        source = cells_of(nb, asked, list(asked), given, 0)[0]["source"]
        nodes = [n for n in slices.parsed(source) if isinstance(n, ast.Import | ast.ImportFrom)]
        chosen += map(ast.unparse, nodes)
    return "\n".join(dict.fromkeys(chosen))


def sweep():
    """Remove what graders that were killed have left."""
    for path in Path("/tmp").glob("g*-*"):
        number = path.name[1:].partition("-")[0]
        if number.isdigit() and path.is_dir() and not Path("/proc", number).exists():
            shutil.rmtree(path, ignore_errors=True)


def run(folder, cells, about, line):
    from grading import session  # already there in the process that this one is forked from

    session.run(folder, cells, about, line)


def scored(note):
    parts = note["parts"]
    share = sum(not fault for fault in parts.values()) / len(parts) if parts else 0.0
    return {"share": share, "parts": parts, "reason": note["reason"]}
