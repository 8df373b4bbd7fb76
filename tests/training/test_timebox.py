"""The command's --minutes: as many epochs as fit, chosen once."""

import pytest
from toy_family import pictures, recipe

from course_lib.training import __main__ as command
from course_lib.training import distributed, rehearsal, runs, timebox

WORDS = "ae.narrow_recipe --data mnist --pictures 32 --batch 16 --epochs 9 --minutes".split()


@pytest.fixture
def minutes_an_epoch(monkeypatch):
    """Call it with the minutes that an epoch takes from then on; the list that it returns grows by
    one with every question for them. The command's process is a rank of one, the others are not."""
    asked = []

    def set_to(minutes):
        timed = lambda *a: asked.append(1) or ({}, 60 * minutes)
        monkeypatch.setattr(rehearsal, "timed_epoch", timed)
        return asked

    yield set_to
    distributed.leave()


@pytest.mark.parametrize(("minutes", "epochs"), [(1.0, 3), (0.1, 9), (3.0, 1)])
def test_as_many_epochs_as_fit_at_most_all(minutes, epochs):
    assert timebox.fitting(3.2, 9, 60 * minutes) == epochs


def test_the_number_of_epochs_once_chosen_holds(minutes_an_epoch, monkeypatch, capsys):
    asked = minutes_an_epoch(1.0)
    with monkeypatch.context() as killed:
        killed.setattr(runs, "train_or_load", interrupt)
        with pytest.raises(KeyboardInterrupt):
            command.main([*WORDS, "3.2"])
    minutes_an_epoch(0.5)  # a quicker machine by now: the run is still the one that was begun
    assert command.main([*WORDS, "3.2"]) == 0 and len(asked) == 1
    said = capsys.readouterr().out
    assert said.count("3.2 minutes: 3 of 9 epochs\n") == 1
    assert said.count("3.2 minutes: 3 of 9 epochs, as chosen before (kept in /") == 1
    assert command.main([*WORDS, "2.2"]) == 0 and len(asked) == 2
    assert "2.2 minutes: 4 of 9 epochs" in capsys.readouterr().out


def interrupt(*words):
    raise KeyboardInterrupt


def test_other_code_is_timed_anew(minutes_an_epoch, monkeypatch):
    asked = minutes_an_epoch(1.0)
    choose = lambda: timebox.epochs_within(3.2, recipe, [pictures()], {}, 9)
    assert choose() == choose() == 3 and len(asked) == 1
    monkeypatch.setattr(timebox, "source_digest", lambda recipe: "of other code")
    assert choose() == 3 and len(asked) == 2


def test_too_few_minutes_are_one_line_with_what_an_epoch_takes(minutes_an_epoch, capsys):
    minutes_an_epoch(10.0)
    assert command.main([*WORDS, "4"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--minutes 4 is too short: one epoch takes about 10 minutes" in said
