"""Coverage, collapse, the meaning of codes, lags and borders: against cases known by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import f_oneway
from sklearn.metrics import mutual_info_score

from course_lib.evaluation import coverage, image_quality, stats
from course_lib.evaluation.codes import (
    agreement,
    eta_squared,
    information,
    mean_shifts,
    permutation_test,
    purity,
)


def test_diversity_is_the_mean_distance_of_pairs():
    x = torch.rand(7, 3, 16, 16)
    small = torch.nn.functional.avg_pool2d(x, 2).flatten(1)
    pairs = [(a - b).square().mean() for i, a in enumerate(small) for b in small[:i]]
    assert coverage.diversity(x) == pytest.approx(float(torch.stack(pairs).mean()), rel=1e-5)
    assert coverage.diversity(x[:1].expand(5, -1, -1, -1)) == pytest.approx(0, abs=1e-12)


def test_the_watch_compares_with_real_pictures_and_leaves_the_random_state():
    class Fixed:
        def generate(self, c):
            torch.rand(1)
            return real / 2

    real = torch.rand(6, 3, 16, 16)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert coverage.evaluate_samples(Fixed(), torch.zeros(6, 0), real)[
        "diversity"
    ] == pytest.approx(0.25)
    assert torch.equal(before, torch.get_rng_state())


def test_the_watch_measures_in_the_features_that_it_is_given():
    class Noise:
        def generate(self, c):
            return torch.rand(len(c), 3, 16, 16)

    real = torch.rand(30, 3, 16, 16)
    features = lambda x: x.mean((2, 3))
    result = coverage.evaluate_samples(Noise(), torch.zeros(30, 0), real, features, features(real))
    assert coverage.evaluate_samples(Noise(), torch.zeros(30, 0), real) == {
        "diversity": result["diversity"]
    }
    torch.manual_seed(0)  # the noise that the watch always takes
    drawn = Noise().generate(torch.zeros(30, 0))
    assert result["FID"] == image_quality.frechet(features(real), features(drawn))


@pytest.mark.parametrize(
    ("values", "epoch"),
    [
        ([0.1, 0.5, 0.9], None),  # it only begins low
        ([0.1, 0.8, 0.2, 0.9], None),  # it recovers
        ([0.1, 0.8, 0.2, 0.1], 3),
        ([0.8, 0.7, 0.29], 3),
        ([0.1, 0.1, 0.1], None),  # never alive: not trained yet, not collapsed
    ],
)
def test_the_alarm_names_the_epoch(values, epoch):
    history = pd.DataFrame({"epoch": range(1, len(values) + 1), "diversity": values})
    assert coverage.collapsed(history) == epoch
    words = f"collapsed from epoch {epoch} on" if epoch else "alive"
    assert coverage.collapse_in_words(history) == ("never diverse" if max(values) < 0.3 else words)


def test_bins_are_those_of_the_real_pictures():
    real = np.array([[i, j] for i in range(4) for j in range(4)], float)
    assert coverage.bins_hit(real, real) == (16, 16)
    assert coverage.bins_hit(real, real[:4]) == (4, 16)
    assert coverage.bins_hit(real, np.full((9, 2), 100.0)) == (1, 16)
    assert coverage.bins_hit(real[:4], real) == (4, 4)  # cells without a real picture do not count


def test_information_of_known_tables():
    codes = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    attributes = np.stack([codes // 2, codes % 2, np.array([0, 1] * 4), codes == 0], 1)
    expected = [1.0, 1.0, 0.0, mutual_info_score(codes, codes == 0) / np.log(2)]
    np.testing.assert_allclose(information(codes, attributes), expected, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6))
def test_information_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    codes, attributes = rng.integers(0, 5, 40), rng.integers(0, 2, (40, 3))
    expected = [mutual_info_score(codes, a) / np.log(2) for a in attributes.T]
    np.testing.assert_allclose(information(codes, attributes), expected, atol=1e-9)


def test_a_meaning_differs_from_chance():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 7, 600)
    message, free = codes == 3, rng.random(600) < 0.5
    result, p = permutation_test(codes, np.stack([message, free], 1))
    assert (
        result[0] == pytest.approx(mutual_info_score(codes, message) / np.log(2))
        and result[0] > 0.5
    )
    assert p[0] == pytest.approx(1 / 201) and p[1] > 0.05


@pytest.mark.parametrize("n", [700, 1001, 1400])
def test_what_is_the_same_under_every_code_never_differs_from_chance(n):
    """Whatever the order in which a machine sums: some round otherwise for shuffled codes."""
    result, p = permutation_test(np.arange(n) % 7, np.zeros((n, 1)), 99)
    assert result[0] == pytest.approx(0, abs=1e-9) and p[0] == 1


def test_the_share_that_codes_explain():
    codes = np.array([0, 0, 1, 1])
    values = np.array(
        [[1.0, 1.0, 5.0, 0.0], [1.0, 3.0, 5.0, 1.0], [3.0, 3.0, 5.0, 0.0], [3.0, 5.0, 5.0, 1.0]]
    )
    # fixed by the code; means 2 and 4, variance 2, of it 1 between; never changing; no link
    np.testing.assert_allclose(eta_squared(codes, values), [1.0, 0.5, 0.0, 0.0])
    rng = np.random.default_rng(0)
    many, v = rng.integers(0, 6, 300), rng.standard_normal((300, 1))
    v[many == 2] += 1.0
    result, p = permutation_test(many, v, 99, statistic=eta_squared)
    groups = [v[many == k, 0] for k in range(6)]
    f = f_oneway(*groups).statistic  # eta squared is F in another dress
    assert result[0] == pytest.approx(5 * f / (5 * f + 294)) and p[0] == 0.01


def test_codes_agree_in_whatever_order_they_come():
    rows = np.random.default_rng(0).normal(size=(5, 8))
    order = [3, 0, 4, 1, 2]
    assert agreement(rows, 2 * rows[order] + 1) == pytest.approx(1)
    two = np.array([[1.0, 0, -1], [1, -2, 1]])  # uncorrelated with each other
    assert agreement(two, np.stack([two[1], -two[0]])) == pytest.approx(0)  # 1 and -1
    assert agreement(two, two[[0, 0]] + 1e-9 * two[[1, 1]]) == pytest.approx(0.5)


def test_departures_are_counted_in_standard_errors():
    rng = np.random.default_rng(0)
    codes, values = np.repeat(np.arange(4), 50), rng.standard_normal((200, 400))
    off, errors = mean_shifts(codes, values)
    np.testing.assert_allclose(off[1], values[50:100].mean(0) - values.mean(0))
    assert errors.std() == pytest.approx(1, abs=0.05)  # chance departs by one standard error
    values[codes == 3, 0] += 2
    off, errors = mean_shifts(codes, values)
    assert errors[:, 0].argmax() == 3 and errors[3, 0] > 6
    assert off[3, 0] == pytest.approx(1.5, abs=0.4)
    assert (mean_shifts(codes, np.ones((200, 1)))[1] == 0).all()
    off, errors = mean_shifts(np.array([0, 0, 2, 2]), np.array([[4.0], [5], [6], [7]]))
    assert off[:, 0].tolist() == [-1, 0, 1] and errors[1, 0] == 0  # code 1 never occurs


def test_p_values_of_chance_are_uniform():
    rng = np.random.default_rng(0)
    p = [
        permutation_test(rng.integers(0, 3, 60), rng.integers(0, 2, (60, 1)), 39, i)[1][0]
        for i in range(60)
    ]
    assert 0.35 < np.mean(p) < 0.65 and min(p) >= 1 / 40


@settings(deadline=None)
@given(st.permutations(range(5)), st.integers(0, 1000))
def test_purity_finds_the_matching(order, seed):
    labels = np.random.default_rng(seed).integers(0, 5, 200)
    labels[:5] = range(5)
    codes = np.array(order)[labels]
    share, matched = purity(codes, labels)
    assert share == 1 and all(matched[order[k]] == k for k in range(5))
    codes[:40] = (codes[:40] + 1) % 5
    assert purity(codes, labels)[0] >= 0.8


def test_purity_gives_each_label_to_one_code_only():
    assert purity([0, 0, 1, 1], [0, 0, 0, 0])[0] == 0.5


def test_border_is_rim_less_middle():
    x = torch.zeros(2, 3, 10, 10)
    x[0, :, 2:-2, 2:-2] = 0.25
    x[1, :, :2], x[1, :, -2:], x[1, :, :, :2], x[1, :, :, -2:] = 0.5, 0.5, 0.5, 0.5
    torch.testing.assert_close(image_quality.border(x), torch.tensor([-0.25, 0.5]))


def test_lags_say_who_comes_first():
    rng = np.random.default_rng(0)
    cause = rng.standard_normal(400)
    effect = np.roll(cause, 3) + 0.3 * rng.standard_normal(400)  # three steps after its cause
    result, p = stats.lagged(cause, effect, range(-5, 6))
    assert np.argmax(result) == 5 + 3 and result[8] > 0.9 and p < 0.01
    minus, _ = stats.lagged(cause, -effect, range(-5, 6))
    np.testing.assert_allclose(minus, -result)


def test_chance_is_out_of_the_reach_of_the_lags():
    cause = np.random.default_rng(2).standard_normal(60)
    p = stats.lagged(cause, np.roll(cause, 5), range(-10, 11))[1]
    assert p < 0.01  # a shift that brings the true peak back is not chance
    with pytest.raises(ValueError, match="30 steps are too few"):
        stats.lagged(cause[:30], cause[:30], range(-10, 11))


def test_what_never_changes_announces_nothing():
    result, p = stats.lagged(np.ones(50), np.arange(50.0), [1, 2], 20)
    assert result.tolist() == [0.0, 0.0] and p == 1.0


def test_two_slow_series_without_a_link_are_no_discovery():
    """Slow drifts correlate by chance; the null must know that."""
    rng = np.random.default_rng(1)
    walks = rng.standard_normal((40, 300))
    slow = np.stack([np.convolve(w, np.ones(25) / 5, "same") for w in walks])
    p = [stats.lagged(a, b, range(-3, 4), 99)[1] for a, b in slow.reshape(20, 2, -1)]
    assert np.mean(np.array(p) < 0.05) <= 0.25
