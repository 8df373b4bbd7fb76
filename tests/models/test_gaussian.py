"""The formulas against torch.distributions, closed forms and Monte Carlo, away from zero."""

import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_lib import data
from course_lib.models import gaussian

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6))
SEEDS = st.integers(0, 2**16)


def gaussians(shape, seed, n=1):
    """n pairs (mu, logvar), wide enough that no sign or factor can hide."""
    g = torch.Generator().manual_seed(seed)
    draw = lambda scale: scale * torch.randn(shape, generator=g, dtype=torch.float64)
    return [(draw(2.0), draw(1.5)) for _ in range(n)]


def normal(mu, logvar):
    return Normal(mu, (0.5 * logvar).exp())


@given(SHAPES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_kl_is_that_of_torch(shape, seed):
    q, p = gaussians(shape, seed, 2)
    expected = kl_divergence(normal(*q), normal(*p)).sum(1)
    torch.testing.assert_close(gaussian.kl(*q, *p), expected)
    standard = kl_divergence(normal(*q), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(gaussian.kl(*q), standard)


def test_kl_known_value_and_limits():
    one, zero = torch.ones(1, 1), torch.zeros(1, 1)
    assert gaussian.kl(one, zero).item() == pytest.approx(0.5)  # a shift by one sigma
    wide = gaussian.kl(zero, 2 * math.log(2) * one)  # sigma 2 against 1: (4 - 1 - log 4) / 2
    assert wide.item() == pytest.approx((3 - math.log(4)) / 2)
    assert gaussian.kl(zero, zero).item() == 0.0


def test_kl_of_nearly_equal_gaussians_survives_float32():
    delta = torch.full((1, 1), 1e-4)
    # to second order KL = delta^2 / 4 in the log-variance; naive float32 gives 0 or noise
    assert gaussian.kl(torch.zeros(1, 1), delta).item() == pytest.approx(2.5e-9, rel=1e-3)


@given(SHAPES, SEEDS)
@settings(max_examples=30, deadline=None)
def test_log_prob_is_that_of_torch(shape, seed):
    ((mu, logvar), (x, _)) = gaussians(shape, seed, 2)
    torch.testing.assert_close(
        gaussian.log_prob(x, mu, logvar), normal(mu, logvar).log_prob(x).sum(1)
    )


def test_sample_has_the_mean_and_spread_it_promises():
    torch.manual_seed(0)
    mu, logvar = torch.tensor([[1.5, -3.0]]), torch.tensor([[0.8, -1.2]])
    z = gaussian.sample(mu.expand(200_000, 2), logvar.expand(200_000, 2))
    torch.testing.assert_close(z.mean(0), mu[0], atol=0.02, rtol=0)
    torch.testing.assert_close(z.var(0).log(), logvar[0], atol=0.02, rtol=0)


def test_sample_lets_gradients_through():
    mu, logvar = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    gaussian.sample(mu, logvar).square().sum().backward()
    assert mu.grad.abs().sum() > 0 and logvar.grad.abs().sum() > 0


def test_kl_is_the_mean_log_ratio():
    """KL by its definition, E_q[log q - log p], which a wrong direction cannot survive."""
    torch.manual_seed(1)
    (q, p) = gaussians((1, 3), 5, 2)
    z = gaussian.sample(*(t.expand(400_000, 3) for t in q))
    ratio = gaussian.log_prob(z, *q) - gaussian.log_prob(z, *p)
    assert gaussian.kl(*q, *p).item() == pytest.approx(ratio.mean().item(), rel=0.02)


def test_bernoulli_nll():
    logits = torch.randn(5, 1, 4, 4, dtype=torch.float64) * 3
    x = (torch.rand(5, 1, 4, 4) > 0.5).double()
    expected = -Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(gaussian.bernoulli_nll(x, logits), expected)
    fair = gaussian.bernoulli_nll(x[:1], torch.zeros(1, 1, 4, 4).double())
    assert fair.item() == pytest.approx(16 * math.log(2))


def test_squared_error_is_a_sum_over_all_pixels():
    x, y = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    by_hand = torch.stack([((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)])
    torch.testing.assert_close(gaussian.squared_error(x, y), by_hand)


def test_sigma_of_weight_turns_the_sources_loss_into_a_bound():
    """D / (2 sigma^2) * (mse + w KL) = squared error / (2 sigma^2) + KL, whatever mse and KL."""
    weight, n_pixels, mse, kl = 5e-5, 12288, 0.013, 171.0
    sigma = gaussian.sigma_of_weight(weight, n_pixels)
    scaled = n_pixels / (2 * sigma**2) * (mse + weight * kl)
    assert scaled == pytest.approx(mse * n_pixels / (2 * sigma**2) + kl)
    assert sigma == pytest.approx(0.55426, abs=1e-5)


# ---- the product of a group's Gaussians ---------------------------------------------------------


def by_hand(mu, logvar, group, n_groups):
    """Picture by picture in float64: precisions and weighted means, added up."""
    precision = torch.zeros(n_groups, mu.shape[1], dtype=torch.float64)
    weighted = torch.zeros_like(precision)
    for m, v, g in zip(mu.double(), logvar.double(), group.tolist(), strict=True):
        precision[g] += torch.exp(-v)
        weighted[g] += m * torch.exp(-v)
    absent = precision == 0
    precision[absent] = 1.0  # N(0, I)
    return weighted / precision, -precision.log()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 4), SEEDS)
@settings(max_examples=60, deadline=None)
def test_product_is_that_of_a_loop_over_the_pictures(groups, dim, seed):
    ((mu, logvar),) = gaussians((len(groups), dim), seed)
    group = torch.tensor(groups)
    expected = by_hand(mu, logvar, group, 7)  # group 6 is always missing, others at times
    result = gaussian.product(mu, logvar, group, 7)
    torch.testing.assert_close(result, expected)
    missing = torch.tensor([g not in groups for g in range(7)])
    assert not any(t[missing].any() for t in result), "a missing group is N(0, I)"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-300, 300, width=32)), min_size=1, max_size=20),
    SEEDS,
)
@settings(max_examples=100, deadline=None)
def test_product_in_float32_survives_extreme_variances(rows, seed):
    group = torch.tensor([g for g, _ in rows])
    logvar = torch.tensor([[v] for _, v in rows])
    mu = 3 * torch.randn(len(rows), 1, generator=torch.Generator().manual_seed(seed))
    expected = by_hand(mu, logvar, group, 4)
    result = gaussian.product(mu, logvar, group, 4)
    assert all(t.dtype == torch.float32 and t.isfinite().all() for t in result)
    torch.testing.assert_close(result[0].double(), expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(result[1].double(), expected[1], rtol=1e-5, atol=1e-5)


def test_gradients_of_the_product_stay_finite_at_extreme_variances():
    logvar = torch.tensor([[-300.0], [300.0], [80.0], [-80.0], [300.0]], requires_grad=True)
    mu = torch.arange(5.0)[:, None].requires_grad_()
    result = gaussian.product(mu, logvar, torch.tensor([0, 0, 1, 1, 2]), 4)
    (result[0].sum() + result[1].sum()).backward()
    assert mu.grad.flatten().tolist() == pytest.approx([1, 0, 0, 1, 1])  # the surest one decides
    assert logvar.grad.flatten().tolist() == pytest.approx([1, 0, 0, 1, 1])


def test_one_picture_is_its_own_evidence_exactly():
    ((mu, logvar),) = gaussians((4, 3), 2)
    group = torch.tensor([2, 0, 3, 1])
    for t in (torch.float32, torch.float64):
        result = gaussian.product(mu.to(t), 40 * logvar.to(t), group, 5)
        assert torch.equal(result[0][group], mu.to(t))
        assert torch.equal(result[1][group], 40 * logvar.to(t))


@pytest.mark.parametrize("n", [2, 7, 256])
def test_n_equal_gaussians_have_an_nth_of_the_variance(n):
    mu, logvar = torch.tensor([[1.5, -2.0]]), torch.tensor([[0.7, -3.0]])
    result = gaussian.product(mu.expand(n, 2), logvar.expand(n, 2), torch.zeros(n).long(), 1)
    torch.testing.assert_close(result, (mu, logvar - math.log(n)))


def test_two_gaussians_multiplied_on_a_line():
    """The density that is proportional to the product of the two, at any point."""
    mu, logvar = torch.tensor([[1.0], [-2.0]]).double(), torch.tensor([[0.4], [-0.9]]).double()
    result = gaussian.product(mu, logvar, torch.tensor([0, 0]), 1)
    z = torch.linspace(-3, 3, 7).double()[:, None]
    two = sum(normal(mu[i], logvar[i]).log_prob(z) for i in range(2))
    gap = two - normal(*result).log_prob(z)
    torch.testing.assert_close(gap, gap[:1].expand(7, 1))


def test_the_order_of_the_pictures_does_not_matter_and_groups_keep_to_themselves():
    ((mu, logvar), (other, _)) = gaussians((9, 2), 4, 2)
    group, order = torch.tensor([0, 2, 2, 1, 0, 2, 1, 2, 2]), torch.randperm(9)
    result = gaussian.product(mu, logvar, group, 3)
    torch.testing.assert_close(gaussian.product(mu[order], logvar[order], group[order], 3), result)
    changed = gaussian.product(torch.where(group[:, None] == 1, other, mu), logvar, group, 3)
    torch.testing.assert_close(changed[0][[0, 2]], result[0][[0, 2]])
    assert (changed[0][1] - result[0][1]).abs().min() > 1e-3


def test_every_picture_gets_back_the_evidence_of_its_group():
    ((mu, logvar),) = gaussians((6, 2), 8)
    group = torch.tensor([3, 1, 3, 3, 0, 1])
    result = gaussian.product(mu, logvar, group, 4)
    for i, g in enumerate(group.tolist()):
        alone = by_hand(mu[group == g], logvar[group == g], torch.zeros_like(group[group == g]), 1)
        torch.testing.assert_close(tuple(t[group][i] for t in result), (alone[0][0], alone[1][0]))


def test_the_product_is_much_quicker_than_a_loop_over_the_pictures():
    """Five times is promised; it is far more, so that a busy machine changes nothing."""
    ((mu, logvar),) = gaussians((256, 10), 5)
    mu, logvar, group = mu.float(), logvar.float(), torch.arange(256) % 10
    seconds = {}
    for function in (gaussian.product, by_hand):
        each = []
        for _ in range(5):
            begun = time.perf_counter()
            function(mu, logvar, group, 10)
            each.append(time.perf_counter() - begun)
        seconds[function.__name__] = min(each)
    print({name: f"{256 / s:,.0f} pictures a second" for name, s in seconds.items()})
    assert seconds["by_hand"] > 5 * seconds["product"]


def test_gradients_of_the_product():
    ((mu, logvar),) = gaussians((7, 2), 3)
    group = torch.tensor([0, 2, 2, 2, 4, 0, 2])
    inputs = (mu.requires_grad_(), logvar.requires_grad_())
    assert torch.autograd.gradcheck(lambda *q: gaussian.product(*q, group, 5), inputs)


# ---- pixels: counted ones, tables, and the floor of grey ones -----------------------------------


def test_bernoulli_nll_of_counted_pixels():
    logits = 3 * torch.randn(5, 1, 4, 4, dtype=torch.float64)
    x, counted = (torch.rand(2, 5, 1, 4, 4) > 0.4).double()
    terms = -Bernoulli(logits=logits).log_prob(x) * counted
    result = gaussian.bernoulli_nll(x, logits, counted)
    torch.testing.assert_close(result, terms.flatten(1).sum(1))
    torch.testing.assert_close(
        result + gaussian.bernoulli_nll(x, logits, 1 - counted), gaussian.bernoulli_nll(x, logits)
    )


def test_bernoulli_nll_table_holds_every_pair():
    x = (torch.rand(3, 1, 4, 4) > 0.5).double()
    logits = 4 * torch.randn(5, 1, 4, 4, dtype=torch.float64)
    pairs = [[gaussian.bernoulli_nll(a[None], l[None]).item() for l in logits] for a in x]
    torch.testing.assert_close(
        gaussian.bernoulli_nll_table(x, logits), torch.tensor(pairs).double()
    )


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_entropy_is_the_least_that_grey_pixels_cost(seed):
    g = torch.Generator().manual_seed(seed)
    p = 0.98 * torch.rand(3, 1, 4, 4, generator=g, dtype=torch.float64) + 0.01
    floor = gaussian.bernoulli_entropy(p)
    torch.testing.assert_close(floor, Bernoulli(p).entropy().flatten(1).sum(1))
    torch.testing.assert_close(gaussian.bernoulli_nll(p, p.logit()), floor)
    off = p.logit() + torch.randn(p.shape, generator=g, dtype=torch.float64)
    assert (gaussian.bernoulli_nll(p, off) > floor).all()


def test_the_entropy_of_fair_and_of_sure_pixels():
    fair = gaussian.bernoulli_entropy(torch.full((2, 1, 4, 4), 0.5))
    assert fair.tolist() == pytest.approx([16 * math.log(2)] * 2)
    sure = (torch.rand(2, 1, 4, 4) > 0.5).float()
    assert gaussian.bernoulli_entropy(sure).tolist() == [0.0, 0.0]


def test_the_floor_under_grey_mnist():
    x = data.load("mnist", "test").x
    result = data.in_batches(gaussian.bernoulli_entropy, x)
    assert result.double().mean().item() == pytest.approx(45.53, abs=0.01)


@pytest.mark.parametrize("dims", [1, 3])
def test_moment_matched_samples_have_the_mean_and_covariance(dims):
    z = torch.randn(50, dims).double() @ torch.randn(dims, dims).double() + 3
    eps = torch.randn(200_000, dims).double()
    drawn = gaussian.moment_matched(z, eps)
    torch.testing.assert_close(drawn.mean(0), z.mean(0), rtol=0.02, atol=0.02)
    torch.testing.assert_close(drawn.T.cov(), z.T.cov(), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("sigma", [1 / 255, 0.05, 0.3])
def test_coded_pixels_are_the_density_times_the_width_of_a_value(sigma):
    x, mean = torch.randint(0, 256, (5, 3, 2, 2)) / 255, torch.rand(5, 3, 2, 2)
    wanted = -(Normal(mean, sigma).log_prob(x) - math.log(255)).flatten(1).sum(1)
    torch.testing.assert_close(gaussian.coded_nll(x, mean, sigma), wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("sigma", [1 / 255, 0.05, 0.3])
def test_the_masses_of_coded_pixels_are_those_of_a_code(sigma):
    """One pixel: over 0..255 they sum to 1 at most, and to 1 where the tails are far."""
    for mean in (0.0, 0.31, 0.5, 1.0):
        values = torch.arange(256).double()[:, None] / 255
        total = (-gaussian.coded_nll(values, torch.full_like(values, mean), sigma)).exp().sum()
        assert total <= 1 + 1e-6 or mean in (0.0, 1.0)
        if sigma < 0.06 and mean == 0.31:
            assert total.item() == pytest.approx(1, abs=1e-6)
