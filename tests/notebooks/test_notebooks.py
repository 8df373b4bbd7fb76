"""Every notebook keeps the course's conventions, and each convention's test can fail."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4.rwbase import rejoin_lines
from notebook_rules import EACH, FIRST, POINTS, rules_of

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SPEC = {"name": "python3", "display_name": "Python 3", "language": "python"}
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_the_notebooks_are_there():
    assert [path.name[:2] for path in NOTEBOOKS] == sorted(POINTS)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param(path, rule, id=f"{path.stem}-{rule.__name__}")
        for path in NOTEBOOKS
        for rule in rules_of(path)
    ],
)
def test_notebook_keeps(rule, path):
    # nbformat.read would mend doubled ids without a word; on disk a source is a list of lines.
    nb = rejoin_lines(nbformat.from_dict(json.loads(path.read_text())))
    nbformat.validate(nb)
    assert list(rule(nb, path)) == []


def graded(cell, points=None):
    grade = points is not None
    about = {"schema_version": 3, "grade_id": cell["id"], "task": False, "locked": grade}
    about |= {"grade": grade, "solution": not grade}
    cell.metadata["nbgrader"] = about | ({"points": points} if grade else {})


def sample():
    """A notebook of one question that keeps every rule of the first form."""
    sources = {
        "title": "# A sample\n\n![a face](face.png)",
        "parameters": 'profile: str = "quick"  # or full\nseed: int = 0  # of draws\n'
        "budget: float = 1.0  # share of epochs\nretrain: bool = False  # or anew",
        "q9-1": "## Question 9.1 · Why?\n\n**Do.** This. **Predict first.** That?",
        "q9-1-mse": "keep('q9-1-mse', numbers={'mse': 0.5})",
        "q9-1-check": "assert 1 < 2",
        "q9-1-answer": "said = f'MSE {mse:.2f} on [0, 1], as $x_2$ in question 9.1.'\n"
        "answer('q9-1', 'The 10 images', said, ours=f'{mse}', claim='0.0131')",
    }
    nb = nbformat.v4.new_notebook(metadata={"kernelspec": SPEC | {}})
    nb.nbformat_minor = 5
    for cell_id, source in sources.items():
        text = source.startswith("#")
        cell = (nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell)(source)
        cell["id"] = cell_id
        nb.cells.append(cell)
    nb.cells[1].metadata["tags"] = ["parameters"]
    graded(nb.cells[4], points=1)
    graded(nb.cells[5])
    return nb


def faults(nb, tmp_path, name="99_sample.ipynb"):
    (tmp_path / name).write_text(json.dumps(nb))
    return [fault for rule in EACH + FIRST for fault in rule(nb, tmp_path / name)]


def test_sample_keeps_every_rule(tmp_path):
    assert faults(sample(), tmp_path) == []


def edit(i, old, new):
    def spoil(nb):
        assert old in nb.cells[i].source
        nb.cells[i].source = nb.cells[i].source.replace(old, new)

    return spoil


def tag(i, word):
    return lambda nb: nb.cells[i].metadata.update(tags=[word])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda nb: nb.update(nbformat_minor=4), "not 4.5"),
        (lambda nb: nb.metadata.kernelspec.update(name="torch"), "not python3"),
        (lambda nb: nb.metadata.kernelspec.update(language="R"), "not python3"),
        (lambda nb: nb.cells[0].update(id="1"), "not semantic"),
        (lambda nb: nb.cells[0].update(id="parameters"), "stands twice"),
        (lambda nb: nb.cells[3].update(id="mse"), "belongs to q9-1"),
        (lambda nb: nb.cells[3].update(id="q9-10-mse"), "belongs to q9-1"),
        (lambda nb: nb.cells[1].metadata.clear(), "0 cells are tagged"),
        (edit(1, "  # of draws", ""), "not written as"),
        (edit(1, "seed: int = 0", "seed = 0"), "not written as"),
        (edit(1, "seed:", "seeds:"), "not all parameters"),
        (tag(3, "injected-parameters"), "executed copy"),
        (lambda nb: nb.cells[3].update(execution_count=1), "clear them"),
        (tag(3, "nbval-check-output"), "no output to compare"),
        (edit(4, "assert 1 < 2", "x = 1\n" * 26), "26 lines"),
        (edit(0, "[a face]", "[]"), "no alt text"),
        (edit(0, "![a face](face.png)", "<img src='a.png'>"), "no alt text"),
        (edit(2, "**Predict first.**", "Predict"), "no **Predict first.**"),
        (lambda nb: nb.cells.pop(4), "no code cell q9-1-check"),
        (edit(5, "answer('q9", "print('q9"), "does not call answer"),
        (lambda nb: nb.cells[5].metadata.clear(), "no nbgrader metadata"),
        (lambda nb: nb.cells[4].metadata.nbgrader.update(grade_id="x"), "grade_id is not the id"),
        (lambda nb: nb.cells[4].metadata.nbgrader.update(locked=None), "not all true or false"),
        (edit(3, "'q9-1-mse'", "'q9-10-mse'"), "a name of another question"),
        (edit(5, "{mse:.2f}", "0.012"), "typed numbers 0.012"),
        (edit(5, "f'{mse}'", "'MSE 3'"), "typed numbers 3"),
    ],
)
@pytest.mark.filterwarnings("ignore:Non-unique cell id")
def test_each_rule_notices(tmp_path, spoil, message):
    nb = sample()
    spoil(nb)
    assert any(message in fault for fault in faults(nb, tmp_path))


def test_missing_questions_and_wrong_points_are_noticed(tmp_path):
    nb = sample()
    nb.cells[2].source = nb.cells[2].source.replace("9.1", "1.1")
    for cell in nb.cells[2:]:
        cell["id"] = cell["id"].replace("q9", "q1")
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = cell["id"]
    result = faults(nb, tmp_path, "01_sample.ipynb")
    assert "question 1.2 is missing" in result
    assert "question 1.1 gives 1 points, not 2" in result
