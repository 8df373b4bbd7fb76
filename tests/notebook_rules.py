"""What every notebook of the course keeps to: each rule yields one line a fault.

IN_FORM names the notebooks that have been rewritten to the course's form; they keep EACH and
FORM, the others EACH and FIRST.
"""

import ast
import re

import committed
import notebook_form
import notebook_full
import notebook_measures
import notebook_tasks
import notebook_terms
import papermill as pm
from notebook_cells import HEADING, NAMES, NUMBER, calls, code_cells, code_lines, lines, slug, tags

IN_FORM = committed.EXECUTED  # switched on a notebook at a time, there

# Points as the course gives them; a question without points is there to be done all the same.
POINTS = {
    "01": {"1.1": 2, "1.2": 0.5, "1.3": 1, "1.4": 0.5, "1.5": 0.5, "1.6": 0},
    "02": {"2.1": 1, "2.2": 1, "2.3": 1, "2.4": 1, "2.5": 1, "2.6": 1, "2.7": 0},
    "03": {f"3.{i}": 0 for i in range(1, 7)},
    "04": {f"4.{i}": 0 for i in range(1, 9)},
    "05": {f"5.{i}": 1 for i in range(1, 6)},
    "06": {"6.1": 1, "6.2": 1, "6.3": 2},
    "07": {f"7.{i}": 0 for i in range(1, 4)},
    "08": {f"8.{i}": 0 for i in range(1, 6)},
    "09": {f"9.{i}": 0 for i in range(1, 3)},
}
CELL_ID = re.compile(r"[a-z][a-z0-9-]*")
PARAMETER = re.compile(r"(\w+): (str|int|float|bool) = \S.*?  # \S.*")
LONGEST = 25


def format_rule(nb, path):
    if (nb.nbformat, nb.nbformat_minor) != (4, 5):
        yield f"nbformat is {nb.nbformat}.{nb.nbformat_minor}, not 4.5"
    kernel = nb.metadata.get("kernelspec", {})
    if (kernel.get("name"), kernel.get("language")) != ("python3", "python"):
        yield "the kernelspec is not python3 with language python, which papermill asks for"


def id_rule(nb, path):
    ids = [cell.get("id", "") for cell in nb.cells]
    yield from (f"id {i!r} is not semantic" for i in ids if not CELL_ID.fullmatch(i))
    yield from (f"id {i!r} stands twice" for i in sorted(set(ids)) if ids.count(i) > 1)
    current = None
    for cell in nb.cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            current = f"q{heading[1]}-{heading[2]}"
        elif cell.cell_type == "markdown" and re.match(r"##? ", cell.source):
            current = None
        if current and not re.match(rf"{current}(-|$)", cell.id):
            yield f"cell {cell.id} belongs to {current} and should be named so"


def parameter_rule(nb, path):
    tagged = [cell for cell in nb.cells if "parameters" in tags(cell)]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells are tagged parameters"
        return
    result = [PARAMETER.fullmatch(line) for line in lines(tagged[0]) if not line.startswith("#")]
    if not all(result):
        yield "a parameter is not written as `name: type = value  # comment`"
        return
    names = [match[1] for match in result]
    if sorted(pm.inspect_notebook(str(path))) != sorted(names):
        yield "papermill does not read the parameters as they stand"
    if not {"profile", "seed", "budget", "retrain"} <= set(names):
        yield "profile, seed, budget and retrain are not all parameters"


def output_rule(nb, path):
    if any("injected-parameters" in tags(cell) for cell in nb.cells):
        yield "an executed copy was put back: it has an injected-parameters cell"
    for cell in code_cells(nb):
        if "nbval-check-output" not in tags(cell) and (cell.outputs or cell.execution_count):
            yield f"cell {cell.id} has outputs or a count: clear them"
        if "nbval-check-output" in tags(cell) and not (cell.outputs and cell.execution_count):
            yield f"cell {cell.id} is to be compared by nbval, and has no output to compare with"


def length_rule(nb, path):
    for cell in code_cells(nb):
        n = len(code_lines(cell))
        if n > LONGEST:
            yield f"cell {cell.id} has {n} lines, more than {LONGEST}"


def alt_rule(nb, path):
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            bare = re.findall(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"']\s*\w)[^>]*>", cell.source)
            yield from (f"cell {cell.id}: a picture has no alt text" for _ in bare)


def number_rule(nb, path):
    """Exactly the questions of this notebook."""
    shown = set(shown_questions(nb))
    expected = set(POINTS.get(path.name[:2], shown))
    yield from (f"question {q} is missing" for q in sorted(expected - shown))
    yield from (f"question {q} is not of this notebook" for q in sorted(shown - expected))


def shown_questions(nb):
    texts = [cell.source for cell in nb.cells if cell.cell_type == "markdown"]
    return sorted({f"{m[1]}.{m[2]}" for text in texts for m in HEADING.finditer(text)})


