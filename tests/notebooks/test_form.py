"""The course's form: a small notebook that keeps it, and what each rule notices otherwise."""

import json

import address
import nbformat
import notebook_terms
import pytest
from notebook_measures import measure
from notebook_rules import EACH, FIRST, FORM, rules_of

IDEA = "Here stand the words of the idea, which a reader can follow without knowing anything else. "
SOURCES = {
    "title": "# 99 · A sample\n\n**Afterwards you can** build one. **Before you start**, read.\n\n"
    "**Time.** Take 10 minutes to read, 1 to run and 20 to do.\n\nLINK",
    "colab": "",
    "parameters": 'profile: str = "quick"  # or full\nseed: int = 0  # of the noise\n'
    "budget: float = 1.0  # share of epochs\nretrain: bool = False  # or anew",
    "setup": "import torch\n\nfrom course_lib.course import answer, explore, results",
    "settings": 'settings = {"quick": 3, "full": 9}[profile]',
    "about": "## The data\n\nThree numbers stand for pictures in this sample.",
    "data": "x = torch.arange(settings)\nrecord = results.record(data={'n': 3})",
    "q1-3": "## Question 1.3 · How long is a code?\n\n"
    + 5 * IDEA
    + "The length is said in **nats**: "
    "a nat is the unit of information when the logarithm is the natural one.\n\n"
    "**Predict first.** Is it longer than two?",
    "q1-3-task": 'def length(x):\n    """How many numbers x, shape (n,), has."""\n'
    "    ### BEGIN SOLUTION\n    return len(x)\n    ### END SOLUTION",
    "q1-3-task-check": "assert length(torch.zeros(4)) == 4",
    "q1-3-staff": "assert length(x) == x.numel()",
    "q1-3-why": "Now the data of the course are measured with it, " + 2 * IDEA,
    "q1-3-measure": "n = length(x)\ntable = {'n': n}\n"
    "record.table('q1-3-length', table, 'The length.')",
    "q1-3-see": "**What to see.** There are three of them. If you expected two, look again.",
    "q1-3-check": "assert n == 3",
    "q1-3-answer": "answer('1.3', 'The code has {n} numbers on [0, 1], '\n"
    "    'as question 1.2 said, in a 95 % interval.', n=n, profile=profile)",
    "q1-3-try": "**Try.** Move it. Which length has no code?",
    "q1-3-explore": "explore(lambda n=1: n, n=(1, 3))",
}
# The subject itself, so that the sample is no more plumbing than a notebook may be.
for i in range(5):
    SOURCES[f"more-{i}"] = "## More\n\n" + 3 * IDEA
    SOURCES[f"model-{i}"] = "y = x\n" + "y = y + 1\n" * 13 + "y.sum()"
NBGRADER = {"schema_version": 3, "task": False, "grade": False}


def sample():
    """A notebook of one question that keeps the form."""
    nb = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Py", "language": "python"}}
    )
    nb.nbformat_minor = 5
    for cell_id, source in SOURCES.items():
        text = source.startswith(("#", "*", "Now"))
        cell = (nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell)(source)
        cell["id"] = cell_id
        nb.cells.append(cell)
    of = {cell.id: cell for cell in nb.cells}
    here = address.repository()
    of["title"].source = of["title"].source.replace("LINK", address.link(here, "99_sample.ipynb"))
    of["colab"].source = address.colab_cell(here)
    of["parameters"].metadata["tags"] = ["parameters"]
    of["q1-3-staff"].metadata["tags"] = ["staff"]
    for name, more in (
        ("task", {"solution": True, "locked": False}),
        ("check", {"solution": False}),
    ):
        own = {"grade_id": f"q1-3-{name}", "locked": True, **more}
        of[f"q1-3-{name}"].metadata["nbgrader"] = NBGRADER | own
    of["q1-3-check"].metadata.nbgrader["points"] = 0
    for i, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), 1):
        cell.execution_count = i
        cell.outputs = [nbformat.v4.new_output("stream", text="shown")]
    return nb


@pytest.fixture(autouse=True)
def terms(monkeypatch):
    """A glossary of two terms, so that the sample does not hang on the real one's words."""
    text = "**nat**: A unit. *In 99.*\n\n**rate** (also *nats a code*): Many nats. *In 02.*"
    entries = notebook_terms.glossary(text)
    monkeypatch.setattr(notebook_terms, "glossary", lambda text=None: entries)


