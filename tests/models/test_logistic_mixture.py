"""The likelihood of 8-bit colours: masses that sum to 1, the cdf of torch.distributions, draws."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import AffineTransform, SigmoidTransform, TransformedDistribution, Uniform

from course_lib.models import logistic_mixture


def cdf(mean, log_scale, x):
    """Of a logistic, by torch.distributions, in float64."""
    unit = Uniform(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))
    maps = [SigmoidTransform().inv, AffineTransform(mean, math.exp(log_scale))]
    value = TransformedDistribution(unit, maps).cdf(torch.as_tensor(x, dtype=torch.float64))
    return float(value)


def parameters(channels, k, seed, side=2, n=3):
    generator = torch.Generator().manual_seed(seed)
    shape = n, logistic_mixture.n_parameters(channels, k), side, side
    return torch.randn(shape, generator=generator)


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
@pytest.mark.parametrize(("mean", "log_scale"), [(0.1, -2.0), (-0.9, -4.0), (0.99, -1.0)])
def test_a_mass_is_a_difference_of_two_cdfs(value, mean, log_scale):
    x = torch.tensor(2 * value / 255 - 1)
    result = logistic_mixture.log_interval(x, torch.tensor(mean), torch.tensor(log_scale)).exp()
    low = 0 if value == 0 else cdf(mean, log_scale, x - 1 / 255)
    high = 1 if value == 255 else cdf(mean, log_scale, x + 1 / 255)
    assert result.item() == pytest.approx(high - low, rel=1e-3, abs=1e-7)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_the_masses_of_a_grey_pixel_sum_to_one(seed, k):
    p = parameters(1, k, seed, 1, 1).expand(256, -1, -1, -1)
    x = (torch.arange(256.0) / 255).view(256, 1, 1, 1)
    assert (-logistic_mixture.nll(x, p, k)).exp().sum().item() == pytest.approx(1, abs=1e-4)


def by_hand(x, p, k):
    """p(x) of one colour pixel (3,) under parameters (n,), by loops and torch.distributions."""
    weights, means, scales = p[:k].softmax(0), p[k : 4 * k].view(k, 3), p[4 * k : 7 * k].view(k, 3)
    coefficients, total = p[7 * k :].view(k, 3).tanh(), 0.0
    red, green, _ = v = (2 * x - 1).tolist()
    for w, m, s, (a, b, c) in zip(weights, means, scales, coefficients, strict=True):
        mass = float(w)
        for i, moved in enumerate([0.0, a * red, b * red + c * green]):
            low = 0 if v[i] < -0.999 else cdf(float(m[i] + moved), float(s[i]), v[i] - 1 / 255)
            high = 1 if v[i] > 0.999 else cdf(float(m[i] + moved), float(s[i]), v[i] + 1 / 255)
            mass *= high - low
        total += mass
    return total


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 255), min_size=3, max_size=3))
def test_a_colour_is_that_of_the_loop(seed, colour):
    p, x = parameters(3, 2, seed, 1, 1), torch.tensor(colour) / 255
    result = -logistic_mixture.nll(x.view(1, 3, 1, 1), p, 2).item()
    assert result == pytest.approx(math.log(by_hand(x, p[0, :, 0, 0], 2)), abs=2e-3)


def test_pixels_add_up_in_nats_per_image():
    p, x = parameters(3, 4, 1, side=3), (torch.rand(3, 3, 3, 3) * 255).round() / 255
    alone = [
        logistic_mixture.nll(x[:, :, i : i + 1, j : j + 1], p[:, :, i : i + 1, j : j + 1], 4)
        for i in range(3)
        for j in range(3)
    ]
    torch.testing.assert_close(logistic_mixture.nll(x, p, 4), sum(alone))


def test_blue_sums_out_to_red_and_green():
    p = parameters(3, 1, 5, 1, 1)
    x = torch.full((256, 3, 1, 1), 100 / 255)
    x[:, 2, 0, 0] = torch.arange(256.0) / 255
    result = (-logistic_mixture.nll(x, p.expand(256, -1, -1, -1), 1)).exp().sum()
    red = torch.tensor(2 * 100 / 255 - 1)
    mean, scale, a = p[0, 1:4, 0, 0], p[0, 4:7, 0, 0], p[0, 7, 0, 0].tanh()
    expected = logistic_mixture.log_interval(
        red, mean[0], scale[0]
    ) + logistic_mixture.log_interval(red, mean[1] + a * red, scale[1])
    assert result.log().item() == pytest.approx(expected.item(), abs=1e-3)


def test_samples_are_as_frequent_as_their_masses():
    torch.manual_seed(0)
    p = parameters(1, 3, 3, 1, 1).expand(20000, -1, -1, -1)
    drawn = logistic_mixture.sample(p, 3, 1)[:, 0, 0, 0]
    x = (torch.arange(256.0) / 255).view(256, 1, 1, 1)
    mass = (-logistic_mixture.nll(x, p[:256], 3)).exp()
    share = torch.bincount((drawn * 255).round().long(), minlength=256) / len(drawn)
    assert ((share.cumsum(0) - mass.cumsum(0)).abs() < 0.015).all()


def test_the_mean_surprise_of_samples_is_that_of_their_own_model():
    """Draws of one component: E[-log p] over draws of colours is the entropy of red + green + blue,
    which a shift of the means does not change; a wrong coefficient would raise it."""
    torch.manual_seed(0)
    p = torch.zeros(4000, logistic_mixture.n_parameters(3, 1), 1, 1)
    p[:, 4:7], p[:, 7:] = -3.0, torch.tensor([2.0, -2.0, 1.5]).view(3, 1, 1)
    drawn = logistic_mixture.sample(p, 1, 3)
    plain = p.clone()
    plain[:, 7:] = 0
    own, still = (
        logistic_mixture.nll(drawn, p, 1).mean(),
        logistic_mixture.nll(logistic_mixture.sample(plain, 1, 3), plain, 1).mean(),
    )
    assert own.item() == pytest.approx(still.item(), abs=0.1)
    swapped = p.clone()
    swapped[:, 8] *= -1
    assert logistic_mixture.nll(drawn, swapped, 1).mean() > own + 0.05


def test_no_temperature_is_the_mean_and_values_are_of_eight_bits():
    p = parameters(3, 2, 0, side=4)
    x = logistic_mixture.sample(p, 2, 3)
    torch.testing.assert_close(x * 255, (x * 255).round(), atol=1e-4, rtol=0)
    assert 0 <= x.min() and x.max() <= 1
    grey = torch.zeros(1, 3, 1, 1)
    grey[:, 1] = 0.5
    assert logistic_mixture.sample(grey, 1, 1, temperature=0.0).item() == pytest.approx(191 / 255)


@pytest.mark.parametrize("log_scale", [-30.0, -7.0, 0.0, 8.0])
@pytest.mark.parametrize("mean", [-40.0, 0.0, 0.7, 40.0])
def test_extremes_stay_finite_with_a_finite_gradient(mean, log_scale):
    p = torch.zeros(2, logistic_mixture.n_parameters(3, 2), 2, 2)
    p[:, 2:8], p[:, 8:14] = mean, log_scale
    p.requires_grad_()
    value = logistic_mixture.nll((torch.rand(2, 3, 2, 2) * 255).round() / 255, p, 2).sum()
    value.backward()
    assert value.isfinite() and p.grad.isfinite().all()


@pytest.mark.parametrize("log_scale", [0.0, 4.3, 4.4, 20.0, 90.0, 300.0])
def test_a_very_wide_logistic_has_a_finite_mass_and_a_gradient_that_narrows_it(log_scale):
    wide = torch.tensor(log_scale, requires_grad=True)
    mass = logistic_mixture.log_interval(torch.tensor(0.2), torch.tensor(0.1), wide)
    density = -math.log(4) if log_scale > 3 else math.log(0.2487)  # of a unit logistic near 0
    assert mass.item() == pytest.approx(density + math.log(2 / 255) - log_scale, rel=3e-3)
    mass.backward()
    assert wide.grad.item() == pytest.approx(-1.0, abs=0.02)


def test_the_mean_is_that_of_many_samples_and_bits_of_a_uniform_byte_are_eight():
    p = parameters(3, 2, seed=4)
    p[:, 2 + 6 : 2 + 12] -= 3  # narrow, so that few draws fall on the ends
    p[:, 2:8] *= 0.2
    draws = torch.stack([logistic_mixture.sample(p, 2, 3) for _ in range(3000)]).mean(0)
    assert (draws - logistic_mixture.mean(p, 2, 3)).abs().max() < 0.02
    assert logistic_mixture.mean(p, 2, 3).std() > 0.02
    assert logistic_mixture.bits(12 * math.log(256), (3, 2, 2)) == pytest.approx(8.0)


def test_five_bits_keep_the_upper_ones_of_eight():
    x = torch.arange(256) / 255
    wanted = torch.arange(256).div(8, rounding_mode="floor") / 31
    torch.testing.assert_close(logistic_mixture.quantised(x, 5), wanted)


@pytest.mark.parametrize("n_bits", [5, 8])
def test_the_masses_of_all_values_sum_to_one_with_any_number_of_bits(n_bits):
    n = 2**n_bits
    torch.manual_seed(n_bits)
    parameters = torch.randn(1, logistic_mixture.n_parameters(1, 3), 1, 1).double()
    x = torch.arange(n).double().view(n, 1, 1, 1) / (n - 1)
    nll = logistic_mixture.nll(x, parameters.expand(n, -1, -1, -1), 3, n_bits)
    assert (-nll).exp().sum().item() == pytest.approx(1, abs=1e-6)
    assert (-nll).exp().max() < 0.9, "one value has all: the sum would say little"
