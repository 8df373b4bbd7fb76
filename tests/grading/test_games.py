"""05 to 08: each slip costs its own parts, and both the grader and the check that everybody sees
name its kind."""

import math

import nbformat
import numpy as np
import pytest
import torch
from answers import faults, with_line
from sklearn.metrics import mutual_info_score
from slips_games import SLIPS as GAMES
from slips_levels import SLIPS as LEVELS

from course_lib.course import check, slices
from grading import course
from grading.reference import nb07

SLIPS = [*GAMES, *LEVELS]
NAMES = [f"{cell}-{i}" for i, (_, cell, *_) in enumerate(SLIPS)]


def holds_one(words, text):
    return any(word in text for word in words.split("|"))


@pytest.mark.parametrize("slip", SLIPS, ids=NAMES)
def test_a_slip_costs_its_own_parts_and_the_grader_names_it(slip):
    notebook, cell, old, new, parts, hint, _ = slip
    question = cell.removesuffix("-task").removeprefix("q").replace("-", ".")
    given = faults(notebook, question, with_line(notebook, cell, old, new))
    wrong = {name for name, reason in given.items() if reason}
    assert wrong and (parts is None or wrong == parts), given
    assert holds_one(hint, " ".join(given.values())), given


def seen(notebook, cell, old, new):
    """What `make check` says of a question whose task cell has a slip."""
    path = course.ROOT / "notebooks" / f"{notebook}.ipynb"
    before = []
    for c in nbformat.read(path, 4).cells:
        if c.id == f"{cell}-check":
            return check.fault(before, c.source, path.parent)
        if c.cell_type == "code":
            source = c.source.replace(old, new) if c.id == cell else c.source
            before += slices.statements([source])


@pytest.mark.parametrize("slip", SLIPS, ids=NAMES)
def test_the_check_that_everybody_sees_names_it_too(slip):
    notebook, cell, old, new, _, _, hint = slip
    said = seen(notebook, cell, old, new)
    assert said or not hint
    assert holds_one(hint, said), said


def test_every_task_has_two_kinds_of_mistake_that_its_check_names():
    named = [cell for _, cell, *_, hint in SLIPS if "usual" not in hint and hint != ""]
    tasks = {i for n in {notebook for notebook, *_ in SLIPS}
             for q in course.questions(course.notebooks()[n]) for i in q.tasks
             if not i.endswith("check")}  # fmt: skip
    assert len(tasks) == 16 and {t for t in tasks if named.count(t) >= 2} == tasks


def test_the_bound_of_a_reader_that_knows_the_channel_is_what_scikit_learn_finds():
    sent = np.repeat(np.arange(4), 30)
    out = np.where(np.arange(120) % 3 == 0, (sent + 1) % 4, sent)
    joint = np.histogram2d(sent, out, 4)[0] / 30
    logits = torch.from_numpy(np.log(joint + 1e-300).T)[out]
    found = nb07.bound(logits, torch.from_numpy(sent))
    assert math.isclose(found, mutual_info_score(sent, out), abs_tol=1e-9)
    assert math.isclose(nb07.bits(sent, (out == 2)[:, None])[0] * math.log(2),
                        mutual_info_score(sent, out == 2), abs_tol=1e-9)  # fmt: skip
