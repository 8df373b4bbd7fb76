"""The estimate with few samples and with many, against a likelihood known in closed form."""

import math

import pytest
import torch
from conftest import awake
from linear_gaussian import LinearGaussian

from course_lib.evaluation.sample_counts import by_counts, compared
from course_lib.models import hvae
from course_lib.models.importance import log_weights


class Unconditional(LinearGaussian):
    """The oracle with nothing given."""

    def prior(self, c):
        return super().prior(c.new_zeros(len(c), 2))


def test_the_estimates_rise_to_the_truth():
    model = Unconditional(shift=1.0, spread=2.0)
    x, _ = model.draw(200)
    result = by_counts(model, x, (1, 10, 100, 1000))
    exact = model.evidence(x, x.new_zeros(len(x), 2))
    gaps = (exact[:, None] - result).mean(0)
    assert result.shape == (200, 4)
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0
    assert abs(gaps[3]) < 0.05


def test_of_a_hierarchical_model_by_hand():
    model = awake(hvae.HVAE((1, 28, 28), (1, 2, 4), (8, 8, 8), (1, 1, 1), 2, n_mixtures=0))
    x = torch.bernoulli(torch.rand(2, 1, 28, 28))
    torch.manual_seed(3)
    result = by_counts(model, x, (2, 6), rows=4)
    torch.manual_seed(3)
    for i in range(2):
        blocks = [log_weights(model, x[i : i + 1], None, n) for n in (4, 2)]
        w = torch.cat(blocks, 1)[0].double().exp()
        pairs = torch.stack([w[j : j + 2].mean().log() for j in (0, 2, 4)]).mean()
        by_hand = torch.stack([pairs, w.mean().log()]).float()
        torch.testing.assert_close(result[i], by_hand, rtol=1e-5, atol=1e-3)


def test_a_count_that_does_not_divide_the_largest_is_refused():
    with pytest.raises(ValueError, match="10 samples cannot be divided into groups of 4"):
        by_counts(Unconditional(), torch.zeros(1, 8).double(), (4, 10))
    assert math.isfinite(by_counts(Unconditional(), torch.zeros(1, 8).double(), (1, 2)).sum())


def test_two_models_are_compared_on_the_same_pictures():
    model = awake(hvae.HVAE((1, 28, 28), (1, 2, 4), (8, 8, 8), (1, 1, 1), 2, n_mixtures=0))
    x = 255 * torch.randint(2, (5, 1, 28, 28), dtype=torch.uint8)
    seen = 255 - x[:3]
    torch.manual_seed(3)
    own = [by_counts(model, one / 255, (6,))[0, 0] for one in (*seen.split(1), *x.split(1))]
    own_seen, own = torch.stack(own).split((3, 5))
    others = own + torch.tensor([3.0, 1.0, 2.0, 2.0, 2.0])  # likelier by two nats in the mean
    torch.manual_seed(3)
    found = compared(model, x, others, seen, own_seen - 4, count=6)
    half = 1.96 * math.sqrt(2 / 4) / math.sqrt(5)
    expected = {"nats": -own.mean().item(), "more": 2.0, "half": half}
    expected |= {"seen nats": -own_seen.mean().item(), "seen more": -4.0, "seen half": 0.0}
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)