def question_rule(nb, path):
    """Do / Predict / Check / Answer, for every question of a notebook in its first form."""
    by_id = {cell.id: cell for cell in nb.cells}
    text = {cell.id: cell.source for cell in nb.cells if cell.cell_type == "markdown"}
    for q in shown_questions(nb):
        own = "".join(s for i, s in text.items() if re.match(rf"{slug(q)}(-|$)", i))
        for part in ("**Do.**", "**Predict first.**"):
            if part not in own:
                yield f"question {q} has no {part}"
        for part in ("check", "answer"):
            cell = by_id.get(f"{slug(q)}-{part}")
            if cell is None or cell.cell_type != "code":
                yield f"question {q} has no code cell {slug(q)}-{part}"
        answer = by_id.get(f"{slug(q)}-answer")
        if answer is not None and not calls(answer, "answer"):
            yield f"cell {answer.id} does not call answer(...)"


def grading_rule(nb, path):
    """nbgrader's schema 3 on check and answer cells, and the points of tasks as a sum."""
    points = {}
    for cell in nb.cells:
        part = re.fullmatch(r"q(\d+)-(\d+)-(check|answer)", cell.id)
        about = cell.metadata.get("nbgrader")
        if part and about is None:
            yield f"cell {cell.id} has no nbgrader metadata"
        if about is None:
            continue
        flags = ("grade", "solution", "locked", "task")
        if about.get("schema_version") != 3 or about.get("grade_id") != cell.id:
            yield f"cell {cell.id}: schema_version is not 3, or grade_id is not the id"
        if not all(isinstance(about.get(flag), bool) for flag in flags):
            yield f"cell {cell.id}: {', '.join(flags)} are not all true or false"
        if part and about.get("grade"):
            q = f"{part[1]}.{part[2]}"
            points[q] = points.get(q, 0) + about.get("points", 0)
    for q, expected in POINTS.get(path.name[:2], {}).items():
        if points.get(q, 0) != expected:
            yield f"question {q} gives {points.get(q, 0)} points, not {expected}"


def keep_rule(nb, path):
    for cell in code_cells(nb):
        for call in calls(cell, "keep"):
            name = call.args[0] if call.args else None
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            question = re.match(r"q\d+-\d+", cell.id)
            if isinstance(name, ast.Constant):
                if not question or not re.match(rf"{question[0]}(-|$)", str(name.value)):
                    yield f"cell {cell.id} keeps {name.value!r}, a name of another question"


def prose_rule(nb, path):
    """Numbers in an answer's prose are printed by code; a source's number is a `claim`."""
    for cell in code_cells(nb):
        for call in calls(cell, "answer"):
            given = dict(zip(("question", "title", "text", "ours"), call.args, strict=False))
            given |= {word.arg: word.value for word in call.keywords}
            for key in {"text", "ours"} & set(given):
                prose = " ".join(literals(given[key], assigned(cell)))
                typed = NUMBER.findall(NAMES.sub(" ", prose))
                if typed:
                    yield f"cell {cell.id}: {key} has typed numbers {', '.join(typed)}"


def assigned(cell):
    """{name: values} of the cell's own assignments, so that prose built step by step is read."""
    values = {}
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Assign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    values.setdefault(target.id, []).append(node.value)
    return values


def literals(node, values):
    """The text written out in an expression: not what stands in {...}, in [...] or in calls."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name):
        known = values.get(node.id, [])
        rest = {name: value for name, value in values.items() if name != node.id}
        return [text for value in known for text in literals(value, rest)]
    if isinstance(node, ast.FormattedValue | ast.Subscript | ast.Compare):
        return []
    return [text for child in ast.iter_child_nodes(node) for text in literals(child, values)]


# Of every notebook; of those in IN_FORM; of the others.
EACH = [format_rule, id_rule, parameter_rule, alt_rule, number_rule]
FIRST = [output_rule, length_rule, question_rule, grading_rule, keep_rule, prose_rule]
FORM = [
    notebook_measures.limits_rule,
    notebook_measures.cell_rule,
    notebook_form.opening_rule,
    notebook_form.order_rule,
    notebook_form.idea_rule,
    notebook_form.between_rule,
    notebook_form.try_rule,
    notebook_form.text_rule,
    notebook_form.executed_rule,
    notebook_full.full_rule,
    notebook_tasks.task_rule,
    notebook_tasks.task_check_rule,
    notebook_tasks.check_rule,
    notebook_tasks.answer_rule,
    notebook_tasks.metadata_rule,
    notebook_tasks.record_rule,
    notebook_terms.term_rule,
    notebook_terms.bold_rule,
    notebook_terms.where_rule,
]


def rules_of(path, in_form=IN_FORM):
    """The rules that a notebook file keeps, by the two digits of its name."""
    return EACH + (FORM if path.name[:2] in in_form else FIRST)
