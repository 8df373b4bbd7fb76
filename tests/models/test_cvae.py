"""The CVAE: losses, nets and recipes, away from their start."""

import itertools
import math

import pytest
import torch
from conftest import awake, untrained
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import cvae, iwae
from course_lib.training import loop


def digits(n=24, split="train"):
    """(pixels in [0, 1], one-hot labels)."""
    x, y, _, _ = data.load("mnist", split, n)
    return data.pixels(x), torch.eye(10)[y]


def labelled(c_dim=10):
    """A CVAE with a learned prior that lies away from N(0, I), in evaluation mode."""
    return awake(iwae.wide(c_dim, 3, 16, 16), 0.3)


def normal(mu, logvar):
    return Independent(Normal(mu, (0.5 * logvar).exp()), 1)


def assert_terms(terms, recon, kl):
    """The terms are these, and loss is their sum."""
    assert set(terms) == {"loss", "recon", "kl"} and all(t.ndim == 0 for t in terms.values())
    torch.testing.assert_close(terms["recon"], recon, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["kl"], kl, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["loss"], recon + kl, rtol=1e-4, atol=0)
    assert kl > 0.1 and recon > 1, "asleep: a wrong sign would not show"


# ---- the CVAE -----------------------------------------------------------------------------------


@pytest.mark.parametrize("x_kind", ["binary", "grey"])
def test_loss_is_that_of_torch_distributions(x_kind):
    model, (x, c) = labelled(), digits()
    x = x.round() if x_kind == "binary" else x
    torch.manual_seed(2)
    terms = cvae.loss(model, x, c)
    mu, logvar = model.encoder(torch.cat([x.flatten(1), c], 1)).split(3, 1)
    mu_p, logvar_p = model.prior_net(c).split(3, 1)
    torch.manual_seed(2)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    p = model.decoder(torch.cat([z, c], 1)).sigmoid().view_as(x)
    recon = -(x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1).mean()
    kl = kl_divergence(normal(mu, logvar), normal(mu_p, logvar_p)).mean()
    assert mu_p.abs().max() > 0.3 and logvar_p.abs().max() > 0.3 and mu_p.std(0).min() > 0.05
    assert_terms(terms, recon, kl)


def test_without_a_learned_prior_the_kl_is_from_the_standard_gaussian():
    model, (x, c) = awake(cvae.small(), 0.05), digits()
    mu, logvar = model.encode(x, c)
    kl = kl_divergence(normal(mu, logvar), normal(0 * mu, 0 * mu)).mean()
    torch.testing.assert_close(cvae.loss(model, x, c)["kl"], kl)
    assert kl > 0.1 and [t.tolist() for t in model.prior(c[:1])] == [[[0.0, 0.0]]] * 2


def test_the_loss_is_a_mean_over_pictures():
    model, (x, c) = labelled(), digits()
    once, twice = cvae.loss(model, x, c), cvae.loss(model, torch.cat([x, x]), torch.cat([c, c]))
    torch.testing.assert_close(once["kl"], twice["kl"])
    assert twice["recon"].item() == pytest.approx(once["recon"].item(), rel=0.2)


def test_binary_loss_samples_the_pixels_anew():
    model, (x, c) = labelled(), digits()
    torch.manual_seed(5)
    terms = cvae.binary_loss(model, x, c)
    torch.manual_seed(5)
    drawn = torch.bernoulli(x)
    expected = cvae.loss(model, drawn, c)
    assert terms == expected and set(drawn.unique().tolist()) == {0.0, 1.0}
    assert cvae.binary_loss(model, x, c)["kl"] != terms["kl"], "the same draw twice"


def test_log_px_and_its_table_are_bernoulli():
    model, (x, c) = labelled(), digits(5)
    x, z = x.round(), torch.randn(5, 3)
    p = Bernoulli(logits=model.decoder(torch.cat([z, c], 1)))
    torch.testing.assert_close(model.log_px(x, z, c), p.log_prob(x.flatten(1)).sum(1))
    table = model.log_px_table(x[:2], z, c)
    pairs = p.log_prob(x[:2].flatten(1)[:, None]).sum(2)
    torch.testing.assert_close(table, pairs, rtol=1e-4, atol=1e-2)


def test_the_bound_of_the_likelihood_is_minus_the_loss():
    model, (x, c) = labelled(), digits(6)
    x = x.round()
    torch.manual_seed(1)
    bound = likelihood.bound(model, x, c, 2000).mean()
    with torch.no_grad():
        each = [cvae.loss(model, x, c)["loss"] for _ in range(2000)]
    spread = torch.stack(each).std() / math.sqrt(2000)
    assert abs(bound + torch.stack(each).mean()) < 6 * spread
    assert (likelihood.log_likelihood(model, x, c, 200) > likelihood.bound(model, x, c, 200)).all()


