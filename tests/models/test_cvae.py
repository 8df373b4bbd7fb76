"""The CVAE and what it is used for, inpainting: losses, nets and masks, away from their start."""

import itertools
import math

import pytest
import torch
from conftest import awake, untrained
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import cvae, inpainting
from course_lib.training import loop


def digits(n=24, split="train"):
    """(pixels in [0, 1], one-hot labels)."""
    x, y, _, _ = data.load("mnist", split, n)
    return data.pixels(x), torch.eye(10)[y]


def labelled(c_dim=10):
    """A CVAE with a learned prior that lies away from N(0, I), in evaluation mode."""
    return awake(cvae.large(c_dim, z_dim=3, width=16), 0.3)


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


def test_the_large_net_learns_its_prior_where_there_is_a_condition():
    assert cvae.large(c_dim=0).prior_net is None
    model = cvae.large(10, z_dim=32, width=512)
    assert linears(model.encoder) == [(794, 512), (512, 512), (512, 64)]
    assert linears(model.decoder) == [(42, 512), (512, 512), (512, 784)]
    assert (model.prior_net.in_features, model.prior_net.out_features) == (10, 64)


@pytest.mark.parametrize("net", [cvae.small, cvae.large])
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


# ---- masks --------------------------------------------------------------------------------------

WAYS = [w for n in (1, 2, 3) for w in itertools.combinations(inpainting.CORNERS, n)]
PLACES = dict(
    zip(inpainting.CORNERS, [(0, 0), (0, 14), (14, 0), (14, 14)], strict=True)
)  # row and column of the first pixel


@pytest.mark.parametrize("given", WAYS, ids=" + ".join)
def test_a_mask_is_one_on_the_named_quadrants(given):
    expected = torch.zeros(28, 28)
    for name in given:
        top, left = PLACES[name]
        expected[top : top + 14, left : left + 14] = 1
    mask = inpainting.quadrants(*given)
    assert mask.shape == (1, 1, 28, 28) and torch.equal(mask[0, 0], expected)


def test_corners_are_called_by_their_names():
    assert inpainting.CORNERS == ("upper left", "upper right", "lower left", "lower right")
    assert inpainting.quadrants(*inpainting.CORNERS).all() and not inpainting.quadrants().any()
    with pytest.raises(ValueError, match=r"no quadrant is called \['bottom left'\]; there are"):
        inpainting.quadrants("upper left", "bottom left")


def test_every_way_to_give_one_to_three_quadrants_is_chosen_alike():
    masks = inpainting._random_masks(14_000, torch.device("cpu"))
    assert masks.shape == (14_000, 1, 28, 28)
    kinds, counts = masks[:, 0].unique(dim=0, return_counts=True)
    expected = torch.stack([inpainting.quadrants(*way)[0, 0] for way in WAYS]).unique(dim=0)
    assert torch.equal(kinds, expected), "fourteen, never none nor all of them"
    assert counts.min() > 800 and counts.max() < 1200


def test_the_condition_is_what_is_given_and_where():
    x, mask = torch.rand(3, 1, 28, 28) + 0.1, inpainting.quadrants("upper right")
    c = inpainting.condition(x, mask)
    assert c.shape == (3, 1568)
    shown, where = c.view(3, 2, 28, 28).unbind(1)
    assert torch.equal(where, mask[0].expand(3, 28, 28))
    assert torch.equal(shown[:, :14, 14:], x[:, 0, :14, 14:])
    assert not shown[:, 14:].any() and not shown[:, :14, :14].any()


# ---- inpainting ---------------------------------------------------------------------------------


def inpainter():
    return awake(inpainting.Inpainter(z_dim=3, width=16), 0.1)


