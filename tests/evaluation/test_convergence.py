"""Convergence: epochs to a plateau of curves that are known, and two trainings side by side."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from course_lib.evaluation import convergence, stats


def falling(speed, plateau=2.0, epochs=60):
    """A loss that is plateau * (1 + 2^(-epoch / speed))."""
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame({"epoch": epoch, "bits": plateau * (1 + 0.5 ** (epoch / speed))})


def test_epochs_to_within_a_share_of_the_plateau():
    wanted = 4 * math.log2(1 / 0.01)  # 2^(-epoch / 4) = 0.01
    assert convergence.epochs_to_plateau(falling(4), "bits") == pytest.approx(wanted, abs=0.1)
    wanted = 4 * math.log2(1 / 0.05)
    assert convergence.epochs_to_plateau(falling(4), "bits", 0.05) == pytest.approx(wanted, abs=0.1)


def test_the_last_gain_is_of_best_values():
    history = pd.DataFrame({"bits": [4.0, 3.0, 3.5, 2.0, 2.5]})
    assert convergence.last_gain(history, "bits", 2) == pytest.approx(1 - 2 / 3)
    assert convergence.last_gain(history, "bits", 1) == 0
    assert convergence.last_gain(falling(1), "bits") < 1e-9
    with pytest.raises(ValueError, match="5 epochs cannot say"):
        convergence.last_gain(history, "bits", 5)


def test_a_duel_of_a_fast_and_a_slow_training():
    duel = convergence.duel(falling(2), falling(4), "bits")
    assert duel["ratio"] == pytest.approx(0.5, abs=0.02)
    assert duel["first"] == pytest.approx(duel["second"] / 2, abs=0.1)
    assert duel["to its value"] == pytest.approx(duel["first"], abs=0.1), "one plateau"
    assert duel["ahead"] == pytest.approx(0, abs=1e-3)


def test_a_duel_of_different_plateaus():
    better = convergence.duel(falling(4, 1.9), falling(4, 2.0), "bits")
    assert better["ahead"] == pytest.approx(0.1, abs=1e-3) and better["ratio"] == pytest.approx(1)
    # 1.9 (1 + r) = 1.01 * 2.0
    wanted = -4 * math.log2(1.01 * 2.0 / 1.9 - 1)
    assert better["to its value"] == pytest.approx(wanted, abs=0.1) and wanted < better["second"]
    worse = convergence.duel(falling(4, 2.1), falling(4, 2.0), "bits")
    assert math.isnan(worse["to its value"]) and worse["ahead"] < 0


def test_duels_are_a_row_a_seed():
    table = convergence.duels({3: (falling(2), falling(4)), 7: (falling(4), falling(4))}, "bits")
    assert table["seed"].tolist() == [3, 7]
    assert table["ratio"].tolist() == pytest.approx([0.5, 1.0], abs=0.02)


def test_the_paired_ratio_is_a_t_interval_of_logarithms():
    rng = np.random.default_rng(0)
    a, b = np.exp(rng.normal(size=(2, 5)))
    wanted = ttest_rel(np.log(a), np.log(b)).confidence_interval(0.95)
    ratio, low, high = stats.paired_ratio(a, b)
    assert (low, high) == pytest.approx((math.exp(wanted.low), math.exp(wanted.high)))
    assert ratio == pytest.approx(np.prod(a / b) ** (1 / 5))
    assert low < ratio < high
    turned = stats.paired_ratio(b, a)
    assert turned == pytest.approx((1 / ratio, 1 / high, 1 / low))
