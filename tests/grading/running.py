"""A released notebook run as a student's kernel would."""

import os

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_lib.paths import cache_root
from grading import course

CACHE = os.path.abspath(cache_root())  # before a test moves it: the data are made there once


def executed(folder, name, given, monkeypatch):
    """The notebook after it was run in the release, and what stopped it, or None."""
    nb = nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4)
    for cell in nb.cells:
        cell.source = given.get(cell.id, cell.source)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("COURSE_CACHE", CACHE)
    monkeypatch.delenv("COURSE_WEIGHTS", raising=False)
    try:
        where = {"metadata": {"path": str(folder / "notebooks")}}
        how = dict(timeout=1800, kernel_name="python3", shutdown_kernel="immediate")
        NotebookClient(nb, **how, resources=where).execute()
    except CellExecutionError as error:
        return nb, error
    return nb, None


def one_always(quickest):
    """Parameters of a test: this notebook always, each of the others by `make slow`."""
    others = sorted(course.notebooks().keys() - {quickest})
    return [quickest, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]