def pairs(n=6):
    """Binary pictures, masks that differ from picture to picture, and conditions."""
    x = digits(n)[0].round()
    mask = torch.cat([inpainting.quadrants(*way) for way in WAYS[:: len(WAYS) // n][:n]])
    return x, mask, inpainting.condition(x, mask)


def bernoulli_nll_of_missing(x, mask, logits):
    terms = -Bernoulli(logits=logits).log_prob(x)
    return torch.stack([t[m == 0].sum() for t, m in zip(terms, mask, strict=True)])


def test_only_missing_pixels_count(monkeypatch):
    model, (x, mask, c) = inpainter(), pairs()
    logits = 2 * torch.randn(6, 1, 28, 28)
    monkeypatch.setattr(model, "decode", lambda z, c: logits)
    found = model.log_px(x, None, c)
    torch.testing.assert_close(found, -bernoulli_nll_of_missing(x, mask, logits))
    logits = torch.where(mask == 1, 7.0, logits)
    assert torch.equal(model.log_px(x, None, c), found)
    logits = torch.where(mask == 0, logits + 0.5, logits)
    assert (model.log_px(x, None, c) - found).abs().min() > 1


def test_inpainting_loss_is_that_of_torch_distributions():
    model, x = inpainter(), digits(12)[0]
    torch.manual_seed(4)
    terms = inpainting.loss(model, x)
    torch.manual_seed(4)
    drawn = torch.bernoulli(x)
    mask = inpainting._random_masks(12, x.device)
    c = torch.cat([(drawn * mask).flatten(1), mask.flatten(1)], 1)
    mu, logvar = model.encoder(torch.cat([drawn.flatten(1), c], 1)).split(3, 1)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    logits = model.decoder(torch.cat([z, c], 1)).view_as(x)
    recon = bernoulli_nll_of_missing(drawn, mask, logits).mean()
    mu_p, logvar_p = model.prior_net(c).split(3, 1)
    kl = kl_divergence(normal(mu, logvar), normal(mu_p, logvar_p)).mean()
    assert_terms(terms, recon, kl)


def test_inpainting_is_bounded_by_its_likelihood():
    model, (x, _, c) = inpainter(), pairs()
    bound, found = likelihood.bound(model, x, c, 500), likelihood.log_likelihood(model, x, c, 500)
    assert (bound < found).all() and (found < 0).all()


def test_when_all_is_given_no_pixel_is_left_to_be_modelled():
    """log p of no pixels is 0: the weights p(z|c) / q(z|x, c) have the mean 1."""
    model, x = inpainter(), digits(4)[0].round()
    with torch.no_grad():  # q broad about the prior, and not it
        for net in (model.encoder, model.prior_net):
            net[-1].weight *= 0.1
        model.encoder[-1].bias[3:] += 0.5
    found = likelihood.log_likelihood(model, x, inpainting.condition(x, torch.ones_like(x)), 5000)
    torch.testing.assert_close(found, torch.zeros(4), atol=0.05, rtol=0)
    assert (
        likelihood.bound(model, x, inpainting.condition(x, torch.ones_like(x)), 500) < -0.05
    ).all()


@pytest.mark.parametrize(
    "net", [inpainter, lambda: awake(inpainting.Guess(16))], ids=["CVAE", "guess"]
)
def test_what_is_given_stays_and_the_rest_is_generated(net):
    model, (x, mask, c) = net(), pairs()
    torch.manual_seed(3)
    filled = inpainting.fill(model, x, mask)
    torch.manual_seed(3)
    generated = model.generate(c)
    assert torch.equal(filled[mask == 1], x[mask == 1])
    assert torch.equal(filled[mask == 0], generated[mask == 0])
    assert 0 < generated.min() and generated.max() < 1 and generated.std() > 0.01


def test_the_cvae_completes_in_many_ways_the_baseline_in_one():
    x, mask = digits(3)[0], inpainting.quadrants("upper left")
    model, guess = inpainter(), awake(inpainting.Guess(16))
    assert (inpainting.fill(model, x, mask) - inpainting.fill(model, x, mask)).abs().max() > 1e-3
    assert torch.equal(inpainting.fill(guess, x, mask), inpainting.fill(guess, x, mask))


def test_the_baselines_likelihood_by_hand():
    model, (x, mask, c) = awake(inpainting.Guess(16)), pairs()
    with torch.no_grad():
        expected = bernoulli_nll_of_missing(x, mask, model.net(c).view_as(x))
        torch.testing.assert_close(inpainting.guess_nll(model, x, c), expected)
    grey = digits(12)[0]
    torch.manual_seed(6)
    found = inpainting.guess_loss(model, grey)["loss"]
    torch.manual_seed(6)
    drawn = torch.bernoulli(grey)
    mask = inpainting._random_masks(12, x.device)
    logits = model(torch.cat([(drawn * mask).flatten(1), mask.flatten(1)], 1))
    torch.testing.assert_close(found, bernoulli_nll_of_missing(drawn, mask, logits).mean())


# ---- every recipe -------------------------------------------------------------------------------

X, Y = data.load("mnist", n=64)[:2]
RECIPES = {
    "cvae": lambda: cvae.recipe(X, torch.eye(10)[Y], batch=32),
    "large": lambda: cvae.large_recipe(X, torch.eye(10)[Y], 20, 3, 32, batch=32, ema=0.5),
    "inpainting": lambda: inpainting.recipe(X, 20, 3, 32, batch=32, ema=0.5),
    "guess": lambda: inpainting.guess_recipe(X, 20, 32, batch=32, ema=0.5),
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


@pytest.mark.parametrize("name", ["large", "inpainting", "guess"])
def test_the_rate_falls_to_nothing_along_a_cosine(name):
    step, batches = RECIPES[name]()
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
    found = cvae.held_out(model, x, c, size=3)  # 3 + 3 + 1: unequal batches count by pictures
    alone = [cvae.loss(model, x[i : i + 1].float() / 255, c[i : i + 1]) for i in range(7)]
    for name in ("loss", "recon", "kl"):
        expected = sum(float(terms[name]) for terms in alone) / 7
        assert found[f"test {name}"] == pytest.approx(expected, rel=1e-5)
