"""How a notebook of the course is built: what opens it, and the parts of a question in order."""

import ast
import re
from itertools import pairwise

import address
import pages
from notebook_cells import calls, code_cells, lines, of_part, part, questions, tags, tree, words
from notebook_measures import BYTES, record_names, records

# Cells that may follow each other without words between them.
GROUPS = ({"task", "task-check", "staff"}, {"check", "answer", "explore"})
FRONT = {"colab", "parameters", "setup", "settings"}
PARTS = ("task", "task-check", "staff", "see", "check", "answer")
# The questions for which the course promises an explorer.
EXPLORED = {"1.3", "2.5", "2.7", "3.4", "3.6", "4.3", "6.3", "7.3", "8.3", "8.5"}
IDEA = (80, 200)
MOST_SENTENCES = 3
MINUTES = re.compile(r"\*\*Time\.\*\* .*\d+ minutes to read, \d+ to run and \d+ to do\b", re.DOTALL)
LABEL = 8  # words


def opening_rule(nb, path):
    """What one will be able to do, what one should know, the minutes, and the way into Colab."""
    first = nb.cells[0]
    if first.cell_type != "markdown" or first.id != "title":
        yield "the first cell is not the markdown cell title"
    for label in ("**Afterwards you can**", "**Before you start**"):
        if label not in first.source:
            yield f"the title cell does not say {label}"
    if not MINUTES.search(first.source):
        yield "the title cell lacks '**Time.** 40 minutes to read, 2 to run and 150 to do'"
    if address.link(address.repository(), path.name) not in first.source:
        yield "the title cell has no link to Colab that pyproject.toml agrees with: make address"
    ids = [cell.id for cell in nb.cells]
    if "colab" not in ids or ids.index("colab") > ids.index("setup" if "setup" in ids else "colab"):
        yield "no code cell colab stands before the setup"
    elif nb.cells[ids.index("colab")].source != address.colab_cell(address.repository()):
        yield "cell colab differs from the one of reports/address.py: make address"


def order_rule(nb, path):
    """Every question has all its parts, in order, and what to see has been shown before."""
    for q, cells in questions(nb).items():
        if cells[0].id != q or cells[0].cell_type != "markdown":
            yield f"{q}: the question does not begin with the markdown cell {q}"
        number = q[1:].replace("-", ".")
        wanted = [*PARTS, "explore"] if number in EXPLORED else list(PARTS)
        own = [part(cell)[1] for cell in cells]
        places = {name: own.index(name) for name in wanted if name in own}
        yield from (f"{q}: there is no cell {q}-{name}" for name in wanted if name not in places)
        if list(places.values()) != sorted(places.values()):
            yield f"{q}: the order is not {', '.join(wanted)}"
        yield from kind_faults(q, cells)
        names = record_names(nb)
        before = cells[: places.get("see", len(cells))]
        shown = [r for c in before if c.cell_type == "code" for r in records(c, names)]
        if not any(r.func.attr in {"figure", "table"} for r in shown):
            yield f"{q}: no record.figure or record.table stands before {q}-see"


def kind_faults(q, cells):
    for cell in cells:
        name = part(cell)[1]
        if name and (cell.cell_type == "markdown") != (name == "see"):
            yield f"{q}: {cell.id} is a {cell.cell_type} cell"
        if name == "explore" and cell.cell_type == "code" and not calls(cell, "explore"):
            yield f"{q}: {cell.id} does not call explore(...)"
        if (name == "staff") != ("staff" in tags(cell)):
            yield f"{q}: {cell.id}: the tag staff belongs to {q}-staff, and to no other cell"


def idea_rule(nb, path):
    """The idea has its length, one prediction is asked for, and it is taken up again by name."""
    for q, cells in questions(nb).items():
        n = len(words(cells[0].source))
        if not IDEA[0] <= n <= IDEA[1]:
            yield f"{q}: the idea has {n} words, not {IDEA[0]} to {IDEA[1]}"
        asked = re.search(r"\*\*Predict first\.\*\*(.*?)(\n\s*\n|\Z)", cells[0].source, re.DOTALL)
        if not asked or asked[1].count("?") != 1:
            yield f"{q}: the cell {q} does not ask one question after **Predict first.**"
        later = " ".join(cell.source for cell in cells[1:] if is_prose(cell))
        if not re.search(r"\bexpect(ed)?\b", later):
            yield f'{q}: nothing takes the prediction up by name ("If you expected ...")'
        for cell in of_part(cells, "see"):
            yield from see_faults(q, cell)


