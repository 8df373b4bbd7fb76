"""The staff's notebooks as a class meets them: questions, points, and the cells that hand in.

A notebook belongs to the class as soon as it has a task cell with a solution between the marks, and
`trials` has the question. Nothing else has to be switched on.
"""

import copy
import hashlib
import importlib.util
import re
import tomllib
from collections import namedtuple
from functools import cache
from pathlib import Path

import nbformat

from course_lib.course.slices import names

ROOT = Path(__file__).resolve().parents[1]
TASK = re.compile(r"q(\d+)-(\d+)-task(?:-check)?")
# name: "2.1". tasks: ids of the cells that a student fills. functions: what these define.
Question = namedtuple("Question", "name tasks functions points text")
# To the staff's own notebooks, which hold the solutions, on one line and as `colab` fetches them.
ELSEWHERE = re.compile(r"^\[Open in Colab\]\(.*\n*", re.MULTILINE)
# What is said of make report and make full, which need more than a release has.
MAKE = re.compile(
    r"^# .*`make (?:report|full)`.*\n|\s?\(`make full`[^)]*\)|(?<=\.)\s[^.]*`make full`[^.]*\.",
    re.MULTILINE,
)
# Cells that would answer a text which a person marks.
FINDINGS = ("-see", "-check", "-answer")


@cache
def points():
    """{question: what points.toml says of it}."""
    return tomllib.loads((ROOT / "grading" / "points.toml").read_text(encoding="utf-8"))


@cache
def notebooks(root=ROOT):
    """{"02_vae": its notebook} of all that belong to the class; nobody changes them."""
    read = {p.stem: nbformat.read(p, 4) for p in sorted((root / "notebooks").glob("*.ipynb"))}
    return {name: nb for name, nb in read.items() if questions(nb)}


def questions(nb):
    """The questions of a staff notebook that can be handed in, in order."""
    tasks = {}
    for cell in nb.cells:
        match = TASK.fullmatch(cell.get("id", ""))
        if match and is_task(cell):
            tasks.setdefault(f"{match[1]}.{match[2]}", []).append(cell)
    return [question(name, cells) for name, cells in tasks.items() if has_trial(name)]


def is_task(cell):
    solution = cell.metadata.get("nbgrader", {}).get("solution", False)
    return cell.cell_type == "code" and solution and "BEGIN SOLUTION" in cell.source


@cache
def has_trial(name):
    """Whether `trials` has a function for a question and points.toml its points."""
    notebook, number = name.split(".")
    spec = importlib.util.find_spec(f"course_lib.course.trials.nb{int(notebook):02}")
    text = Path(spec.origin).read_text(encoding="utf-8") if spec else ""
    return f"\ndef q{notebook}_{number}(" in text and name in points()


def question(name, cells):
    defined = [n for cell in cells for n in functions(cell.source)]
    about = points()[name]
    ids = tuple(cell.id for cell in cells)
    return Question(name, ids, tuple(defined), about["points"], about.get("text", 0))


@cache
def functions(source):
    """The names of the functions that a task cell asks for, in order."""
    given = names(source)[0]
    found = re.findall(r"^def (\w+)\(", source, re.MULTILINE)
    return tuple(name for name in found if name in given)


def prepared(nb):
    """The notebook that is released: points in the titles, a cell that hands in behind each task,
    a cell for each text; staff's own cells, and what is said of the staff's repository, are left
    out. Solutions are still there."""
    nb, asked = copy.deepcopy(nb), {q.name: q for q in questions(nb)}
    cells = [cell for cell in nb.cells if not of_staff(cell, asked)]
    for name, q in asked.items():
        own = [i for i, c in enumerate(cells) if belongs(c, name) and TASK.fullmatch(c.id)]
        cells.insert(own[-1] + 1, hand_in_cell(q))
        last = max(i for i, c in enumerate(cells) if belongs(c, name))
        cells[last + 1 : last + 1] = text_cells(q) if q.text else []
    nb.cells = [titled(cell, asked) for cell in cells]
    nb.metadata.pop("course", None)  # the digest of outputs that a release does not have
    return nb


def belongs(cell, name):
    return re.match(rf"q{name.replace('.', '-')}(-|$)", cell.id) is not None


def of_staff(cell, asked):
    """Whether a cell is left out: a check for staff, a finding that a text shall give, or the one
    that fetches the staff's repository."""
    if "staff" in cell.metadata.get("tags", []) or cell.id == "colab":
        return True
    texts = [name for name, q in asked.items() if q.text and belongs(cell, name)]
    return bool(texts) and cell.id.endswith(FINDINGS) and not TASK.fullmatch(cell.id)


def titled(cell, asked):
    cell.source = MAKE.sub("", ELSEWHERE.sub("", cell.source))
    for name, q in asked.items():
        total = q.points + q.text
        if cell.cell_type == "markdown" and belongs(cell, name) and cell.id.count("-") == 1:
            cell.source = re.sub(r"\A(## Question .*)", rf"\1 ({in_words(total)})", cell.source)
    return cell


def in_words(n_points):
    return f"{n_points:g} point{'' if n_points == 1 else 's'}"


def hand_in_cell(q, seed=0):
    """The locked cell that runs a question's functions on the inputs of a seed."""
    given = ", ".join(f"{name}={name}" for name in q.functions)
    source = (
        "from course_lib.course.hand_in import hand_in\n\n"
        f'hand_in("{q.name}", seed={seed}, {given})'
    )
    cell = nbformat.v4.new_code_cell(source, id=cell_id(q, "hand-in"))
    cell.metadata = graded(cell.id, q.points, solution=False)
    return cell


def text_cells(q):
    """What is asked, and the cell in which a student writes."""
    asked = nbformat.v4.new_markdown_cell(
        f"**Your text ({in_words(q.text)}).** {points()[q.name]['ask']}", id=cell_id(q, "ask")
    )
    cell = nbformat.v4.new_markdown_cell("YOUR ANSWER HERE", id=cell_id(q, "text"))
    cell.metadata = graded(cell.id, q.text, solution=True)
    return [asked, cell]


def cell_id(q, part):
    return f"q{q.name.replace('.', '-')}-{part}"


def graded(name, n_points, solution):
    """nbgrader's schema 3 of a cell that gives points."""
    about = dict(schema_version=3, grade_id=name, grade=True, solution=solution, task=False)
    about |= dict(locked=not solution, points=n_points)
    return nbformat.from_dict({"nbgrader": about})


def digest(*texts):
    """sha256 of some texts, so that neither can pass for a part of another."""
    own = hashlib.sha256()
    for text in texts:
        content = text if isinstance(text, bytes) else text.encode()
        own.update(f"{len(content)}:".encode() + content)
    return own.hexdigest()
