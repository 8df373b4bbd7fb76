"""The importance-weighted bound: its samples, its limits, and what it trains."""

import math

import pytest
import torch
from conftest import awake, untrained
from torch.distributions import Bernoulli, Independent, Normal

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import cvae, iwae
from course_lib.training import loop

X, Y = data.load("mnist", n=64)[:2]
C = torch.eye(10)[Y]


def labelled():
    """A net whose prior lies away from N(0, I), in evaluation mode, binary pictures and labels."""
    return awake(iwae.wide(10, 3, 16, 24), 0.2), data.pixels(X[:12]).round(), C[:12]


def normal(mu, logvar):
    return Independent(Normal(mu, (0.5 * logvar).exp()), 1)


def test_log_weights_are_those_of_torch_distributions():
    model, x, c = labelled()
    torch.manual_seed(3)
    result = iwae.log_weights(model, x, c, 4)
    torch.manual_seed(3)
    q, p = normal(*model.encode(x, c)), normal(*model.prior(c))
    eps = torch.randn(12 * 4, 3).view(12, 4, 3).transpose(0, 1)
    z = q.base_dist.mean + q.base_dist.stddev * eps  # (4, 12, 3)
    pictures = Bernoulli(logits=torch.stack([model.decode(each, c) for each in z]).flatten(2))
    expected = p.log_prob(z) - q.log_prob(z) + pictures.log_prob(x.flatten(1)).sum(2)
    torch.testing.assert_close(result, expected.T, rtol=1e-4, atol=1e-3)


def test_one_sample_is_the_elbo_of_the_cvae():
    model, x, c = labelled()
    torch.manual_seed(6)
    ours = iwae.loss(model, x, c, 1)["loss"]
    torch.manual_seed(6)
    torch.testing.assert_close(ours, cvae.loss(model, x, c)["loss"])
    with torch.no_grad():
        weights = torch.stack([iwae.log_weights(model, x, c, 1).mean() for _ in range(600)])
        elbo = torch.stack([cvae.loss(model, x, c)["loss"] for _ in range(600)])
    spread = ((weights.var() + elbo.var()) / 600).sqrt()
    assert abs(weights.mean() + elbo.mean()) < 5 * spread and elbo.std() > 0.1


def test_the_loss_falls_with_k_to_the_likelihood():
    model, x, c = labelled()
    with torch.no_grad():
        at = {k: iwae.loss(model, x, c, k)["loss"].item() for k in (1, 10, 1000)}
    assert at[1] > at[10] + 0.2 > at[1000] + 0.3
    exact = -likelihood.log_likelihood(model, x, c, 5000).mean().item()
    assert at[1000] == pytest.approx(exact, abs=1.5)


def test_the_loss_is_the_mean_of_weights_within_a_picture(monkeypatch):
    weights = torch.tensor([[0.0, math.log(3)], [math.log(2), math.log(6)]])
    monkeypatch.setattr(iwae, "log_weights", lambda *_: weights)
    result = iwae.loss(None, None, None, k=2)["loss"].item()
    assert result == pytest.approx(-0.5 * (math.log(2) + math.log(4)))


def test_binary_loss_samples_the_pixels_anew():
    model, _, c = labelled()
    grey = data.pixels(X[:12])
    torch.manual_seed(5)
    result = iwae.binary_loss(model, grey, c, 3)
    torch.manual_seed(5)
    assert result == iwae.loss(model, torch.bernoulli(grey), c, 3)
    assert iwae.binary_loss(model, grey, c, 3) != result, "the same draw twice"


def test_held_out_is_the_mean_over_all_pictures_and_draws_the_same_each_time(monkeypatch):
    model, x, c = labelled()
    many = (255 * x).byte().repeat(50, 1, 1, 1)[:550]
    result = iwae.held_out(model, many, c.repeat(50, 1)[:550])
    assert result == iwae.held_out(model, many, c.repeat(50, 1)[:550])
    monkeypatch.setattr(iwae, "loss", lambda model, x, c, k: {"loss": x.sum() / len(x)})
    total = iwae.held_out(model, many, c.repeat(50, 1)[:550])["test loss"]
    assert total == pytest.approx(float(data.pixels(many).sum()) / 550, rel=1e-4)


@pytest.mark.parametrize("bf16", [False, True])
def test_every_parameter_learns_and_the_loss_falls(bf16):
    recipe = lambda: iwae.recipe(X, C, 20, 3, 0.5, 3, 16, 32, batch=32, ema=0.5, bf16=bf16)
    step, batches = recipe()
    assert untrained(step, batches) == []
    step, batches = recipe()
    history = loop.fit(step, batches, epochs=20, progress=False)
    assert history.loss.iloc[-1] < history.loss.iloc[0] - 5
    assert step.best is not step.model


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_the_rate_rises_and_falls_to_nothing():
    step, _ = iwae.recipe(X, C, 400, z_dim=2, seeing=8, width=8, batch=32)
    rates = []
    for _ in range(800):  # steps: 80 of them rise
        rates.append(step.optimizer.param_groups[0]["lr"])
        step.schedule.step()
    assert rates[0] < 3e-5 and rates[79] > 1.9e-3 and max(rates) == max(rates[78:81])
    assert rates[400] < 1.1e-3 and rates[-1] < 1e-6


def test_the_last_steps_have_k_samples(monkeypatch):
    seen = []

    def one(model, x, c, k):
        seen.append(k)
        return {"loss": model.prior(c)[0].sum()}

    monkeypatch.setattr(iwae, "binary_loss", one)
    step, batches = iwae.recipe(X, C, 5, 7, 0.4, 2, 8, 8, batch=32)
    loop.fit(step, batches, epochs=5, progress=False)
    assert seen == 6 * [1] + 4 * [7]