def is_prose(cell):
    return cell.cell_type == "markdown" or part(cell)[1] == "answer"


def see_faults(q, cell):
    if not cell.source.startswith("**What to see.** "):
        yield f"{q}: {cell.id} does not begin with **What to see.**"
    text = cell.source.removeprefix("**What to see.** ")
    sentences = [s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z*$])", text) if "expect" not in s]
    if len(sentences) > MOST_SENTENCES:
        yield f"{q}: {cell.id} has {len(sentences)} sentences, more than {MOST_SENTENCES}"


def between_rule(nb, path):
    """Words stand between two code cells, but for those that belong together."""
    for before, after in zip(nb.cells, nb.cells[1:], strict=False):
        (q, name), (q_after, name_after) = part(before), part(after)
        together = q == q_after and any({name, name_after} <= group for group in GROUPS)
        together = together or {before.id, after.id} <= FRONT
        if before.cell_type == after.cell_type == "code" and not together:
            yield f"no words stand between the cells {before.id} and {after.id}"


def try_rule(nb, path):
    """Above every explorer stands a question to answer first, which its page repeats beside it."""
    for above, cell in pairwise(nb.cells):
        if cell.cell_type == "code" and calls(cell, "explore"):
            if above.cell_type != "markdown" or not pages.predicted(above.source):
                yield f"above {cell.id} stands no **Try.** with a question"


def text_rule(nb, path):
    """No prose is printed or put together by code, and ruff formats every cell."""
    for cell in code_cells(nb):
        if re.search(r"# fmt: ?(skip|off)", cell.source):
            yield f"cell {cell.id} keeps ruff from formatting it"
        asserts = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Assert)]
        messages = [node for check in asserts for node in ast.walk(check)]
        for node in ast.walk(tree(cell)):
            if isinstance(node, ast.JoinedStr) and node.end_lineno - node.lineno > 1:
                yield f"cell {cell.id}, line {node.lineno}: an f-string over more than two lines"
            if node not in messages and assembles(node):
                yield f"cell {cell.id}, line {node.lineno}: code puts prose together"
            elif node not in messages and prints(node):
                yield f"cell {cell.id}, line {node.lineno}: code prints prose; write it in markdown"


def written(node):
    """How many words stand written out in an expression."""
    parts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
    return len(re.findall(r"[A-Za-z]{2,}", " ".join(p for p in parts if isinstance(p, str))))


def assembles(node):
    """An f-string that is more than a label, or text that is added, joined, chosen or filled."""
    if isinstance(node, ast.JoinedStr):
        return written(node) > LABEL
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"format", "join"} and written(node.func.value) > 3
    if isinstance(node, ast.IfExp):
        return max(map(text_of, (node.body, node.orelse))) > 3
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return max(map(text_of, (node.left, node.right))) > 3
    return isinstance(node, ast.AugAssign) and text_of(node.value) > 3


def text_of(node):
    """The words of a string; 0 for what is none."""
    text = isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)
    return written(node) if text else 0


def prints(node):
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    given = [*node.args, *(word.value for word in node.keywords)]
    return name in {"print", "Markdown", "HTML", "display"} and sum(map(written, given)) > LABEL


def executed_rule(nb, path):
    """Committed as it ran: every output there, in order, no error, no state of widgets."""
    if any("injected-parameters" in tags(cell) for cell in nb.cells):
        yield "an executed copy was put back: it has an injected-parameters cell"
    counts = [cell.execution_count for cell in code_cells(nb) if lines(cell)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the cells did not run once each from top to bottom: {counts}"
    names = record_names(nb)
    for cell in code_cells(nb):
        if not cell.outputs and (records(cell, names) or calls(cell, "answer")):
            yield f"cell {cell.id} has no output"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"cell {cell.id} ended in an error"
    if "widgets" in nb.metadata:
        yield "the state of widgets is stored: clear it"
    if path.stat().st_size > BYTES:
        yield f"the file has {path.stat().st_size:,} bytes, more than {BYTES:,}"
