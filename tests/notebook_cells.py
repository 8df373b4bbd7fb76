"""How the tests read a notebook: its cells, their parts in a question, and their syntax trees."""

import ast
import re
import symtable

HEADING = re.compile(r"^## Question (\d+)\.(\d+) · \S", re.MULTILINE)
PARTS = ("task-check", "task", "staff", "see", "check", "answer", "explore")
PART = re.compile(rf"(q\d+-\d+)(?:-({'|'.join(PARTS)})(?:-.+)?)?(?:-.*)?")
# In prose a number is measured, so it is put in by code. These are names, not measurements:
# formulas, code, pixel ranges, other questions, the level of an interval.
NAMES = re.compile(r"\$[^$]*\$|`[^`]*`|\[[-0-9., ]+\]|[Qq]uestions? \d+\.\d+|\d+ % interval")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?!\w)")
FORMULA = re.compile(r"\$\$.*?\$\$|```.*?```|<!--.*?-->", re.DOTALL)


def tags(cell):
    return cell.metadata.get("tags", [])


def code_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def lines(cell):
    return cell.source.splitlines()


def code_lines(cell):
    """The numbers, from 1, of the lines that hold code: neither empty nor a comment alone."""
    return [i for i, s in enumerate(lines(cell), 1) if s.strip() and not s.lstrip().startswith("#")]


def tree(cell):
    """The cell's syntax tree; a line of the shell or of IPython (!, %) counts as `pass`."""
    return ast.parse("\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", s) for s in lines(cell)))


def calls(cell, name):
    """The cell's calls of a function by its bare name."""
    result = [node for node in ast.walk(tree(cell)) if isinstance(node, ast.Call)]
    return [call for call in result if isinstance(call.func, ast.Name) and call.func.id == name]


def slug(number):
    return "q" + number.replace(".", "-")


def part(cell):
    """("q2-3", "answer") of a cell q2-3-answer; ("q2-3", None) of q2-3-mse; (None, None) else."""
    match = PART.fullmatch(cell.get("id", ""))
    return (match[1], match[2]) if match else (None, None)


def questions(nb):
    """{"q2-3": its cells, in order} of every question that a heading opens."""
    heads = [m for c in nb.cells if c.cell_type == "markdown" for m in HEADING.finditer(c.source)]
    slugs = [f"q{head[1]}-{head[2]}" for head in heads]
    own = {s: [cell for cell in nb.cells if part(cell)[0] == s] for s in slugs}
    return {s: cells for s, cells in own.items() if cells}


def of_part(cells, name):
    return [cell for cell in cells if part(cell)[1] == name]


def words(text):
    """The words of a markdown text, formulas on a line of their own and headings left out."""
    text = re.sub(r"^#+ .*$", " ", FORMULA.sub(" ", text), flags=re.MULTILINE)
    return [word for word in text.split() if re.search(r"[A-Za-z$]", word)]


def bound_and_read(cell):
    """The notebook's names that a cell binds, and those that it reads, in functions, too."""
    scopes = [top := symtable.symtable(ast.unparse(tree(cell)), "cell", "exec")]
    for scope in scopes:
        scopes += scope.get_children()
    read = {s.get_name() for t in scopes for s in t.get_symbols() if s.is_global()}
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    return bound, read - bound


def needed(nb, text):
    """The first code cell that holds the text, and those above that bind what they read: of each
    name, the nearest one. A cell that only changes what another one bound is not seen."""
    cells = code_cells(nb)
    place = next(i for i, cell in enumerate(cells) if text in cell.source)
    kept, wanted = [], set()
    for cell in cells[place::-1]:
        bound, read = bound_and_read(cell)
        if not kept or bound & wanted:
            kept.insert(0, cell)
            wanted = wanted - bound | read
    return kept
