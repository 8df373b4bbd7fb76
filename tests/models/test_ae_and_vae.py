"""ae, vae and judge: their losses against independent computations, their nets, their recipes."""

import math

import pytest
import torch
from conftest import awake, pictures, untrained
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn import functional as F

from course_lib import data
from course_lib.data import augment
from course_lib.evaluation import judge
from course_lib.models import ae, vae
from course_lib.training import loop

SIGMA = 0.3


def small_vae(channels=3):
    return awake(vae.VAE(z_dim=5, width=4, channels=channels))


def check_terms(terms, beta=1.0):
    weights = {"recon": 1.0, "kl": beta}
    total = sum(weights[name] * term for name, term in terms.items() if name != "loss")
    torch.testing.assert_close(terms["loss"], total)
    assert all(term.ndim == 0 for term in terms.values())


# ---- the VAE ------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 0.25, 4.0])
def test_vae_loss_is_that_of_torch_distributions(beta):
    model, x = small_vae(), data.pixels(pictures())
    torch.manual_seed(2)
    terms = vae.loss(model, x, sigma=SIGMA, beta=beta)
    mu, logvar = model.encode(x)
    q = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
    torch.manual_seed(2)
    x_hat = model.decoder(q.base_dist.mean + q.base_dist.stddev * torch.randn_like(mu)).sigmoid()
    recon = -Normal(x_hat, SIGMA).log_prob(x).flatten(1).sum(1).mean()
    prior = Independent(Normal(torch.zeros_like(mu), 1.0), 1)
    kl = kl_divergence(q, prior).mean()
    torch.testing.assert_close(terms["recon"], recon, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["kl"], kl, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["loss"], recon + beta * kl, rtol=1e-4, atol=0)
    assert kl > 0.1 and recon > 1, "asleep: a wrong sign would not show"
    check_terms(terms, beta)


def test_the_elbo_lies_below_the_importance_estimate_and_meets_the_evidence():
    """One-dimensional z: the evidence by quadrature; ELBO <= log E[p/q] -> evidence."""
    torch.manual_seed(4)
    model, x = awake(vae.VAE(z_dim=1, width=4), 0.05), data.pixels(pictures(3))
    with torch.no_grad():
        model.encoder[-1].bias += torch.tensor([0.4, -0.5])
        grid = torch.linspace(-9, 9, 3001)[:, None]
        evidence = _log_p_of_x(model, x, grid, Normal(0.0, 1.0).log_prob(grid)[:, 0])
        evidence = evidence.logsumexp(0) + math.log(18 / 3000)
        mu, logvar = model.encode(x)
        elbo = -torch.stack([vae.negative_elbo(model, x, 1.0) for _ in range(300)]).mean(0)
        elbo += 0.5 * x[0].numel() * math.log(2 * math.pi)  # the constant that is left out below
        q = Normal(mu, (0.5 * logvar).exp())
        z = q.sample((400,))  # (400, 3, 1)
        log_w = Normal(0.0, 1.0).log_prob(z)[:, :, 0] - q.log_prob(z)[:, :, 0]
        weights = torch.stack(
            [_log_p_of_x(model, x[i : i + 1], z[:, i], log_w[:, i])[:, 0] for i in range(3)], 1
        )
        importance = weights.logsumexp(0) - math.log(400)
    assert (elbo < importance).all() and (elbo < evidence).all()
    torch.testing.assert_close(importance, evidence, atol=0.15, rtol=0)


def _log_p_of_x(model, x, z, log_weight):
    """log p(x|z) + log_weight of every z and x, (len(z), len(x)), sigma 1, no constant."""
    x_hat = model.decode(z)
    return -0.5 * torch.cdist(x_hat.flatten(1), x.flatten(1)) ** 2 + log_weight[:, None]


def test_negative_elbo_is_the_loss_of_each_image():
    model, x = small_vae(), data.pixels(pictures())
    torch.manual_seed(7)
    each = vae.negative_elbo(model, x, SIGMA)
    torch.manual_seed(7)
    assert each.shape == (16,)
    torch.testing.assert_close(each.mean(), vae.loss(model, x, SIGMA)["loss"])


def test_the_loss_is_a_mean_over_images():
    """Twice the same pictures: the same loss, up to the noise; a sum would double it."""
    model, x = small_vae(), data.pixels(pictures())
    once, twice = vae.loss(model, x), vae.loss(model, torch.cat([x, x]))
    torch.testing.assert_close(once["kl"], twice["kl"])
    assert twice["recon"].item() == pytest.approx(once["recon"].item(), rel=0.2)


def test_recipe_hands_sigma_and_beta_to_the_loss():
    x = pictures()
    step, _ = vae.recipe(x, z_dim=5, width=4, sigma=SIGMA, beta=0.5)
    awake(step.model)
    torch.manual_seed(3)
    message = step.loss(step.model, data.pixels(x))
    torch.manual_seed(3)
    expected = vae.loss(step.model, data.pixels(x), sigma=SIGMA, beta=0.5)
    assert message["loss"] == expected["loss"] != message["recon"] + message["kl"]


