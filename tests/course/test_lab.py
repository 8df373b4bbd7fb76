"""Explorers in a real JupyterLab: their sliders take the keyboard, and the picture follows."""

import itertools
import statistics

import lab
import nbformat
import pytest
from conftest import CHROMIUM
from notebook_cells import needed

QUICKEST = "04_multilevel_vae"  # the others by `make slow`
EXPLORERS = [pytest.param(*one, marks=() if one[0] == QUICKEST else pytest.mark.slow)
             for one in lab.EXPLORERS]  # fmt: skip


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("notebook", "explorer"), EXPLORERS)
def test_every_key_on_a_slider_changes_the_picture(notebook, explorer, browser, tmp_path):
    with lab.opened(browser, notebook, explorer, tmp_path) as page:
        assert lab.errors(page) == []
        took, pictures = lab.keys(page)
        assert lab.errors(page) == []
    assert all(before != after for before, after in itertools.pairwise(pictures))
    assert statistics.median(took) < 10 * lab.GOAL  # that it moves at all; docs/pages.md measures


def test_a_copy_holds_what_the_explorer_needs_and_nothing_else():
    code = ["import math", "x = 1", "x = 2", "def f():\n    y = x\n    return y", "y = math.pi"]
    code += ["figure = 1", "figure = f()\nexplore(figure)", "z = 4"]
    cells = [nbformat.v4.new_code_cell(one) for one in code]
    kept = needed(nbformat.v4.new_notebook(cells=cells), "explore(")
    assert [cell.source for cell in kept] == [code[i] for i in (2, 3, 6)]
