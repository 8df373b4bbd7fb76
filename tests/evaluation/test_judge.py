"""The judge of digits: its net, what `moved` does to a picture, and a training."""

import math

import pytest
import torch
from conftest import awake, untrained
from torch import nn

from course_lib import data
from course_lib.data.augment import warp_gently
from course_lib.evaluation import judge
from course_lib.training import loop

NAMES = ("turn", "size", "shear", "right", "down")


@pytest.fixture
def amounts(monkeypatch):
    """Fix what moved() draws: amounts(turn=1) is the most to one side, 0 leaves a picture alone."""

    def fix(**chosen):
        drawn = torch.tensor([[(1 + chosen.get(name, 0.0)) / 2] for name in NAMES])
        monkeypatch.setattr(torch, "rand", lambda *size, device=None: drawn.expand(size))

    return fix


def dot(right, down):
    """A soft dot at so many pixels from the centre of 28x28."""
    line = torch.arange(28) - 13.5
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.exp(-((x - right) ** 2 + (y - down) ** 2) / 3)[None, None]


def centre(x):
    """(right, down) of the bright part of a picture, in pixels from the centre."""
    line, mass = torch.arange(28) - 13.5, x[0, 0] / x.sum()
    return (mass.sum(0) @ line).item(), (mass.sum(1) @ line).item()


def test_nothing_moved_is_the_same_picture(amounts):
    x = torch.rand(3, 1, 28, 28)
    amounts()
    torch.testing.assert_close(warp_gently(x), x, atol=1e-4, rtol=0)


def test_the_most_that_a_picture_is_shifted_is_two_pixels(amounts):
    x = torch.rand(1, 1, 28, 28)
    amounts(right=1)
    torch.testing.assert_close(warp_gently(x)[..., :-2], x[..., 2:], atol=1e-4, rtol=0)
    amounts(down=-1)
    torch.testing.assert_close(warp_gently(x)[:, :, 2:], x[:, :, :-2], atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [-1, 1])
def test_the_most_that_a_picture_is_turned_is_ten_degrees(amounts, side):
    amounts(turn=side)
    (a, b), (c, d) = centre(warp_gently(dot(8, 0))), centre(warp_gently(dot(0, 8)))
    assert abs(math.degrees(math.atan2(b, a))) == pytest.approx(9.74, abs=0.1)
    assert math.atan2(b, a) == pytest.approx(math.atan2(-c, d), abs=2e-3), "it turns as a whole"
    assert (
        math.hypot(a, b) == pytest.approx(8, abs=0.05) == pytest.approx(math.hypot(c, d), abs=0.1)
    )


@pytest.mark.parametrize("side", [-1, 1])
def test_scale_and_shear(amounts, side):
    amounts(size=side)
    assert centre(warp_gently(dot(6, -4))) == pytest.approx(
        (6 / (1 + 0.1 * side), -4 / (1 + 0.1 * side)), abs=0.05
    )
    amounts(shear=side)
    assert centre(warp_gently(dot(0, 8))) == pytest.approx((-1.2 * side, 8), abs=0.05)
    assert centre(warp_gently(dot(8, 0))) == pytest.approx((8, 0), abs=0.05)


def test_every_picture_is_moved_in_its_own_way():
    x = data.pixels(data.load("mnist", n=1).x).expand(40, 1, 28, 28)
    result = warp_gently(x)
    assert result.shape == x.shape and 0 <= result.min() and result.max() <= 1
    gaps = torch.cdist(result.flatten(1), result.flatten(1)) + 99 * torch.eye(40)
    assert gaps.min() > 0.05
    kept = result.flatten(1).sum(1) / x.flatten(1).sum(1)
    assert 0.7 < kept.min() and kept.max() < 1.35, "the digit stays in the picture"


def test_moved_loss_is_the_loss_of_moved_pictures():
    model = awake(judge.DigitJudge(1, 10, 4, 8))
    x, y = data.load("mnist", n=20)[:2]
    x = data.pixels(x)
    torch.manual_seed(3)
    result = judge.warped_loss(model, x, y)["loss"]
    torch.manual_seed(3)
    moved = warp_gently(x)
    assert result == judge.loss(model, moved, y)["loss"] != judge.loss(model, x, y)["loss"]


def test_the_net_has_four_convolutions_and_takes_28x28():
    model = judge.DigitJudge(1, 10, width=4, n_features=8).eval()
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.in_channels, c.out_channels) for c in convolutions] == [
        (4, 4),
        (4, 4),
        (4, 8),
        (8, 8),
    ]
    x = torch.rand(3, 1, 28, 28)
    assert model.features(x).shape == (3, 8) == (3, model.num_features)
    torch.testing.assert_close(model.head(model.features(x)), model(x))
    assert model(x).shape == (3, 10)


SOME = (("train", 1280), ("test", 400))


def test_a_short_training_knows_most_digits_and_ends_where_its_rate_does():
    (x, y), (held, truth) = (data.load("mnist", s, n)[:2] for s, n in SOME)
    step, batches = judge.digit_recipe(x, y, epochs=6, width=8, batch=64, ema=0.9)
    rates = []
    step.schedule.step, schedule = lambda: (schedule(), rates.append(rate())), step.schedule.step
    rate = lambda: step.optimizer.param_groups[0]["lr"]
    history = loop.fit(step, batches, 6, progress=False)
    assert history.loss.iloc[-1] < 0.3 * history.loss.iloc[0]
    right = data.in_batches(lambda p: judge.correct(step.best.eval(), p, truth[: len(p)]), held)
    assert right.mean() > 0.9
    assert len(rates) == 6 * len(batches) and max(rates) == pytest.approx(5e-3, rel=0.05)
    assert rates[-1] < 1e-4 and 0.2 < rates.index(max(rates)) / len(rates) < 0.4
    assert step.best is not step.model


def test_every_parameter_of_the_digit_judge_learns():
    step, batches = judge.digit_recipe(*data.load("mnist", n=64)[:2], width=4, batch=32)
    loop.set_training(step, True)
    assert untrained(step, batches) == [] and step.model.head.out_features == 10


def test_the_factor_loss_and_its_share_of_variance_by_hand():
    f = torch.tensor([[1.0, -1.0], [3.0, 0.0], [2.0, 4.0]])
    message = torch.tensor([[1.5, -1.0], [2.5, 0.0], [2.0, 4.0]])

    def model(x):
        return message

    value = judge.factor_loss(model, torch.zeros(3, 1, 2, 2), f)["loss"]
    assert value.item() == pytest.approx((0.25 + 0.25) / 3)
    result = judge.r_squared(model, torch.zeros(3, 1, 2, 2, dtype=torch.uint8), f)
    torch.testing.assert_close(result, torch.tensor([1 - (0.5 / 3) / (2 / 3), 1.0]))


def test_factors_are_learned_from_pictures():
    """Brightness and the side of the light: both are in the picture, the third factor is not."""
    f = torch.randn(256, 3)
    ramp = torch.linspace(-1, 1, 28).view(1, 1, 1, 28)
    light = 0.5 + 0.1 * f[:, 0].view(-1, 1, 1, 1) + 0.1 * f[:, 1].view(-1, 1, 1, 1) * ramp
    x = (light.expand(-1, 1, 28, 28).clamp(0, 1) * 255).byte()
    step, batches = judge.factor_recipe(x, f, epochs=25, width=4, n_features=8, batch=32, ema=0.8)
    loop.fit(step, batches, 25, progress=False)
    result = judge.r_squared(step.best.eval(), x, f)
    assert result[0] > 0.8 and result[1] > 0.8 and result[2] < 0.5