def test_without_a_sigma_it_is_the_one_that_costs_least():
    model, x = small_vae(), data.pixels(pictures())
    torch.manual_seed(5)
    least = vae.loss(model, x, sigma=None)
    torch.manual_seed(5)
    best = (x - model(x)[0]).square().mean().sqrt().item()
    for sigma, costs in ((0.97 * best, 1), (best, 0), (1.03 * best, 1)):
        torch.manual_seed(5)
        more = vae.loss(model, x, sigma)["recon"] - least["recon"]
        assert (more > 5) if costs else abs(more) < 0.05
    # and the gradient is that of the fixed sigma: the sigma itself is at its best value
    torch.manual_seed(5)
    given = torch.autograd.grad(vae.loss(model, x, best)["loss"], model.encoder[-1].weight)[0]
    torch.manual_seed(5)
    free = torch.autograd.grad(vae.loss(model, x, None)["loss"], model.encoder[-1].weight)[0]
    torch.testing.assert_close(free, given, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("recipe", [vae.recipe, ae.conv_recipe, ae.wide_recipe, ae.narrow_recipe])
def test_epochs_let_the_rate_fall_to_zero_and_none_keeps_it(recipe):
    x, size = pictures(), {} if recipe is ae.narrow_recipe else {"z_dim": 2}
    step, batches = recipe(x, lr=1e-3, batch=8, epochs=3, ema=0.9, mirror=True, **size)
    rates = []
    for epoch in range(3):
        for batch in batches.epoch(epoch):
            rates.append(step.optimizer.param_groups[0]["lr"])
            step(*batch)
    assert rates[0] == 1e-3 and rates == sorted(rates, reverse=True)
    assert step.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)
    assert step.best is not step.model
    assert recipe(x, **size)[0].schedule is None


def test_mirroring_turns_about_half_of_the_pictures_and_nothing_else():
    x = data.pixels(pictures(400, size=8))
    torch.manual_seed(0)
    turned = augment.mirror(x)
    same = (turned == x).flatten(1).all(1)
    assert torch.equal(turned[~same], x[~same].flip(3)) and 0.4 < same.float().mean() < 0.6


def test_the_mirrored_loss_is_the_loss_of_mirrored_pictures():
    model, x = small_vae(), data.pixels(pictures())
    symmetric = torch.cat([x, x.flip(3)], 3)[..., ::2]
    symmetric = (symmetric + symmetric.flip(3)) / 2
    net = awake(ae.convolutional(width=4, z_dim=6)).eval()
    assert ae.mirrored_loss(net, symmetric)["loss"] == ae.loss(net, symmetric)["loss"]
    assert ae.mirrored_loss(net, x)["loss"] != ae.loss(net, x)["loss"]
    torch.manual_seed(1)
    augment.mirror(x)
    expected = vae.loss(model, symmetric, SIGMA, 0.5)
    torch.manual_seed(1)
    assert vae.mirrored_loss(model, symmetric, SIGMA, 0.5)["loss"] == expected["loss"]


def test_errors_are_squared_errors_per_image_through_the_mean():
    model, x = small_vae(), data.pixels(pictures())
    with torch.no_grad():
        by_hand = [F.mse_loss(model.decode(model.encode(p[None])[0])[0], p).item() for p in x]
    assert vae.errors(model, x).tolist() == pytest.approx(by_hand, rel=1e-4)
    net = awake(ae.convolutional(width=4, z_dim=6))
    with torch.no_grad():
        by_hand = [F.mse_loss(net(p[None])[0], p).item() for p in x]
    assert ae.errors(net, x).tolist() == pytest.approx(by_hand, rel=1e-4)


def test_held_out_terms_are_those_of_the_loss_on_the_same_draw():
    model, x = awake(vae.VAE(z_dim=4, width=4)), torch.randint(0, 256, (6, 3, 64, 64)).byte()
    torch.manual_seed(2)
    result = vae.held_out(model, x)
    torch.manual_seed(2)
    terms = vae.loss(model, x.float() / 255, sigma=0.5**0.5)
    assert result["test kl"] == pytest.approx(terms["kl"].item(), rel=1e-5)
    constant = 0.5 * x[0].numel() * math.log(math.pi)  # 2 pi sigma^2 = pi
    assert result["test squared error"] == pytest.approx(terms["recon"].item() - constant, rel=1e-5)


def test_pictures_from_the_prior_are_pixels_and_differ():
    x = small_vae(channels=1).generate(6)
    assert x.shape == (6, 1, 64, 64) and 0 <= x.min() and x.max() <= 1
    assert (x[0] - x[1]).abs().max() > 1e-3


# ---- the autoencoder ----------------------------------------------------------------------------


