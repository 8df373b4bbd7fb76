"""Contenders take turns, a ratio is a median with its interval; all loops take the same steps."""

import pytest
import torch
from conftest import pictures

from benchmarks import loops, rounds
from course_lib.models import cvae, hvae
from course_lib.training.steps import LossStep


def test_contenders_take_turns_and_the_first_round_is_not_counted():
    calls, ticks = [], iter(range(100))
    contenders = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = rounds.in_turn(contenders, rounds=2, clock=lambda: next(ticks))
    assert calls == list("ababab")
    assert seconds == {"a": [1, 1], "b": [1, 1]}


def test_a_ratio_says_how_many_times_as_quick_the_first_one_is():
    ratio = rounds.times_as_quick([1, 1, 2, 1, 1, 1, 1, 1, 1], [2, 2, 4, 2, 2, 3, 2, 2, 1])
    assert ratio.median == 2 and ratio.low == 2 and ratio.high == 2
    spread = rounds.middle([1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert spread == (5, 2, 8)  # order statistics 2 and 8 of nine: 96 %
    assert rounds.middle([3, 1, 2]) == (2, 1, 3)


@pytest.mark.parametrize("loop", [loops.bare, loops.ours, loops.copied])
def test_every_loop_takes_an_epoch_of_steps(loop, monkeypatch):
    shapes, whole = [], LossStep.__call__

    def counted(step, x, c):
        shapes.append((tuple(x.shape), float(x.max()) <= 1))
        return whole(step, x, c)

    monkeypatch.setattr(LossStep, "__call__", counted)
    x = pictures(50, channels=1, size=28)
    loop(cvae.recipe, [x, torch.zeros(50, 10)], {"batch": 16})()
    assert shapes == [((16, 1, 28, 28), True)] * 3


def test_the_copied_loop_has_adam_as_it_comes_unless_a_guard_needs_it_fused():
    x = pictures(8, size=32)
    step, _ = cvae.recipe(x[:, :1, :28, :28], torch.zeros(8, 10))
    loops.as_it_comes(step)
    assert not step.wide and not step.optimizer.param_groups[0]["fused"]
    how = dict(sides=(2, 4, 8), width=(16, 12, 8), groups=(1, 1, 1), z_dim=2, sigma=0.1)
    step, _ = hvae.recipe(x, **how)
    loops.as_it_comes(step)
    assert step.optimizer.param_groups[0]["fused"]
