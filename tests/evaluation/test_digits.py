"""What is asked of made digits, on features and pictures whose answer is known."""

import pytest
import torch
from torch import nn

from course_lib import data
from course_lib.evaluation import digits, judge, stats
from course_lib.training import runs


class Pixels(nn.Module):
    """A judge whose features are 7x7 means, and that reads how many pixels of the first row are
    lit."""

    def features(self, x):
        return nn.functional.avg_pool2d(x, 4).flatten(1)

    def head(self, features):
        return nn.functional.one_hot((features[:, 0] * 9).round().long(), 10).float()

    def forward(self, x):
        return self.head(self.features(x))


def test_the_judge_reads_in_parts_what_it_reads_at_once(monkeypatch):
    x, judge = torch.rand(23, 1, 28, 28), Pixels()
    monkeypatch.setattr(digits, "BATCH", 5)
    torch.testing.assert_close(digits.features(judge, x), judge.features(x))
    assert torch.equal(digits.read(judge, x), judge(x).argmax(1))


def test_the_variety_of_a_class_is_one_for_its_like_and_none_for_a_copy():
    torch.manual_seed(0)
    y = torch.arange(240) % 2
    real, like = (torch.randn(240, 3) * (1 + 4 * y[:, None]) for _ in range(2))
    alike = digits.within_classes(real, y, like, y, 100)
    assert alike["spread"] == pytest.approx([1, 1], abs=0.15) and alike["recall"].min() > 0.7
    copies = like[:2].repeat(120, 1)
    copied = digits.within_classes(real, y, copies, y, 100)
    assert copied["spread"] == pytest.approx([0, 0], abs=1e-6) and copied["recall"].max() < 0.05
    half = digits.within_classes(real, y, like / 2, y, 100)
    assert half["spread"] == pytest.approx([0.5, 0.5], abs=0.08)


def test_a_row_says_how_many_are_as_wanted():
    torch.manual_seed(0)
    y, real = torch.arange(60) % 10, torch.rand(60, 1, 28, 28)
    lit = torch.zeros(60, 1, 28, 28) + (y / 9).view(-1, 1, 1, 1)
    wrong = y.clone()
    wrong[:6] = (wrong[:6] + 1) % 10
    table = digits.judged(Pixels(), real, y, {"as asked": (lit, y), "six others": (lit, wrong)})
    assert table["as wanted"].tolist() == pytest.approx([1.0, 0.9])
    assert (table["low"] < table["as wanted"]).all() and table["high"][1] > 0.9


def test_the_share_of_none_and_of_all_has_an_interval():
    assert stats.share([False] * 50)[::2] == (0.0, pytest.approx(0.0714, abs=1e-3))
    assert stats.share(torch.ones(50, dtype=torch.bool))[:2] == (
        1.0,
        pytest.approx(1 - 0.0714, 1e-3),
    )
    share, low, high = stats.share([True] * 20 + [False] * 80)
    assert (
        share == 0.2
        and low == pytest.approx(0.1334, abs=1e-3)
        and high == pytest.approx(0.2888, 1e-3)
    )


def test_looks_put_every_kind_of_damage_to_digits_in_order():
    """By the judge that ships: what notebook 03 shows before it believes the FID of made digits."""
    x, y = data.load("mnist").x, data.load("mnist").y
    reader = runs.train_or_load(judge.digit_recipe, [x, y], dict(epochs=10, seed=0), 10).model
    x = data.pixels(data.load("mnist", "test", 600).x)
    tables = digits.graded(reader, x[:300], x[300:])
    assert set(tables) == set(digits.GRADES)
    for kind, table in tables.items():
        assert table.strength.tolist() == [0, 1, 2, 3]
        assert table.FID.iloc[1:].is_monotonic_increasing, kind
        assert table.FID.iloc[3] > 10 * table.FID.iloc[0] and table.recall.iloc[3] < 0.1, kind
    for kind in ("blur", "noise"):
        assert tables[kind].distance.is_monotonic_increasing
    whole = tables["blur"].iloc[0]
    assert whole["FID low"] <= whole.FID <= whole["FID high"]
    assert whole["distance low"] <= whole.distance <= whole["distance high"]
