"""The form of a notebook in numbers: its lines, how much of them is plumbing, its words."""

import ast
import re

from notebook_cells import (
    calls,
    code_cells,
    code_lines,
    lines,
    of_part,
    part,
    questions,
    tree,
    words,
)

# The aim for plumbing is a quarter. 01 reaches 32 %, 02 29 %: six or seven answers, which the
# formatter breaks into a line an argument, and some twenty results leave no room for less.
MOST_LINES, MOST_PLUMBING, LEAST_WORDS, WIDEST = 450, 0.33, 2.7, 100
CELL, LARGE_CELL, CHECK = 15, 25, 8
SETTINGS = {"colab", "parameters", "settings"}
BYTES = 1_500_000


def is_record(node, names):
    """Whether a call makes a results.record(...), or hands a result to one of these names."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    source = node.func.value
    made = node.func.attr == "record" and isinstance(source, ast.Name) and source.id == "results"
    known = isinstance(source, ast.Name) and source.id in names or is_record(source, names)
    return made or (node.func.attr in {"figure", "table", "numbers"} and known)


def record_names(nb):
    """The names to which the notebook assigns a results.record(...)."""
    assigned = [n for c in code_cells(nb) for n in ast.walk(tree(c)) if isinstance(n, ast.Assign)]
    made = [a for a in assigned if is_record(a.value, set())]
    return {t.id for a in made for t in a.targets if isinstance(t, ast.Name)}


def records(cell, names):
    """The cell's calls of record.figure, .table and .numbers, in order."""
    result = [n for n in ast.walk(tree(cell)) if is_record(n, names)]
    return sorted((n for n in result if n.func.attr != "record"), key=lambda n: n.lineno)


def plumbing(cell, names):
    """The numbers of the cell's code lines that show or keep results, import, set or check."""
    if cell.id in SETTINGS or part(cell)[1] == "check":
        return set(code_lines(cell))
    handed = [n for n in ast.walk(tree(cell)) if is_record(n, names)]
    handed += [c for name in ("answer", "explore", "keep") for c in calls(cell, name)]
    handed += [n for n in ast.walk(tree(cell)) if isinstance(n, ast.Import | ast.ImportFrom)]
    spans = {i for node in handed for i in range(node.lineno, node.end_lineno + 1)}
    return spans & set(code_lines(cell))


def answers(cell):
    """The texts of answer("2.3", "one plain text", ...) in a cell."""
    given = [call.args for call in calls(cell, "answer") if len(call.args) == 2]
    plain = [all(isinstance(getattr(a, "value", None), str) for a in args) for args in given]
    texts = [(args[0].value, args[1].value) for args, ok in zip(given, plain, strict=True) if ok]
    return [text for number, text in texts if re.fullmatch(r"\d+\.\d+", number)]


def measure(nb):
    """One row of the table: what a reader meets in this notebook. The cell `colab`, which `make
    address` writes into every notebook alike, is not counted."""
    names, cells = record_names(nb), [c for c in code_cells(nb) if c.id != "colab"]
    n_lines = sum(len(code_lines(cell)) for cell in cells)
    n_plumbing = sum(len(plumbing(cell, names)) for cell in cells)
    n_words = sum(len(words(c.source)) for c in nb.cells if c.cell_type == "markdown")
    texts = [text for cell in cells for text in answers(cell)]
    return {
        "questions": len(questions(nb)),
        "lines": n_lines,
        "plumbing": n_plumbing / max(1, n_lines),
        "words": n_words,
        "words a line": n_words / max(1, n_lines),
        "columns": max((len(s) for cell in cells for s in lines(cell)), default=0),
        "longest cell": max((len(code_lines(cell)) for cell in cells), default=0),
        "tasks": sum(bool(of_part(own, "task")) for own in questions(nb).values()),
        "plain answers": len(texts),
        "longest answer": max((len(text.split()) for text in texts), default=0),
        "results": sum(len(records(cell, names)) for cell in cells),
    }


def limits_rule(nb, path):
    """The whole notebook: enough words, little plumbing, not too long."""
    result = measure(nb)
    if result["lines"] > MOST_LINES:
        yield f"{result['lines']} lines of code, more than {MOST_LINES}"
    if result["plumbing"] > MOST_PLUMBING:
        yield f"{result['plumbing']:.0%} of the code is plumbing, more than {MOST_PLUMBING:.0%}"
    if result["words a line"] < LEAST_WORDS:
        yield f"{result['words a line']:.1f} words to a line of code, fewer than {LEAST_WORDS}"


def cell_rule(nb, path):
    """Each cell: short, and no line wider than a page."""
    for cell in code_cells(nb):
        n, most = len(code_lines(cell)), longest(cell)
        if n > most:
            yield f"cell {cell.id} has {n} lines of code, more than {most}"
        wide = [i for i, text in enumerate(lines(cell), 1) if len(text) > WIDEST]
        yield from (f"cell {cell.id}, line {i} is wider than {WIDEST} columns" for i in wide)


def longest(cell):
    """How many lines this cell may have: a model, a task and what opens a notebook get more."""
    if part(cell)[1] == "check":
        return CHECK
    model = any(isinstance(node, ast.ClassDef) for node in tree(cell).body)
    large = model or part(cell)[1] == "task" or cell.id in {"setup", "settings"}
    return CHECK if cell.id == "colab" else LARGE_CELL if large else CELL
