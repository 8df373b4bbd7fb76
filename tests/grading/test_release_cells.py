"""A release with the staff's bodies is the committed notebook: no other cell, and nothing read that
only a staff's cell bound. So it runs as the notebook itself does, which nbval runs; that each one
does is in test_release_runs.py."""

import ast

import nbformat
import pytest
from answers import solution
from notebook_cells import bound_and_read, code_cells, tree

from course_lib.paths import REPOSITORY
from grading import course

NAMES = sorted(course.notebooks())
STAFF = ("colab", "-staff", "-check", "-answer")  # what no student gets


def cells_of(folder, name):
    return code_cells(nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4))


@pytest.mark.parametrize("name", NAMES)
def test_filled_in_it_has_the_notebook_s_cells_and_one_more_a_question(name, released):
    ours = {cell.id: cell for cell in cells_of(REPOSITORY, name)}
    filled = cells_of(released, name)
    added = [cell.id for cell in filled if cell.id not in ours]
    questions = course.questions(course.notebooks()[name])
    assert len(added) == len(questions) and all(i.endswith("-hand-in") for i in added)
    common = [cell for cell in filled if cell.id in ours]
    assert [cell.id for cell in common] == [i for i in ours if not left_out(i, filled)]
    for cell in common:
        cell.source = solution(name).get(cell.id, cell.source)
        assert ast.dump(tree(cell)) == ast.dump(tree(ours[cell.id])), cell.id


def left_out(i, filled):
    students = {cell.id for cell in filled}
    return i.endswith(STAFF) and not i.endswith("-task-check") and i not in students


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_read_that_only_a_staff_s_cell_bound(name, released):
    kept = {cell.id for cell in cells_of(released, name)}
    lost = set()  # names whose last value a student does not have
    for cell in cells_of(REPOSITORY, name):
        bound, read = bound_and_read(cell)
        if cell.id in kept:
            assert not read & lost, f"{cell.id} reads {read & lost}"
            lost -= bound
        else:
            lost |= bound
