"""Every measurement against a case whose answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.metrics import roc_auc_score

from course_lib.evaluation import image_quality, latents, stats

SCORES = st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=30)


# ---- ranks and intervals ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anomalous", "score", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),  # three of four pairs are in order
        ([0, 0, 1, 1], [1, 2, 3, 4], 1.0),
        ([1, 1, 0, 0], [1, 2, 3, 4], 0.0),
        ([0, 1], [5, 5], 0.5),  # a tie counts half
    ],
)
def test_auc_of_cases_ranked_by_hand(anomalous, score, expected):
    result, low, high = stats.auc(anomalous, score, n_resamples=50)
    assert result == expected and low <= high


@given(SCORES)
@settings(max_examples=60, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(rows):
    anomalous, score = (np.array(column, float) for column in zip(*rows, strict=True))
    bad, good = score[anomalous == 1], score[anomalous == 0]
    if len(bad) == 0 or len(good) == 0:
        return
    pairs = bad[:, None] - good[None]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    result, low, high = stats.auc(anomalous, score, n_resamples=20)
    assert result == pytest.approx(expected) and 0 <= low <= high <= 1
    assert stats.auc(anomalous, -score, n_resamples=2)[0] == pytest.approx(1 - expected)


def test_roc_encloses_the_area_of_auc():
    rng = np.random.default_rng(0)
    anomalous = np.arange(300) % 3 == 0
    score = rng.normal(size=300) + anomalous
    false_rate, true_rate = stats.roc(anomalous, score)
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    area = np.trapezoid(true_rate, false_rate)
    assert area == pytest.approx(stats.auc(anomalous, score, n_resamples=2)[0])


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    result = [stats.interval(np.mean, rng.normal(3, 2, 50), n_resamples=300) for _ in range(200)]
    covered = np.mean([low <= 3 <= high for low, high in result])
    assert 0.88 <= covered <= 0.985  # 0.95 less what 50 rows cost, 0.016 of chance


def test_the_interval_is_that_of_the_normal_case_and_halves_with_four_times_the_rows():
    rng = np.random.default_rng(2)
    width = lambda n: np.diff(stats.interval(np.mean, rng.normal(0, 2, n)))[0]
    assert width(1600) == pytest.approx(2 * 1.96 * 2 / 40, rel=0.1)
    assert width(1600) / width(400) == pytest.approx(0.5, rel=0.2)


def test_rows_are_resampled_together_and_the_seed_decides():
    a = np.arange(100.0)
    assert stats.interval(lambda x, y: (x - y).max(), a, a, n_resamples=20) == (0.0, 0.0)
    one, same, other = (stats.interval(np.mean, a, n_resamples=20, seed=s) for s in (1, 1, 2))
    assert one == same != other


def test_the_auc_interval_is_the_bootstrap_of_the_auc():
    rng = np.random.default_rng(3)
    anomalous = np.arange(400) % 2
    score = (rng.normal(size=400) + anomalous).round(1)  # with ties
    result, low, high = stats.auc(anomalous, score, n_resamples=200)
    assert low < result < high
    slowly = stats.interval(roc_auc_score, anomalous, score, n_resamples=200)
    assert (low, high) == pytest.approx(slowly)


# ---- pictures against pictures ------------------------------------------------------------------


def exact(mean, cov, n=400, seed=0):
    """n rows whose sample mean and covariance are exactly these."""
    rows = np.random.default_rng(seed).normal(size=(n, len(mean)))
    rows -= rows.mean(0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    return torch.tensor(rows @ np.linalg.cholesky(cov).T + mean)


def test_frechet_is_the_closed_form_of_gaussians():
    mean_a, mean_b = np.array([0.0, 1.0, 2.0]), np.array([0.5, -1.0, 2.0])
    cov_a = np.array([[2.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 0.5]])
    cov_b = np.array([[1.0, -0.4, 0.2], [-0.4, 3.0, 0.0], [0.2, 0.0, 0.7]])
    a, b = exact(mean_a, cov_a), exact(mean_b, cov_b, seed=1)
    root = sqrtm(cov_a @ cov_b).real
    expected = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert image_quality.frechet(a, b) == pytest.approx(expected, rel=1e-4)
    assert image_quality.frechet(b, a) == pytest.approx(expected, rel=1e-4)
    assert image_quality.frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_is_that_of_torchmetrics():
    from torchmetrics.image.fid import FrechetInceptionDistance  # takes seconds, for each process

    torch.manual_seed(3)
    a, b = torch.randn(300, 16).exp(), (torch.randn(200, 16) @ torch.randn(16, 16)).relu()
    theirs = FrechetInceptionDistance(image_quality._KnownFeatures(16)).set_dtype(torch.float64)
    theirs.update(a.double(), real=True)
    theirs.update(b.double(), real=False)
    assert image_quality.frechet(a, b) == pytest.approx(float(theirs.compute()), rel=1e-9)


def test_frechet_of_a_shift_and_of_a_stretch():
    a = exact(np.zeros(4), np.eye(4))
    assert image_quality.frechet(a, a + 3) == pytest.approx(36, rel=1e-5)  # 4 * 3^2
    assert image_quality.frechet(a, 3 * a) == pytest.approx(16, rel=1e-4)  # 4 * (3 - 1)^2


def test_kernel_distance_is_the_unbiased_mmd_of_the_cubic_kernel():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(12, 5)), rng.normal(0.7, 1.3, size=(12, 5))
    kernel = lambda a, b: (a @ b / 5 + 1) ** 3
    apart = lambda s: np.mean(
        [kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j]
    )
    expected = apart(x) + apart(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    mean, spread = image_quality.kernel_distance(torch.tensor(x), torch.tensor(y))
    assert mean == pytest.approx(expected, rel=1e-4)
    assert spread == pytest.approx(0, abs=1e-4)  # 12 rows have one subset of 12


def test_kernel_distance_is_small_for_equal_distributions_and_leaves_the_random_state():
    g = torch.Generator().manual_seed(5)
    x, y = torch.randn(2, 600, 4, generator=g)
    state = torch.get_rng_state()
    mean, spread = image_quality.kernel_distance(x, y)
    assert abs(mean) < spread < 0.1 < image_quality.kernel_distance(x, y + 0.5)[0]
    assert image_quality.kernel_distance(x, y) == (mean, spread)
    assert torch.equal(state, torch.get_rng_state())


def test_half_of_the_fakes_elsewhere_halves_precision_and_half_of_the_reals_missed_recall():
    cloud = torch.rand(150, 2, generator=torch.Generator().manual_seed(6))
    real, fake = torch.cat([cloud, cloud + 50]), torch.cat([cloud, cloud + 100])
    assert image_quality.precision_recall(real, fake) == (0.5, 0.5)
    assert image_quality.precision_recall(real, torch.cat([cloud, cloud])) == (1.0, 0.5)
    assert image_quality.precision_recall(real, real) == (1.0, 1.0)


def test_collapsed_fakes_have_precision_but_no_recall():
    g = torch.Generator().manual_seed(7)
    real = torch.rand(300, 2, generator=g)
    fake = real[:1] + 1e-4 * torch.randn(300, 2, generator=g)
    precision, recall = image_quality.precision_recall(real, fake)
    assert precision == 1.0 and recall < 0.02


def test_precision_and_recall_change_places_with_the_sets():
    g = torch.Generator().manual_seed(8)
    a, b = torch.rand(700, 3, generator=g), 0.7 * torch.rand(600, 3, generator=g)
    assert image_quality.precision_recall(a, b) == image_quality.precision_recall(b, a)[::-1]


def test_the_manifold_reaches_to_the_kth_neighbour():
    real, fake = torch.tensor([[0.0], [1.0], [3.0], [6.0]]), torch.tensor([[-1.5], [7.5], [10.0]])
    # k = 1: radii 1, 1, 2, 3: the balls end at -1 and 9; k = 2: radii 3, 2, 3, 5: at -3 and 11
    assert image_quality.precision_recall(real, fake, k=1)[0] == pytest.approx(1 / 3)
    assert image_quality._share_inside(real.numpy(), fake.numpy(), 2) == 1.0


def test_quality_names_what_each_measure_says():
    torch.manual_seed(1)
    real, fake = torch.randn(60, 3), torch.randn(60, 3) + 1
    result = image_quality.quality(real, fake)
    assert (result["precision"], result["recall"]) == image_quality.precision_recall(real, fake)
    assert (result["KID"], result["+-"]) == image_quality.kernel_distance(real, fake)
    assert result["FID"] == image_quality.frechet(real, fake) and len(result) == 5


def test_sharpness_of_a_single_bright_pixel():
    x = torch.zeros(2, 3, 5, 5)
    x[0, :, 2, 2] = 1.0
    x[1, 0, 2, 2] = 1.0  # one colour of three: a third as bright
    expected = [(16 + 4) / 9, (16 + 4) / 81]  # -4 in the middle, four times 1 around it
    assert image_quality.sharpness(x).tolist() == pytest.approx(expected)
    slope = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    assert image_quality.sharpness(slope).item() == pytest.approx(0, abs=1e-9)


# ---- latent spaces ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "least", "most"), [(4, 0.98, 1.01), (2, 0.98, 1.01), (3, 0, 0.1)]
)
def test_a_pattern_that_repeats_is_a_grid_and_noise_is_none(period, least, most):
    torch.manual_seed(0)
    tile = torch.rand(3, period, period)
    x = tile.repeat(1, 12, 12)[None, :, :32, :32].expand(5, -1, -1, -1)
    assert least <= image_quality.grid(x)[0] <= most  # a period of 3 does not repeat every 4
    noise = torch.rand(1, 3, 32, 32)
    assert 0 < image_quality.grid(noise)[0] < 0.1
    half = noise + torch.rand(1, 1, 4, 4).repeat(1, 1, 8, 8)
    assert 0.1 < image_quality.grid(half)[0] < 0.95
    assert image_quality.grid(torch.ones(2, 3, 32, 32)) == pytest.approx((0, 0), abs=1e-6)


def test_the_size_of_a_chessboard_is_its_amplitude():
    board = 0.5 + 0.2 * ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2 - 1).float()
    share, size = image_quality.grid(board[None, None])
    assert share == pytest.approx(1) and size == pytest.approx(0.2 * 24 / 25, rel=1e-3)


def test_active_units_counts_means_that_move():
    mu = torch.randn(2000, 4, generator=torch.Generator().manual_seed(9))
    assert latents.active_units(mu * torch.tensor([1.0, 0.2, 0.05, 0.0]) + 5) == 2
    assert latents.active_units(mu, threshold=10) == 0


def test_linear_probes_find_what_is_linear_and_only_that():
    z = torch.randn(3000, 4, generator=torch.Generator().manual_seed(12))
    noise = torch.rand(3000, generator=torch.Generator().manual_seed(13)) > 0.5
    y = torch.stack([z[:, 1] > 0.3, noise, torch.ones(3000) > 0], 1).byte()
    half = 1500
    result = latents.linear_probes(z[:half], y[:half], z[half:], y[half:], ["line", "noise", "all"])
    assert list(result) == ["line", "noise"], "an attribute of one value has no AUC"
    assert result["line"] > 0.999 and result["noise"] == pytest.approx(0.5, abs=0.05)
    turned = latents.linear_probes(z[:half], y[:half], -z[half:], y[half:], ["line", "n", "a"])
    assert turned["line"] < 0.001, "the probe must be fitted on the training codes"


@pytest.mark.parametrize(("row", "column", "rim"), [(0, 0, True), (3, 7, True), (3, 4, False)])
def test_a_bright_spot_is_found_where_it_is(row, column, rim):
    x = torch.full((2, 3, 32, 32), 0.3)
    x[0, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.4
    at_rim, inside = image_quality.spots(x)
    there, elsewhere = (at_rim, inside) if rim else (inside, at_rim)
    # Beyond the border the picture goes on as it ends: a corner lies among three more of itself.
    beyond = {0: 3, 7: 1}.get(column, 0)
    assert there.tolist() == pytest.approx([0.4 * (8 - beyond) / 8, 0], abs=1e-6)
    assert elsewhere.tolist() == pytest.approx([0, 0], abs=1e-6)


def test_a_grid_finer_than_the_blocks_is_no_spot():
    tile = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(1)).repeat(1, 8, 8)[None]
    assert max(float(t) for t in image_quality.spots(tile)) == pytest.approx(0, abs=1e-6)
