"""The estimate of log p(x|c) against a model whose likelihood is known in closed form."""

import itertools
import math

import pytest
import torch
from conftest import awake
from linear_gaussian import Z_DIM, S, oracle
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import cvae, gaussian, iwae

both_priors = pytest.mark.parametrize("learned", [False, True], ids=["N(0, I)", "learned prior"])


@both_priors
def test_5000_samples_come_within_a_fiftieth_of_a_nat(learned):
    model, x, c = oracle(learned, 50)
    result, exact = likelihood.log_likelihood(model, x, c, 5000), model.evidence(x, c)
    assert result.shape == (50,)
    assert abs((result - exact).mean().item()) < 0.02
    assert (result - exact).abs().max() < 0.15
    assert exact.std() > 1, "the pictures differ, so a constant cannot pass"


@both_priors
def test_the_estimate_rises_to_the_truth_with_the_samples(learned):
    """Over 1,000 pictures: the gaps to the truth shrink, each clear of the noise of the next."""
    model, x, c = oracle(learned, 1000, shift=1.0, spread=2.0)
    exact = model.evidence(x, c)
    gaps = [
        (exact - likelihood.log_likelihood(model, x, c, k)).mean().item() for k in (1, 10, 100, 500)
    ]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0 and gaps[1] > 0.1
    assert abs(gaps[3]) < 0.04 and gaps[3] < gaps[2]


@both_priors
def test_the_bound_falls_short_by_the_divergence_of_q_from_the_posterior(learned):
    model, x, c = oracle(learned, 400)
    normals = [Normal(m, (0.5 * v).exp()) for m, v in (model.encode(x, c), model.posterior(x, c))]
    missing = kl_divergence(*normals).sum(1)
    result = likelihood.bound(model, x, c, 400)
    assert result.shape == (400,) and missing[0] > 0.3
    short = model.evidence(x, c) - result
    assert short.mean().item() == pytest.approx(missing.mean().item(), rel=0.03)
    assert (short > 0).all()


def test_the_bound_is_the_mean_of_the_log_weights_and_the_likelihood_that_of_the_weights():
    model, x, c = oracle(True, 7)
    torch.manual_seed(5)
    log_w = likelihood.log_weights(model, x, c, 12)
    assert log_w.shape == (7, 12)
    torch.manual_seed(5)
    torch.testing.assert_close(likelihood.bound(model, x, c, 12), log_w.mean(1))
    torch.manual_seed(5)
    torch.testing.assert_close(
        likelihood.log_likelihood(model, x, c, 12), log_w.exp().mean(1).log()
    )


def test_a_log_weight_is_the_joint_less_q():
    model, x, c = oracle(True, 4)
    torch.manual_seed(1)
    result = likelihood.log_weights(model, x, c, 3)
    torch.manual_seed(1)
    (mu, logvar), (mu_p, logvar_p) = model.encode(x, c), model.prior(c)
    eps = torch.randn(12, Z_DIM, dtype=torch.float64).view(4, 3, Z_DIM)
    for i, k in itertools.product(range(4), range(3)):
        q, p = Normal(mu[i], (0.5 * logvar[i]).exp()), Normal(mu_p[i], (0.5 * logvar_p[i]).exp())
        z = q.mean + q.stddev * eps[i, k]
        joint = p.log_prob(z).sum() + Normal(model.w @ z + model.b, S).log_prob(x[i]).sum()
        torch.testing.assert_close(result[i, k], joint - q.log_prob(z).sum())


@both_priors
@pytest.mark.parametrize("n_samples", [1, 4])
def test_with_the_true_posterior_every_weight_is_the_evidence(learned, n_samples):
    model, x, c = oracle(learned, 30, shift=0.0, spread=1.0)
    exact = model.evidence(x, c)
    weights = likelihood.log_weights(model, x, c, n_samples)
    torch.testing.assert_close(weights, exact[:, None].expand(30, n_samples))
    torch.testing.assert_close(likelihood.bound(model, x, c, n_samples), exact)
    torch.testing.assert_close(likelihood.log_likelihood(model, x, c, n_samples), exact)


# ---- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 50, 51, 130])
@pytest.mark.parametrize("n_samples", [1, 10, 503])
def test_any_number_of_pictures_and_samples(n, n_samples):
    """With the true posterior any count gives the evidence; a draw lost or doubled would not."""
    model, x, c = oracle(True, n, shift=0.0, spread=1.0)
    for estimate in (likelihood.log_likelihood, likelihood.bound):
        result = estimate(model, x, c, n_samples)
        assert result.shape == (n,)
        torch.testing.assert_close(result, model.evidence(x, c))


