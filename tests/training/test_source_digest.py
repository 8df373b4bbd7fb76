"""The digest of a run's code: what it reaches, and what it leaves out."""

import pytest

from course_lib.data.batches import Batches
from course_lib.models import vae
from course_lib.training import source_digest


def test_comments_and_docstrings_do_not_make_a_source_stale_but_code_does():
    old = 'def f(x):\n    """Says."""\n    return x + 1  # why\n'
    new = "def f(x):\n\n    return (x + 1)\n"
    bare = source_digest.bare
    assert bare(old) == bare(new) != bare(old.replace("+", "-"))


def reached(name):
    result = {}
    source_digest._reach(name, result)
    return set(result)


def test_a_recipe_reaches_the_modules_behind_its_imports_and_no_others():
    result = reached(vae.__name__)
    used = {"models.vae", "models.gaussian", "models.layers", "data.batches", "training.steps"}
    assert {f"course_lib.{name}" for name in used} <= result
    others = {"models.gan", "data.sets", "course.figures", "evaluation.judge", "training.runs"}
    assert not {f"course_lib.{name}" for name in others} & result


@pytest.mark.parametrize(
    ("module", "stale"),
    [
        ("models/gaussian.py", True),
        ("training/steps.py", True),
        ("data/batches.py", True),
        ("training/loop.py", True),
        ("models/gan.py", False),
        ("course/figures.py", False),
    ],
)
def test_a_changed_module_makes_stale_what_uses_it_and_nothing_else(module, stale, monkeypatch):
    before, read = source_digest.source_digest(vae.recipe), source_digest._read

    def changed(path, stamp):
        text, imported = read(path, stamp)
        return text + "\nX = 1" * path.as_posix().endswith(module), imported

    monkeypatch.setattr(source_digest, "_read", changed)
    assert (source_digest.source_digest(vae.recipe) != before) == stale


def test_a_function_of_a_test_or_notebook_counts_by_its_own_text():
    def one(x):
        return x + 1

    def two(x):
        return x + 2

    digest = source_digest.source_digest
    assert digest(one) != digest(two)
    assert digest(one) == digest(one) != digest(Batches)