def test_the_wide_net_is_that_of_the_seed():
    with torch.device("meta"):  # counted without being filled
        sizes = {n: p.numel() * p.element_size() for n, p in ae.wide().named_parameters()}
    assert sum(sizes.values()) / 4 == 117_483_520
    assert sum(sizes.values()) / 2**20 == pytest.approx(448.16, abs=0.005)


def test_the_narrow_net_is_that_of_the_assistants():
    assert sum(p.numel() for p in ae.narrow().parameters()) == 3_176_419


def test_ae_loss_is_the_squared_error_of_a_picture():
    model, x = awake(ae.narrow(shape=(1, 8, 8))), data.pixels(pictures(channels=1, size=8))
    terms = ae.loss(model, x)
    expected = F.mse_loss(model(x), x).item() * 64
    assert terms["loss"].item() == pytest.approx(expected) and expected > 1
    check_terms(terms)


def test_tanh_on_minus_one_to_one_is_sigmoid_on_zero_to_one():
    """The same weights but for a factor 2 before the sigmoid: the same pictures, errors times 4."""
    model, x = awake(ae.narrow(shape=(1, 8, 8))), data.pixels(pictures(channels=1, size=8))
    with torch.no_grad():
        a = model.decoder(model.encode(x))
        ours = ae.loss(model, x)["loss"]
        last = model.decoder[-2]
        last.weight *= 0.5
        last.bias *= 0.5
        theirs = torch.tanh(model.decoder(model.encode(x)))  # sigmoid(a) = (tanh(a / 2) + 1) / 2
        torch.testing.assert_close((theirs + 1) / 2, a.sigmoid())
        error = (theirs - (2 * x - 1)).square().flatten(1).sum(1).mean()
    torch.testing.assert_close(error, 4 * ours)


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_of_the_convolutional_nets(channels):
    x = data.pixels(pictures(4, channels))
    net, model = ae.convolutional(4, 7, channels).eval(), vae.VAE(5, 4, channels).eval()
    assert net.encode(x).shape == (4, 7) and net(x).shape == x.shape
    mu, logvar = model.encode(x)
    assert mu.shape == logvar.shape == (4, 5)
    assert model.decode(mu).shape == model(x)[0].shape == x.shape


# ---- the judge ----------------------------------------------------------------------------------


def test_judge_loss_is_that_of_the_right_answers_in_nats():
    model, x = awake(judge.Judge(3, 4, width=4, n_features=8)), data.pixels(pictures(6))
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    log_p = model(x).log_softmax(1)
    expected = -torch.stack([row[i] for row, i in zip(log_p, labels, strict=True)]).mean()
    torch.testing.assert_close(judge.loss(model, x, labels)["loss"], expected)
    flags = (torch.arange(24).view(6, 4) % 3 == 0).byte()
    p = model(x).sigmoid()
    expected = -torch.where(flags > 0, p, 1 - p).log().sum(1).mean()
    torch.testing.assert_close(judge.loss(model, x, flags)["loss"], expected)


def test_correct_says_which_answers_are_right():
    class Sure(torch.nn.Module):
        def forward(self, x):
            return torch.tensor([[2.0, -1.0], [-3.0, 0.5]])

    assert judge.correct(Sure(), None, torch.tensor([0, 0])).tolist() == [1.0, 0.0]
    flags = torch.tensor([[1, 0], [1, 1]], dtype=torch.uint8)
    assert judge.correct(Sure(), None, flags).tolist() == [[1.0, 1.0], [0.0, 1.0]]


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 64)])
def test_judge_takes_small_and_large_pictures(channels, size):
    model = judge.Judge(channels, 5, width=4, n_features=8).eval()
    x = data.pixels(pictures(2, channels, size))
    assert model.features(x).shape == (2, 8) == (2, model.num_features)
    torch.testing.assert_close(model.head(model.features(x)), model(x))


# ---- every recipe -------------------------------------------------------------------------------

LABELS = torch.arange(16) % 3
FLAGS = torch.stack([LABELS == 0, LABELS == 1], 1).byte()
RECIPES = {
    "wide": lambda: ae.wide_recipe(pictures(size=16), 32, 8, batch=8),
    "narrow": lambda: ae.narrow_recipe(pictures(size=16), batch=8),
    "conv": lambda: ae.conv_recipe(pictures(), width=4, z_dim=6, batch=8),
    "vae": lambda: vae.recipe(pictures(), z_dim=4, width=4, batch=8),
    "judge of labels": lambda: judge.recipe(pictures(), LABELS, 30, 4, 8, batch=8),
    "judge of attributes": lambda: judge.recipe(pictures(), FLAGS, 30, 4, 8, batch=8),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_learns_and_the_loss_falls(name):
    torch.manual_seed(0)
    step, batches = RECIPES[name]()
    loop.set_training(step, True)
    assert untrained(step, batches) == []
    history = loop.fit(step, batches, epochs=30, progress=False)
    assert history.loss.iloc[-1] < 0.95 * history.loss.iloc[0]
    assert not step.model.training