@pytest.mark.parametrize(("n", "n_samples"), [(1, 1203), (60, 25)])
def test_exactly_as_many_samples_as_asked_for(n, n_samples, monkeypatch):
    drawn = []
    weigh = likelihood.log_weights

    def count(model, x, c, n_samples, inferred):
        drawn.append(len(x) * n_samples)
        return weigh(model, x, c, n_samples, inferred)

    monkeypatch.setattr(likelihood, "log_weights", count)
    likelihood.log_likelihood(*oracle(False, n), n_samples)
    assert sum(drawn) == n * n_samples and max(drawn) <= 500


def test_no_gradient_is_kept():
    model, x, c = oracle(True, 3)
    model.w.requires_grad_()
    assert not likelihood.log_likelihood(model, x, c, 20).requires_grad
    assert not likelihood.bound(model, x, c, 20).requires_grad


# ---- the grid -----------------------------------------------------------------------------------


def flat_cvae(c_dim=3):
    """A CVAE with a two-dimensional z, away from its start, q wide enough to draw from."""
    decoder = nn.Sequential(nn.Linear(2 + c_dim, 16), nn.Tanh(), nn.Linear(16, cvae.N_PIXELS))
    model = cvae.CVAE(nn.Linear(cvae.N_PIXELS + c_dim, 4), decoder, 2)
    awake(model, 0.05)
    with torch.no_grad():
        model.encoder.weight *= 0.1
        model.encoder.bias += torch.tensor([0.3, -0.4, 0.1, -0.2])
    return model


def one_hot(i, n, c_dim=3):
    return torch.eye(c_dim)[i].expand(n, -1)


def test_the_grid_agrees_with_the_samples():
    torch.manual_seed(2)
    model, x = flat_cvae(), (torch.rand(6, 1, 28, 28) > 0.6).float()
    for label in range(3):
        c = one_hot(label, 6)
        grid = likelihood.on_grid(model, x, c, side=120)
        drawn = likelihood.log_likelihood(model, x, c, 5000)
        assert grid.shape == (6,)
        torch.testing.assert_close(grid, drawn, atol=0.08, rtol=0)
        assert (likelihood.bound(model, x, c, 300) < grid - 0.1).all(), "q is the posterior"
    assert (grid - likelihood.on_grid(model, x, one_hot(0, 6), side=120)).abs().min() > 0.1


class Few:
    """Six binary pixels instead of 784: all 64 pictures can be listed."""

    z_dim = 2

    def __init__(self, c_dim=3):
        self.net = awake(nn.Sequential(nn.Linear(2 + c_dim, 8), nn.Tanh(), nn.Linear(8, 6)), 1.0)

    def prior(self, c):
        return torch.zeros(len(c), 2), torch.zeros(len(c), 2)

    def log_px_table(self, x, z, c):
        return -gaussian.bernoulli_nll_table(x, self.net(torch.cat([z, c], 1)))


def test_the_probabilities_of_all_pictures_add_up_to_one():
    x = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))
    table = torch.stack(
        [likelihood.on_grid(Few(), x, one_hot(i, 64), side=150) for i in range(3)], 1
    )
    torch.testing.assert_close(table.exp().sum(0), torch.ones(3))


def test_a_label_saves_at_most_its_own_entropy():
    """p(x) = mean of p(x|c): NLL(x) - NLL(x|c) <= ln n_c always, >= 0 for the best c, and in the
    mean over the model's own pictures it is the information that x and c share."""
    model, x = Few(), torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))
    table = torch.stack(
        [likelihood.on_grid(model, x, one_hot(i, 64), side=150) for i in range(3)], 1
    )
    saved = table - (table.logsumexp(1) - math.log(3))[:, None]
    assert saved.max() <= math.log(3) + 1e-5 and saved.min() < 0
    assert (saved.max(1).values >= -1e-5).all()
    shared = (table.exp() * saved).sum() / 3
    assert 0.01 < shared < math.log(3)


def test_the_label_of_a_digit_saves_between_nothing_and_ln_10():
    model = awake(cvae.small(), 0.03)
    x = data.binarise(data.load("mnist", "test", 20).x, 0) / 255
    table = torch.stack(
        [likelihood.on_grid(model, x, one_hot(i, 20, 10), side=30) for i in range(10)], 1
    )
    saved = table.max(1).values - (table.logsumexp(1) - math.log(10))
    assert (saved >= -1e-3).all() and (saved <= math.log(10) + 1e-3).all()
    assert saved.max() > 0.05, "the labels say nothing"


def test_the_grid_refuses_what_it_cannot_do():
    x = torch.zeros(2, 1, 28, 28)
    with pytest.raises(ValueError, match="z_dim = 2"):
        likelihood.on_grid(cvae.small(10, 3), x, one_hot(0, 2, 10))
    with pytest.raises(ValueError, match="one c for all pictures"):
        likelihood.on_grid(cvae.small(), x, torch.eye(10)[:2])
    with pytest.raises(ValueError, match="prior N\\(0, I\\)"):
        likelihood.on_grid(iwae.wide(10, 2, 8, 8).eval(), x, one_hot(0, 2, 10))
