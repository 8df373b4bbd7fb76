"""The formulas against torch.distributions, closed forms and Monte Carlo, away from zero."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from course_lib import gaussian

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


def test_sigma_of_weight_turns_the_seeds_loss_into_a_bound():
    """D / (2 sigma^2) * (mse + w KL) = squared error / (2 sigma^2) + KL, whatever mse and KL."""
    weight, n_pixels, mse, kl = 5e-5, 12288, 0.013, 171.0
    sigma = gaussian.sigma_of_weight(weight, n_pixels)
    scaled = n_pixels / (2 * sigma**2) * (mse + weight * kl)
    assert scaled == pytest.approx(mse * n_pixels / (2 * sigma**2) + kl)
    assert sigma == pytest.approx(0.55426, abs=1e-5)
