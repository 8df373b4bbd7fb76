"""The importance-weighted bound of the hierarchical model: by hand, and in the end of a run."""

import math

import pytest
import torch
from conftest import awake, untrained

from course_lib.models import gaussian, hvae, hvae_iwae

SMALL = dict(sides=(1, 2, 4), width=(8, 8, 8), groups=(1, 2, 1), z_dim=2, batch=4)


def small():
    return awake(hvae.HVAE((1, 28, 28), (1, 2, 4), (8, 8, 8), (1, 2, 1), 2, n_mixtures=0))


def test_the_bound_by_hand_is_that_of_the_loss():
    model, x = small(), torch.bernoulli(torch.rand(3, 1, 28, 28))
    torch.manual_seed(2)
    loss = hvae_iwae.loss(model, x, k=5)["loss"]
    torch.manual_seed(2)
    torch.bernoulli(x)  # the draw of pixels, which leaves 0 and 1 as they are
    rows = x.repeat_interleave(5, 0)
    logits, groups = model(rows)
    log_w = -gaussian.bernoulli_nll(rows, logits)
    for g in groups:
        p, q = (
            torch.distributions.Normal(m, (v / 2).exp())
            for m, v in ((g.mu_p, g.logvar_p), (g.mu, g.logvar))
        )
        log_w = log_w + (p.log_prob(g.z) - q.log_prob(g.z)).flatten(1).sum(1)
    bound = log_w.view(3, 5).logsumexp(1) - math.log(5)
    torch.testing.assert_close(loss, -bound.mean())


def test_one_sample_is_the_elbo_and_more_are_tighter():
    model, x = small(), torch.bernoulli(torch.rand(64, 1, 28, 28))
    torch.manual_seed(1)
    elbo = hvae_iwae.loss(model, x, k=1)["loss"]
    torch.manual_seed(1)
    torch.testing.assert_close(elbo, hvae.loss(model, x)["loss"])
    assert hvae_iwae.loss(model, x, k=50)["loss"] < elbo - 0.5


def test_the_last_fifth_of_a_run_takes_k_samples(monkeypatch):
    asked, loss = [], hvae_iwae.loss
    monkeypatch.setattr(hvae_iwae, "loss", lambda m, x, k: asked.append(k) or loss(m, x, k))
    x = torch.randint(0, 256, (20, 1, 28, 28), dtype=torch.uint8)
    step, batches = hvae_iwae.recipe(x, epochs=2, k=3, tight=0.2, bf16=False, **SMALL)
    for epoch in range(2):
        for batch in batches.epoch(epoch):
            terms = step(*batch)
    assert asked == [1] * 8 + [3] * 2 and set(terms) == {"loss"}
    assert float(step.parts["guard"].skipped) == 0


@pytest.mark.parametrize("tight", [0.0, 1.0])
def test_every_parameter_learns(tight):
    x = torch.randint(0, 256, (8, 1, 28, 28), dtype=torch.uint8)
    step, batches = hvae_iwae.recipe(x, epochs=1, tight=tight, bf16=False, **SMALL)
    awake(step.model).train()
    assert untrained(step, batches) == []
