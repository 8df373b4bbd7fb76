"""Tasks, checks and answers of a question: what a student writes, and what may be said of it."""

import ast
import re
import string

from notebook_cells import NAMES, NUMBER, calls, code_cells, of_part, part, questions, slug, tree
from notebook_measures import record_names, records

MARK = re.compile(r"^(\s*)### (BEGIN|END) SOLUTION$")
MOST_WORDS, MOST_NUMBERS = 80, 3
FLAGS = {
    "task": {"grade": False, "solution": True, "locked": False},
    "task-check": {"grade": False, "solution": False, "locked": True, "points": 0},
    "check": {"grade": False, "solution": False, "locked": True, "points": 0},
}


def task_rule(nb, path):
    """A student writes the body of a function whose contract stands above the solution."""
    for cell in code_cells(nb):
        if part(cell)[1] == "task":
            yield from (f"cell {cell.id}: {fault}" for fault in task_faults(cell))
        elif "SOLUTION" in cell.source:
            yield f"cell {cell.id} marks a solution and is no task"


def task_faults(cell):
    text = cell.source.splitlines()
    marks = [(i, MARK.match(s)[2]) for i, s in enumerate(text, 1) if MARK.match(s)]
    if not marks or [word for _, word in marks] != ["BEGIN", "END"] * (len(marks) // 2):
        yield "### BEGIN SOLUTION and ### END SOLUTION do not stand in pairs"
        return
    regions = [(marks[i][0], marks[i + 1][0]) for i in range(0, len(marks), 2)]
    functions = [n for n in ast.walk(tree(cell)) if isinstance(n, ast.FunctionDef)]
    holds = {r: [f for f in functions if f.lineno < r[0] <= f.end_lineno] for r in regions}
    for region, around in holds.items():
        inner = around[-1] if around else None
        if inner is None or not ast.get_docstring(inner):
            yield f"the solution of line {region[0]} is not inside a function with a docstring"
        elif not inside(inner, region):
            yield f"{inner.name}: docstring, then the solution, then nothing is the order"
    solved = {f.name for around in holds.values() for f in around}
    for function in tree(cell).body:
        if isinstance(function, ast.FunctionDef) and function.name not in solved:
            yield f"{function.name} has no solution between marks"
    try:
        ast.parse(released(text, regions))
    except SyntaxError:
        yield "without the solutions it is no Python"


def inside(function, region):
    """Whether exactly the docstring stands outside the solution."""
    outside = [n for n in function.body if not region[0] < n.lineno <= n.end_lineno < region[1]]
    return outside == function.body[:1]


def released(text, regions):
    """The source as a student gets it."""
    for begin, end in reversed(regions):
        indent = MARK.match(text[begin - 1])[1]
        text = [*text[: begin - 1], f"{indent}raise NotImplementedError()", *text[end:]]
    return "\n".join(text)


def task_check_rule(nb, path):
    """The public check, and that of the staff, assert something about the student's function."""
    for q, cells in questions(nb).items():
        tasks = [cell for cell in of_part(cells, "task") if cell.cell_type == "code"]
        names = {n.name for c in tasks for n in tree(c).body if hasattr(n, "name")}
        for cell in of_part(cells, "task-check") + of_part(cells, "staff"):
            used = {n.id for n in ast.walk(tree(cell)) if isinstance(n, ast.Name)}
            if not asserts(cell) or not names & used:
                yield f"{q}: {cell.id} asserts nothing about {', '.join(sorted(names))}"


def asserts(cell):
    """The expressions that a cell asserts, by `assert` or by a function named assert_..."""
    nodes = list(ast.walk(tree(cell)))
    named = [n for n in nodes if isinstance(n, ast.Call) and name_of(n).startswith("assert_")]
    return [n.test for n in nodes if isinstance(n, ast.Assert)] + named


def name_of(call):
    """The last word of what is called: assert_close of torch.testing.assert_close(...)."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def answer_rule(nb, path):
    """One plain text, written by hand, of few words, with few numbers put in by name."""
    for q, cells in questions(nb).items():
        for cell in of_part(cells, "answer"):
            result = calls(cell, "answer")
            alone = len(tree(cell).body) == 1 and isinstance(tree(cell).body[0], ast.Expr)
            if len(result) != 1 or not alone or tree(cell).body[0].value.__class__ is not ast.Call:
                yield f"cell {cell.id} is not one call answer(...)"
                continue
            yield from (f"cell {cell.id}: {fault}" for fault in answer_faults(q, result[0]))


def answer_faults(q, call):
    given = [a.value if isinstance(a, ast.Constant) else None for a in call.args]
    if len(given) != 2 or not all(isinstance(text, str) for text in given):
        yield "question and text are not two plain strings"
        return
    number, text = given
    if slug(number) != q:
        yield f"it answers question {number}"
    if len(text.split()) > MOST_WORDS:
        yield f"it has {len(text.split())} words, more than {MOST_WORDS}"
    names = [word.arg for word in call.keywords if word.arg != "profile"]
    if len(names) > MOST_NUMBERS:
        yield f"it has {len(names)} numbers, more than {MOST_NUMBERS}"
    fields = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    if fields != set(names):
        yield f"the text asks for {sorted(fields)} and is given {sorted(names, key=str)}"
    typed = NUMBER.findall(NAMES.sub(" ", re.sub(r"\{[^}]*\}", " ", text)))
    if typed:
        yield f"the numbers {', '.join(typed)} are typed"
    if any(isinstance(node, ast.IfExp) for node in ast.walk(call)):
        yield "it holds an if"


def check_rule(nb, path):
    """The check asserts exactly the numbers that the answer quotes."""
    for q, cells in questions(nb).items():
        quoted = quotes(cells)
        checks = [test for cell in of_part(cells, "check") for test in asserts(cell)]
        if not checks:
            yield f"{q}: {q}-check asserts nothing"
        parts = [{ast.unparse(n) for n in ast.walk(t) if isinstance(n, ast.expr)} for t in checks]
        for name, value in quoted.items():
            if not any(value in part for part in parts):
                yield f"{q}: the answer quotes {name}={value}, which {q}-check does not assert"
        for test, part_of in zip(checks, parts, strict=True):
            if not part_of & set(quoted.values()):
                what = ast.unparse(test)
                yield f"{q}: {q}-check asserts {what}, of which the answer says nothing"


def quotes(cells):
    """{name: expression} of the numbers that a question's answer is given."""
    result = [call for cell in of_part(cells, "answer") for call in calls(cell, "answer")]
    words = [word for call in result for word in call.keywords if word.arg not in (None, "profile")]
    return {word.arg: ast.unparse(word.value) for word in words}


def metadata_rule(nb, path):
    """nbgrader's schema 3; no points yet: they come with the cells that hand in."""
    for cell in nb.cells:
        about, name = cell.metadata.get("nbgrader"), part(cell)[1]
        if about is None:
            if name in {"task", "check"}:
                yield f"cell {cell.id} has no nbgrader metadata"
            continue
        wanted = {"schema_version": 3, "grade_id": cell.id, "task": False, "grade": False}
        wanted |= FLAGS.get(name, {})
        wrong = [key for key, value in wanted.items() if about.get(key) != value]
        yield from (f"cell {cell.id}: nbgrader's {key} is not {wanted[key]}" for key in wrong)


def record_rule(nb, path):
    """A result's name is written out and belongs to its question."""
    names = record_names(nb)
    for cell in code_cells(nb):
        for call in records(cell, names):
            name = call.args[0] if call.args else None
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            q = part(cell)[0]
            if not (isinstance(name, ast.Constant) and q and re.match(rf"{q}-.", str(name.value))):
                yield f"cell {cell.id} records {ast.unparse(call)[:60]}: not a name of its question"
