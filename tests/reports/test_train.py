"""make train: a notebook's runs anew, and a broken-off training goes on."""

import os
import sys

import nbformat
import pytest
import train

from course_lib.paths import cache_root
from course_lib.training import loop

PARAMETERS = 'profile: str = "quick"\nbudget: float = 1.0\nretrain: bool = False'
RUN = (
    "from toy_family import pictures, recipe\nfrom course_lib.training import runs\n"
    "runs.train_or_load(recipe, [pictures()], {}, 2, retrain=retrain)"
)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository with one notebook: parameters, a run, and what the test adds."""

    def write(*more):
        cells = [nbformat.v4.new_code_cell(source) for source in (PARAMETERS, RUN, *more)]
        cells[0].metadata["tags"] = ["parameters"]
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        book = nbformat.v4.new_notebook(cells=cells)
        nbformat.write(book, tmp_path / "notebooks" / "01_trial.ipynb")

    monkeypatch.setattr(train, "REPOSITORY", tmp_path)
    monkeypatch.setenv("COURSE_RETRAIN_SINCE", "")
    monkeypatch.chdir(os.getcwd())  # train changes it
    write()
    return write


@pytest.fixture
def trained(monkeypatch):
    """A list that grows by one with every run that is really trained."""
    runs, fit = [], loop.fit
    monkeypatch.setattr(loop, "fit", lambda *a, **k: runs.append(1) or fit(*a, **k))
    return runs


def test_every_call_trains_anew(course, trained, capsys):
    assert train.main(["01"]) == 0 and train.main(["01_trial"]) == 0
    assert len(trained) == 2
    assert "01_trial: all runs trained anew" in capsys.readouterr().out
    assert not list((cache_root() / "retrain").glob("*.json"))


def test_after_a_break_what_was_trained_is_opened(course, trained, capsys):
    course("raise RuntimeError('power cut')")
    assert train.main(["01"]) == 1
    assert "failed, as shown above" in capsys.readouterr().err
    course()
    assert train.main(["01"]) == 0 and len(trained) == 1
    assert train.main(["01"]) == 0 and len(trained) == 2


@pytest.fixture
def fits(monkeypatch):
    """Call it with the share that fits from then on; the list of the minutes asked for."""
    asked = []

    def set_to(share):
        chosen = lambda root, profile, names, minutes, **how: (
            asked.append((minutes, how)) or dict.fromkeys(names, share)
        )
        monkeypatch.setattr(train.minutes, "shares", chosen)
        return asked

    return set_to


def test_a_share_chosen_for_some_minutes_holds_until_the_training_has_ended(course, fits):
    asked, words = fits(0.5), ["01", "--minutes", "30"]
    course("assert budget == 0.5", "raise RuntimeError('power cut')")
    assert train.main(words) == 1
    fits(0.25)
    course("assert budget == 0.5")
    assert train.main(words) == 0 and asked == [(30.0, {"retrain": True})]
    course("assert budget == 0.25")
    assert train.main(words) == 0 and len(asked) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["09"], "01_trial"),
        (["01", "--minutes", "abc"], "'abc' is not a number of minutes above 0"),
        (["01", "--minutes", "0"], "'0' is not a number of minutes above 0"),
        (["01", "--minutes", "9", "--budget", "1"], "BUDGET and MINUTES are two ways"),
        (["01", "--budget", "0"], "train: argument --budget: '0' is not a share of epochs"),
        (["01", "--budget", "half"], "train: argument --budget: 'half' is not a share of epochs"),
        (["01", "--profile", "slow"], "train: argument --profile: invalid choice: 'slow'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words, reason, course, capsys):
    with pytest.raises(SystemExit) as stopped:
        sys.exit(train.main(words))
    message = capsys.readouterr().err
    assert stopped.value.code == 2 and reason in message and message.count("\n") == 1


def test_a_cache_that_is_a_file_is_one_line(course, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "file"))
    assert train.main(["01"]) == 1
    assert "name another in COURSE_CACHE" in capsys.readouterr().err


def test_full_and_fewer_epochs_pass_the_checks_of_quicks_runs_by(course, trained):
    course("assert False")
    path = train.REPOSITORY / "notebooks" / "01_trial.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells[-1]["id"] = "q1-1-check"
    nbformat.write(book, path)
    assert train.main(["01"]) == 1 and train.main(["01", "--profile", "full"]) == 0
    assert train.main(["01", "--budget", "0.5"]) == 0