def test_generate_samples_the_prior_of_its_condition():
    model, (_, c) = labelled(), digits(8)
    with torch.no_grad():
        model.prior_net.weight[3:] = 0
        model.prior_net.bias[3:] = -60.0  # no spread: z is the prior's mean
        mean = model.prior_net(c)[:, :3]
        expected = model.decoder(torch.cat([mean, c], 1)).sigmoid().view(8, 1, 28, 28)
    torch.testing.assert_close(model.generate(c), expected)
    with torch.no_grad():
        model.prior_net.bias[3:] = 1.0
    assert (model.generate(c) - expected).abs().max() > 0.1


def linears(net):
    return [
        (layer.in_features, layer.out_features) for layer in net if isinstance(layer, nn.Linear)
    ]


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_the_small_net_is_that_of_the_seed():
    model = cvae.small()
    assert linears(model.encoder) == [(794, 512), (512, 256), (256, 4)]
    assert linears(model.decoder) == [(12, 256), (256, 512), (512, 784)]
    by_hand = 794 * 512 + 512 + 512 * 256 + 256 + 256 * 4 + 4
    by_hand += 12 * 256 + 256 + 256 * 512 + 512 + 512 * 784 + 784
    assert count(model) == by_hand == 1_076_500
    assert model.prior_net is None
    vae = cvae.small(c_dim=0)
    assert linears(vae.encoder)[0] == (784, 512) and linears(vae.decoder)[0] == (2, 256)
    assert count(model) - count(vae) == 10 * 512 + 10 * 256


def test_twins_differ_in_the_label_alone():
    with_label, without = cvae.twin(10, 16, 256), cvae.twin(0, 16, 256)
    assert linears(with_label.encoder) == [(794, 256), (256, 256), (256, 32)]
    assert linears(with_label.decoder) == [(26, 256), (256, 256), (256, 784)]
    assert linears(without.encoder) == [(784, 256), (256, 256), (256, 32)]
    assert linears(without.decoder) == [(16, 256), (256, 256), (256, 784)]
    assert with_label.prior_net is None and without.prior_net is None


@pytest.mark.parametrize("net", [cvae.small, cvae.twin])
def test_without_a_condition_it_is_a_vae(net):
    model, (x, _) = awake(net(c_dim=0, z_dim=4), 0.03), digits(6)
    c = torch.zeros(6, 0)
    assert cvae.loss(model, x, c)["loss"].isfinite()
    assert model.generate(torch.zeros(5, 0)).shape == (5, 1, 28, 28)
    assert likelihood.log_likelihood(model, x.round(), c, 30).shape == (6,)
    step, batches = cvae.recipe(data.load("mnist", n=30).x, torch.zeros(30, 0), batch=10)
    losses = loop.fit(step, batches, 8, progress=False).loss
    assert losses.iloc[-1] < 0.6 * losses.iloc[0] and (losses.diff()[1:4] < 0).all()


def test_shapes_and_pixels():
    model, (x, c) = labelled(), digits(4)
    logits, mu, logvar = model(x, c)
    assert logits.shape == x.shape and mu.shape == logvar.shape == (4, 3)
    generated = model.generate(c)
    assert generated.shape == x.shape and 0 <= generated.min() and generated.max() <= 1


# ---- every recipe -------------------------------------------------------------------------------

X, Y = data.load("mnist", n=64)[:2]
RECIPES = {
    "cvae": lambda: cvae.recipe(X, torch.eye(10)[Y], batch=32),
    "twin": lambda: cvae.twin_recipe(X, torch.eye(10)[Y], 20, 3, 32, batch=32, ema=0.5),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_learns_and_the_loss_falls(name):
    step, batches = RECIPES[name]()
    loop.set_training(step, True)
    assert untrained(step, batches) == []
    step, batches = RECIPES[name]()
    history = loop.fit(step, batches, epochs=20, progress=False)
    assert history.loss.iloc[-1] < 0.9 * history.loss.iloc[0]
    assert (step.best is step.model) == (name == "cvae") and not step.best.training


def test_the_rate_of_a_twin_falls_to_nothing_along_a_cosine():
    step, batches = RECIPES["twin"]()
    rate = lambda: step.optimizer.param_groups[0]["lr"]
    start = rate()
    loop.fit(step, batches, epochs=10, progress=False)
    assert rate() == pytest.approx(start / 2)
    for batch in itertools.chain.from_iterable(batches.epoch(e) for e in range(10)):
        step(*batch)
    assert rate() == pytest.approx(0, abs=1e-9)


def test_held_out_terms_are_the_mean_of_the_losses_of_single_pictures(monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    model = awake(cvae.small(3), 0.1)
    x, c = (255 * torch.rand(7, 1, 28, 28)).byte(), torch.eye(3)[torch.arange(7) % 3]
    result = cvae.held_out(model, x, c, size=3)  # 3 + 3 + 1: unequal batches count by pictures
    alone = [cvae.loss(model, x[i : i + 1].float() / 255, c[i : i + 1]) for i in range(7)]
    for name in ("loss", "recon", "kl"):
        expected = sum(float(terms[name]) for terms in alone) / 7
        assert result[f"test {name}"] == pytest.approx(expected, rel=1e-5)