def faults(nb, folder):
    path = folder / "99_sample.ipynb"
    path.write_text(json.dumps(nb))
    return [fault for rule in EACH + FORM for fault in rule(nb, path)]


def test_the_sample_keeps_the_form(tmp_path):
    assert faults(sample(), tmp_path) == []


def the(nb, cell_id):
    return next(cell for cell in nb.cells if cell.id == cell_id)


def edit(cell_id, old, new):
    def spoil(nb):
        cell = the(nb, cell_id)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return spoil


def add(cell_id, text):
    return lambda nb: the(nb, cell_id).update(source=the(nb, cell_id).source + text)


def drop(cell_id):
    return lambda nb: nb.cells.remove(the(nb, cell_id))


def both(first, second):
    def spoil(nb):
        first(nb)
        second(nb)

    return spoil


def move(cell_id, before):
    def spoil(nb):
        cell = the(nb, cell_id)
        nb.cells.remove(cell)
        nb.cells.insert(nb.cells.index(the(nb, before)), cell)

    return spoil


def about(cell_id, **changed):
    return lambda nb: the(nb, cell_id).metadata.nbgrader.update(changed)


def tagged(cell_id, *words):
    return lambda nb: the(nb, cell_id).metadata.update(tags=list(words))


TASK = "q1-3-task"
ENDED = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
LONG = "'a sentence of many words that a reader would rather find in the text'"
SPOILED = {
    "limits_rule": [
        (add("model-0", "\ny = 2" * 400), "lines of code, more than 450"),
        (add("settings", "\na = 1" * 60), "of the code is plumbing"),
        (add("model-0", "\ny = 2" * 150), "words to a line of code"),
    ],
    "cell_rule": [
        (add("model-0", "\ny.max()"), "cell model-0 has 16 lines of code, more than 15"),
        (edit(TASK, "    return", "    x = x\n" * 23 + "    return"), "more than 25"),
        (add("q1-3-check", "\nassert n < 4" * 8), "cell q1-3-check has 9 lines"),
        (add("model-1", "  # " + 95 * "-"), "cell model-1, line 15 is wider than 100"),
    ],
    "opening_rule": [
        (lambda nb: the(nb, "title").update(id="top"), "not the markdown cell title"),
        (edit("title", "Afterwards you can", "Then"), "does not say **Afterwards you can**"),
        (edit("title", "**Before you start**", ""), "does not say **Before you start**"),
        (edit("title", "1 to run", "a few"), "lacks '**Time.**"),
        (edit("title", "99_sample.ipynb", "98_sample.ipynb"), "no link to Colab"),
        (drop("colab"), "no code cell colab"),
        (move("colab", "settings"), "no code cell colab stands before"),
        (edit("colab", "https://github.com/", "https://gitlab.com/"), "cell colab differs"),
    ],
    "order_rule": [
        (lambda nb: the(nb, "q1-3").update(id="q1-3-why-not"), "does not begin with the markdown"),
        *((drop(f"q1-3-{p}"), f"no cell q1-3-{p}") for p in ("staff", "see", "check", "explore")),
        *((drop(f"q1-3-{p}"), f"no cell q1-3-{p}") for p in ("task", "task-check", "answer")),
        (move("q1-3-staff", TASK), "the order is not task, task-check, staff"),
        (move("q1-3-answer", "q1-3-check"), "the order is not"),
        (move("q1-3-see", "q1-3-measure"), "no record.figure or record.table stands before"),
        (edit("q1-3-measure", "record.table", "record.numbers"), "no record.figure or record"),
        (lambda nb: the(nb, "q1-3-see").update(cell_type="raw"), "q1-3-see is a raw cell"),
        (edit("q1-3-explore", "explore(", "print("), "does not call explore"),
        (tagged("q1-3-staff"), "q1-3-staff: the tag staff"),
        (tagged("q1-3-task-check", "staff"), "q1-3-task-check: the tag staff"),
    ],
    "idea_rule": [
        (edit("q1-3", 2 * IDEA, ""), "not 80 to 200"),
        (add("q1-3", " Yes." * 120), "not 80 to 200"),
        (edit("q1-3", "**Predict first.**", "Guess."), "does not ask one question"),
        (edit("q1-3", "than two?", "than two? Or four?"), "does not ask one question"),
        (edit("q1-3-see", "If you expected two", "Else"), "takes the prediction up by name"),
        (edit("q1-3-see", "**What to see.** ", ""), "does not begin with **What to see.**"),
        (add("q1-3-see", " One. Two. Four."), "has 4 sentences"),
    ],
    "between_rule": [
        (drop("q1-3-why"), "between the cells q1-3-staff and q1-3-measure"),
        (drop("q1-3-see"), "between the cells q1-3-measure and q1-3-check"),
        (drop("about"), "between the cells settings and data"),
    ],
    "text_rule": [
        (add("model-0", "  # fmt: skip"), "keeps ruff from formatting"),
        (add("model-0", "\n# fmt: off"), "keeps ruff from formatting"),
        (add("model-0", "\na = (f'{y}'\n  f'{y}'\n  f'{y}')"), "f-string over more than two"),
        (add("model-0", f"\nz = f{LONG}"), "line 16: code puts prose together"),
        (add("model-0", f"\nz = {LONG} + y"), "code puts prose together"),
        (add("model-0", f"\nz += {LONG}"), "code puts prose together"),
        (add("model-0", "\nz = 'it is better than that' if y else 'no'"), "puts prose together"),
        (add("model-0", "\nz = '{} and {} of all the pictures'.format(y, y)"), "puts prose"),
        (add("model-0", f"\nprint({LONG})"), "code prints prose"),
        (add("model-0", f"\ndisplay(Markdown({LONG}))"), "code prints prose"),
    ],
    "full_rule": [
        (both(add("q1-3-check", "\nlate = 1"), add("q1-3-answer", "\nlate")), "answer needs late"),
        (add("q1-3-answer", "\nf = lambda a: a + late"), "answer needs late"),
    ],
    "executed_rule": [
        (tagged("data", "injected-parameters"), "an executed copy"),
        (lambda nb: the(nb, "data").update(execution_count=None), "did not run once each"),
        (lambda nb: the(nb, "data").update(execution_count=70), "did not run once each"),
        (lambda nb: the(nb, "data").update(outputs=[nbformat.from_dict(ENDED)]), "in an error"),
        (lambda nb: the(nb, "q1-3-measure").update(outputs=[]), "q1-3-measure has no output"),
        (lambda nb: the(nb, "q1-3-answer").update(outputs=[]), "q1-3-answer has no output"),
        (lambda nb: nb.metadata.update(widgets={}), "the state of widgets"),
        (lambda nb: nb.metadata.update(more="a" * 1_500_000), "bytes, more than 1,500,000"),
    ],
    "task_rule": [
        (edit(TASK, "    ### BEGIN SOLUTION\n", ""), "do not stand in pairs"),
        (edit(TASK, "### END", "### BEGIN"), "do not stand in pairs"),
        (edit(TASK, '    """How many numbers x, shape (n,), has."""\n', ""), "with a docstring"),
        (edit(TASK, "    ### BEGIN", "    n = 2\n    ### BEGIN"), "docstring, then the solution"),
        (add(TASK, "\n    return 3"), "docstring, then the solution"),
        (add(TASK, "\n\n\ndef other(x):\n    return x"), "other has no solution"),
        (edit(TASK, "    ### BEGIN", "        ### BEGIN"), "it is no Python"),
        (add("model-0", "\n### BEGIN SOLUTION"), "model-0 marks a solution"),
    ],
    "task_check_rule": [
        (edit("q1-3-task-check", "length(", "len("), "q1-3-task-check asserts nothing about"),
        (edit("q1-3-staff", "assert ", ""), "q1-3-staff asserts nothing about length"),
    ],
    "check_rule": [
        (edit("q1-3-check", "assert ", ""), "q1-3-check asserts nothing"),
        (edit("q1-3-check", "n == 3", "m == 3"), "quotes n=n, which q1-3-check does not"),
        (add("q1-3-check", "\nassert seed == 0"), "of which the answer says nothing"),
    ],
    "answer_rule": [
        (edit("q1-3-answer", "answer(", "print("), "is not one call answer"),
        (edit("q1-3-answer", "answer('1.3'", "n = 2\nanswer('1.3'"), "is not one call answer"),
        (edit("q1-3-answer", "'The code", "f'The code"), "not two plain strings"),
        (edit("q1-3-answer", "'The code", "str(3) + 'The code"), "not two plain strings"),
        (edit("q1-3-answer", "'1.3'", "'1.4'"), "it answers question 1.4"),
        (edit("q1-3-answer", "as question", "so " * 80 + "as question"), "more than 80"),
        (edit("q1-3-answer", "n=n", "n=n, a=n, b=n, c=n"), "it has 4 numbers"),
        (edit("q1-3-answer", "n=n", "n=n, a=n"), "asks for ['n'] and is given ['a', 'n']"),
        (edit("q1-3-answer", "{n}", "3"), "the numbers 3 are typed"),
        (edit("q1-3-answer", "n=n", "n=n if n else 2"), "it holds an if"),
    ],
    "metadata_rule": [
        (lambda nb: the(nb, TASK).metadata.clear(), "q1-3-task has no nbgrader metadata"),
        (about(TASK, solution=False), "nbgrader's solution is not True"),
        (about("q1-3-check", grade=True), "nbgrader's grade is not False"),
        (about("q1-3-check", points=1), "nbgrader's points is not 0"),
        (about("q1-3-check", locked=False), "nbgrader's locked is not True"),
        (about(TASK, grade_id="x"), "nbgrader's grade_id is not q1-3-task"),
        (about(TASK, schema_version=2), "nbgrader's schema_version is not 3"),
    ],
    "try_rule": [
        (drop("q1-3-try"), "above q1-3-explore stands no **Try.**"),
        (edit("q1-3-try", "**Try.** ", ""), "above q1-3-explore stands no **Try.**"),
        (edit("q1-3-try", "Which length has no code?", "Go on."), "with a question"),
    ],
    "record_rule": [
        (edit("q1-3-measure", "'q1-3-length'", "'q1-30-length'"), "not a name of its question"),
        (edit("q1-3-measure", "'q1-3-length'", "table"), "not a name of its question"),
        (add("data", "\nrecord.numbers('q1-3-x', 'x', n=3)"), "not a name of its question"),
    ],
    "term_rule": [
        (edit("q1-3", "**nats**", "nats"), "q1-3 is the first with 'nat' and does not explain"),
        (add("about", " Its nats\na code."), "about is the first with 'rate'"),
        (add("about", "\n\nSo **nats**."), "about has 'nat' in bold and does not say"),
        (edit("q1-3-answer", "numbers on", "rates on"), "q1-3-answer is the first with 'rate'"),
        (edit("q1-3-answer", "numbers on", "**rates** on"), "q1-3-answer is the first with"),
    ],
    "bold_rule": [(add("about", " A **bit** is half of it."), "'bit' is bold, and docs/glossary")],
    "where_rule": [
        (edit("q1-3", "a nat is", "the **rate** is"), "does not say that 99 uses 'rate'"),
        (edit("q1-3", "nat", "bit"), "says that 99 uses 'nat', and it does not"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "spoil", "message"),
    [
        pytest.param(rule, spoil, message, id=f"{rule}-{message[:40]}")
        for rule, cases in SPOILED.items()
        for spoil, message in cases
    ],
)
def test_each_rule_notices(tmp_path, rule, spoil, message):
    nb, path = sample(), tmp_path / "99_sample.ipynb"
    spoil(nb)
    path.write_text(json.dumps(nb))
    result = [fault for r in FORM if r.__name__ == rule for fault in r(nb, path)]
    assert any(message in fault for fault in result), result


def test_every_rule_of_the_form_is_spoiled_at_least_once():
    assert set(SPOILED) == {rule.__name__ for rule in FORM}


def test_a_notebook_is_held_to_the_form_once_its_number_is_named(tmp_path):
    path = tmp_path / "01_sample.ipynb"
    assert rules_of(path, in_form=()) == EACH + FIRST
    assert rules_of(path, in_form=("02", "01")) == EACH + FORM


def test_what_is_measured():
    result = measure(sample())
    assert (result["questions"], result["tasks"], result["results"]) == (1, 1, 1)
    assert (result["plain answers"], result["longest cell"]) == (1, 15)
    # parameters 4, settings 1, imports 2, record 2, check 1, answer 2, explore 1; colab not counted
    assert result["plumbing"] * result["lines"] == pytest.approx(13)
