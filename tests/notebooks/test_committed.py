"""Notebooks are committed as quick ran them: whole, small, and never older than what made them."""

import base64
import json
import shutil
from pathlib import Path

import committed
import inputs
import nbformat
import pytest
import run
import small_course

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = [
    p for p in sorted((ROOT / "notebooks").glob("*.ipynb")) if p.name[:2] in committed.EXECUTED
]
QUICK = ROOT / "reports" / "quick"
EXPLORER = """\
import ipywidgets
from by_hand import *

class Panel(ipywidgets.VBox):
    def _repr_mimebundle_(self, **kwargs):
        picture = base64.b64encode(png((200, 0, 0))).decode()
        data = super()._repr_mimebundle_(**kwargs) | {"image/png": picture}
        return data, {"image/png": {"alt": "A red field", "name": "q1-1-explorer"}}

display(Panel([ipywidgets.FloatSlider()]))"""
OPENED = """\
from pathlib import Path
import os
folder = Path(os.environ["COURSE_RESULTS"]) / "opened"
folder.mkdir()
(folder / "ships-1").write_text("{digest}")
(folder / "trained-here-2").write_text("ab")"""
BAR = "from tqdm.auto import tqdm\nfor _ in tqdm('ab'):\n    pass"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_as_fresh_as_its_cells_and_weights(path):
    assert committed.faults(path) == []


@pytest.mark.skipif(not QUICK.exists(), reason="reports/quick is not made here")
def test_the_quick_report_is_at_most_25_megabytes():
    assert sum(p.stat().st_size for p in QUICK.rglob("*") if p.is_file()) <= 25_000_000


# ---- how they are made --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A course whose only notebook was run by quick, and the folder of what ships with it."""
    root = tmp_path_factory.mktemp("built")
    weights = root / "weights"
    weights.mkdir()
    (weights / "ships-1.safetensors").write_bytes(b"weights")
    digest = committed.file_digest(weights / "ships-1.safetensors")
    more = {
        "explorer": EXPLORER,
        "bar": BAR,
        "opened": OPENED.format(digest=digest),
        "value": "6 * 7",
    }
    small_course.write(root, "01_a", small_course.cells("01_a", "1.1", **more))
    assert inputs.main(["quick"], root) == 0
    assert run.run(root, "quick", "01_a") is None
    return root


@pytest.fixture
def course(built, tmp_path, monkeypatch):
    root = Path(shutil.copytree(built, tmp_path / "course"))
    monkeypatch.setenv("COURSE_WEIGHTS", str(root / "weights"))
    monkeypatch.setattr(committed, "EXECUTED", ("01",))
    return root


def notebook(root):
    return root / "notebooks" / "01_a.ipynb"


@pytest.fixture
def used(course):
    assert committed.main([], course) == 0
    return course


def test_outputs_are_taken_over_without_what_a_reader_cannot_use(used):
    text = notebook(used).read_text(encoding="utf-8")
    for word in ("injected-parameters", "papermill", "widget-view", "widget-state", "iopub"):
        assert word not in text
    nb = nbformat.reads(text, as_version=4)
    cells = {cell.id: cell for cell in nb.cells}
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert cells["value"].outputs[0].execution_count == cells["value"].execution_count
    assert cells["bar"].outputs == []
    figure, explorer = cells["q1-1-fig"].outputs[0], cells["explorer"].outputs[0]
    assert figure.metadata["image/png"]["alt"] == "A field of colour (60, 90, 160)"
    assert explorer.metadata == {"image/png": {"alt": "A red field", "name": "q1-1-explorer"}}
    assert set(explorer.data) == {"image/png", "text/plain"}
    assert base64.b64decode(explorer.data["image/png"]).startswith(b"\x89PNG")
    assert "**Answer 1.1.**" in cells["q1-1-answer"].outputs[0].data["text/markdown"]


def test_what_they_were_made_of_is_written_down_and_fresh(used):
    about = json.loads(notebook(used).read_text())["metadata"]["course"]
    digest = committed.file_digest(used / "weights" / "ships-1.safetensors")
    assert about == {
        "cells": inputs.cells_digest(notebook(used)),
        "weights": {"ships-1": digest},  # what was trained here does not ship
    }
    assert committed.faults(notebook(used)) == []


def test_taking_over_twice_changes_nothing_and_asks_for_no_new_run(used):
    before = notebook(used).read_bytes()
    assert committed.main([], used) == 0 and notebook(used).read_bytes() == before
    made_from = used / "reports" / "quick" / "notebooks" / "01_a.inputs"
    old = made_from.read_bytes()
    assert inputs.main(["quick"], used) == 0
    assert json.loads(made_from.read_bytes())["files"]["cells"] == json.loads(old)["files"]["cells"]


def change_cell(root):
    nb = nbformat.read(notebook(root), as_version=4)
    nb.cells[-1].source += "  # changed"
    nbformat.write(nb, notebook(root))


def change_weights(root):
    (root / "weights" / "ships-1.safetensors").write_bytes(b"others")


def lose_weights(root):
    (root / "weights" / "ships-1.safetensors").unlink()


def grow(root):
    nb = nbformat.read(notebook(root), as_version=4)
    nb.cells[-1].outputs = [nbformat.v4.new_output("stream", text="x" * 1_500_000)]
    nbformat.write(nb, notebook(root))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change_cell, "its cells changed after its outputs were made"),
        (change_weights, "the weights ships-1 changed"),
        (lose_weights, "the weights ships-1 changed"),
        (grow, "bytes, more than 1,500,000"),
    ],
)
def test_a_stale_or_large_notebook_is_refused(used, spoil, message):
    spoil(used)
    (fault,) = committed.faults(notebook(used))
    assert message in fault


def test_a_notebook_without_outputs_is_refused(course):
    assert committed.faults(notebook(course)) == ["it is not committed executed: make notebooks"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change_cell, "01_a: cell value changed after its run; make report again"),
        (change_weights, "ships-1 was opened from the cache, and other weights ship"),
        (
            lambda root: shutil.rmtree(root / "reports" / "quick" / "results"),
            "01_a has no quick run; make report ONLY=01 makes one",
        ),
    ],
)
def test_outputs_of_another_state_are_not_taken_over(course, spoil, message, capsys):
    spoil(course)
    before = notebook(course).read_bytes()
    assert committed.main([], course) == 1 and notebook(course).read_bytes() == before
    line = capsys.readouterr().err
    assert message in line and line.count("\n") == 1


def test_a_large_notebook_names_its_largest_outputs(course, monkeypatch, capsys):
    monkeypatch.setattr(committed, "BYTES", 2000)
    assert committed.main([], course) == 1
    line = capsys.readouterr().err
    assert "more than 2,000; the largest outputs: " in line and "explorer" in line


def test_make_asks_for_the_names(course, capsys):
    assert committed.main(["names"], course) == 0
    assert capsys.readouterr().out == "01\n"


def test_a_page_shows_an_explorers_first_picture_and_how_to_open_it(built):
    html = (built / "reports" / "quick" / "01_a.html").read_text(encoding="utf-8")
    part = html.split('id="explorer"')[1].split('id="bar"')[0]
    assert 'src="figures/q1-1-explorer.webp"' in part and 'alt="A red field"' in part
    assert part.count('class="widget-note"') == 1
