"""The checks that everybody sees name the kind of mistake, and never the value."""

import pytest
import torch

from course_lib.course import check, hints

EXPECTED = torch.tensor([1.5, -2.25, 4.7, 0.3])

SLIPS = {
    "the sign": -EXPECTED,
    "a half is missing": 2 * EXPECTED,
    "a half too many": EXPECTED / 2,
    "deviation is taken for a variance": EXPECTED.abs().sqrt(),
    "variance is taken for a standard deviation": EXPECTED.square(),
    "logarithm": EXPECTED.exp(),
    "reversed": EXPECTED.flip(0),
    "one factor": EXPECTED / 4,
    "missing everywhere": EXPECTED - 3,
    "infinite or not a number": EXPECTED / 0,
    "special cases": torch.where(EXPECTED > 4, 0, EXPECTED),
    "word by word": torch.tensor([0.1, 7.0, -3.0, 11.0]),
    "wrong axis": EXPECTED[:2],
    "a mean missing": EXPECTED[:, None].expand(4, 2),
}


@pytest.mark.parametrize("hint", SLIPS)
def test_a_slip_is_named(hint):
    with pytest.raises(AssertionError) as failed:
        hints.assert_same(SLIPS[hint], EXPECTED)
    said = str(failed.value)
    assert hint in said and "?." not in said
    assert not any(f"{abs(v):g}" in said for v in EXPECTED.tolist())


def test_what_is_right_passes_and_a_slip_of_the_question_comes_first():
    hints.assert_same(EXPECTED + 1e-6, EXPECTED)
    with pytest.raises(AssertionError, match="swapped"):
        hints.assert_same(-EXPECTED, EXPECTED, {"q and p are swapped": -EXPECTED})


def notebook(path, task, test):
    import nbformat

    cells = [
        nbformat.v4.new_code_cell("import torch\nfrom course_lib.course import hints", id="setup"),
        nbformat.v4.new_code_cell("raise RuntimeError('a training of an hour')", id="train"),
        nbformat.v4.new_code_cell("%matplotlib inline\nx = 1", id="magic"),
        nbformat.v4.new_code_cell(task, id="q2-1-task"),
        nbformat.v4.new_code_cell(test, id="q2-1-task-check"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


TEST = "hints.assert_same(f(torch.ones(3)), 2 * torch.ones(3))"


@pytest.mark.parametrize(
    ("task", "said", "status"),
    [
        ("def f(x):\n    return 2 * x", "2.1   right", 0),
        ("def f(x):\n    return -2 * x", "2.1   not yet: It looks as if the sign is turned.", 1),
        ("def f(x):\n    raise NotImplementedError()", "2.1   not answered yet", 1),
        (
            "def f(x):\n    return y",
            "NameError: name 'y' is not defined, at: hints.assert_same(f",
            1,
        ),
        (
            "# mine\ndef f(x)\n    return x",
            "2.1   not yet: SyntaxError: cell q2-1-task, line 2: expected ':': def f(x)\n",
            1,
        ),
        ("def f(x):\n    return 2 * x\n\nlater = [", "line 4: '[' was never closed: later = [", 1),
    ],
)
def test_make_check_runs_a_check_without_what_stands_around_it(
    task, said, status, tmp_path, capsys
):
    notebook(tmp_path / "02_vae.ipynb", task, TEST)
    assert check.main(["02"], tmp_path) == status
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "cure"),
    [("2", "02"), ("002", "02"), ("vae", "02 or 03"), ("cvae", "03"), ("9", "02 or 03")],
)
def test_a_word_that_begins_no_notebook_s_name_is_answered_in_a_line(word, cure, tmp_path, capsys):
    for name in ("02_vae", "03_cvae"):
        notebook(tmp_path / f"{name}.ipynb", "def f(x):\n    return 2 * x", TEST)
    assert check.main(["02", word], tmp_path) == 2
    said = capsys.readouterr()
    assert said.err == f"no notebook begins with {word}; write {cure}\n" and not said.out


def test_a_cell_that_is_no_python_stops_no_check_that_needs_none_of_it(tmp_path, capsys):
    notebook(tmp_path / "02_vae.ipynb", "print(\n", "assert len([1]) == 1; print()")
    assert check.main([], tmp_path) == 0


def test_an_assert_without_words_shows_its_line(tmp_path, capsys):
    notebook(tmp_path / "02_vae.ipynb", "def f(x):\n    return x", "assert f(1) == 2  # twice")
    assert check.main([], tmp_path) == 1
    assert "this does not hold: assert f(1) == 2" in capsys.readouterr().out
