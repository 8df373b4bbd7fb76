"""The multi-level VAE: evidence, both losses against loops over groups, and bad labels."""

import math

import pytest
import torch
from conftest import awake, untrained
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from course_lib import data
from course_lib.models import mlvae
from course_lib.training import loop

GROUP = torch.tensor([3, 0, 3, 3, 1, 0, 3, 5])  # of six; 2 and 4 are missing
X = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(9))
SIGMA = 0.4
SOURCE = dict(std=0.1, detached=True, paid="picture")  # as the source trains


def small(n_groups=6, seed=0):
    """Six by six pixels, a style of 3 and a class of 4, away from its start."""
    torch.manual_seed(seed)
    return awake(mlvae.MLVAE(3, 4, hidden=12, shape=(1, 6, 6), n_groups=n_groups), 0.3)


@pytest.fixture
def same_noise(monkeypatch):
    """Draws that depend on their shape alone: row i of n always gets the same noise."""

    def noise(t):
        return torch.sin(1.7 * torch.arange(t.numel()) + 0.3).view(t.shape).to(t)

    monkeypatch.setattr(torch, "randn_like", noise)
    return noise


def normal(mu, logvar):
    return Normal(mu, (0.5 * logvar).exp())


def evidence_by_hand(model, x, group):
    """{group: N}, one group at a time, in float64."""
    mu, logvar = (t.double() for t in model.encode(x)[1])
    result = {}
    for g in group.unique().tolist():
        precision = (-logvar[group == g]).exp()
        mean = (mu[group == g] * precision).sum(0) / precision.sum(0)
        result[g] = normal(mean, -precision.sum(0).log())
    return result


def terms_by_hand(model, x, group, noise, std=1.0, sigma=SIGMA):
    """recon and style KL a picture, {group: class KL}; a loop over pictures and groups."""
    style = normal(*(t.double() for t in model.encode(x)[0]))
    evidence = evidence_by_hand(model, x, group)
    eps_style, eps_class = (
        noise(torch.zeros(n, d).double()) for n, d in ((len(x), 3), (model.n_groups, 4))
    )
    recon = []
    for i, g in enumerate(group.tolist()):
        code = evidence[g].mean + std * evidence[g].stddev * eps_class[g]
        z = torch.cat([style.mean[i] + style.stddev[i] * eps_style[i], code]).float()
        p = Normal(model.decoder(z[None])[0].sigmoid(), sigma)
        constant = x[i].numel() * math.log(sigma * math.sqrt(2 * math.pi))
        recon.append(-p.log_prob(x[i]).sum() - constant)
    standard = Normal(torch.zeros(()).double(), 1.0)
    style_kl = kl_divergence(style, standard).sum(1)
    class_kl = {g: kl_divergence(q, standard).sum() for g, q in evidence.items()}
    return torch.stack(recon), style_kl.float(), {g: k.float() for g, k in class_kl.items()}


def assert_terms(terms, recon, style_kl, class_kl):
    expected = {"recon": recon, "style_kl": style_kl, "class_kl": class_kl}
    expected["loss"] = sum(expected.values())
    assert set(terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-4, atol=1e-5, msg=name)
    assert min(expected.values()) > 0.3, "asleep: a wrong sign would not show"


# ---- the net ------------------------------------------------------------------------------------


def test_the_net_is_that_of_the_seed():
    model = mlvae.MLVAE()
    assert sum(p.numel() for p in model.parameters()) == (
        784 * 500 + 500 + 4 * (500 * 10 + 10) + 20 * 500 + 500 + 500 * 784 + 784
    )
    weights = [p for n, p in model.named_parameters() if n.endswith("weight")]
    assert all(w.std().item() == pytest.approx(0.05, rel=0.05) for w in weights)
    assert not any(p.any() for n, p in model.named_parameters() if n.endswith("bias"))
    assert tuple(model.heads) == mlvae.HEADS


def test_encode_and_decode_are_the_heads_and_the_decoder():
    model = small()
    h = torch.tanh(model.trunk[1](X.flatten(1)))
    style, member = model.encode(X)
    for name, result in zip(mlvae.HEADS, (*style, *member), strict=True):
        torch.testing.assert_close(result, model.heads[name](h))
    x_hat = model.decode(style[0], member[0])
    assert x_hat.shape == X.shape and 0 < x_hat.min() and x_hat.max() < 1
    torch.testing.assert_close(x_hat, model.decoder(torch.cat([style[0], member[0]], 1)).sigmoid())


def test_evidence_is_that_of_a_loop_over_groups():
    model = small()
    mu, logvar = model.evidence(X, GROUP)
    assert mu.shape == logvar.shape == (6, 4)
    for g, q in evidence_by_hand(model, X, GROUP).items():
        torch.testing.assert_close(mu[g].double(), q.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close((0.5 * logvar[g]).exp().double(), q.stddev, rtol=1e-4, atol=0)
    assert not mu[[2, 4]].any() and not logvar[[2, 4]].any(), "a missing group is N(0, I)"


# ---- the loss -----------------------------------------------------------------------------------


def test_loss_is_that_of_a_loop_over_groups(same_noise):
    model = small()
    recon, style_kl, class_kl = terms_by_hand(model, X, GROUP, same_noise)
    terms = mlvae.loss(model, X, GROUP, sigma=SIGMA)
    assert_terms(terms, recon.mean(), style_kl.mean(), sum(class_kl.values()) / len(X))


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("std", [0.1, 1.0])
def test_seed_loss_is_that_of_a_loop_over_groups(std, detached, same_noise):
    model = small()
    recon, style_kl, class_kl = terms_by_hand(model, X, GROUP, same_noise, std)
    terms = mlvae.loss(model, X, GROUP, std, detached, "picture", SIGMA)
    a_picture = torch.stack([class_kl[g] for g in GROUP.tolist()]).mean()
    assert_terms(terms, recon.mean(), style_kl.mean(), a_picture)


def test_seed_loss_is_784_times_what_the_seed_prints(same_noise):
    """Its own words: MSE, a mean over all values, plus both KL sums over batch times pixels."""
    model, n_pixels = small(), X[0].numel()
    style, member = model.encode(X)
    recon, style_kl, class_kl = terms_by_hand(model, X, GROUP, same_noise, 0.1, 0.5**0.5)
    kl = style_kl.sum() + sum(class_kl[g] for g in GROUP.tolist())
    squares = recon.sum()  # at sigma^2 = 0.5 the Gaussian's factor 1 / (2 sigma^2) is 1
    theirs = squares / (len(X) * n_pixels) + kl / (len(X) * n_pixels)
    terms = mlvae.loss(model, X, GROUP, **SOURCE)
    torch.testing.assert_close(terms["loss"], n_pixels * theirs, rtol=1e-4, atol=0)
    x_hat = _seeds_pictures(model, style, member, same_noise)
    mse = F.mse_loss(x_hat, X)
    torch.testing.assert_close(terms["recon"], n_pixels * mse, rtol=1e-4, atol=0)


def _seeds_pictures(model, style, member, noise):
    z = style[0] + (0.5 * style[1]).exp() * noise(style[0])
    evidence = evidence_by_hand(model, X, GROUP)
    eps = noise(torch.zeros(6, 4).double())
    codes = [evidence[g].mean + 0.1 * evidence[g].stddev * eps[g] for g in GROUP.tolist()]
    return model.decoder(torch.cat([z, torch.stack(codes).float()], 1)).sigmoid()


@pytest.mark.parametrize("n", [2, 8])
def test_the_class_kl_is_paid_once_a_group_the_sources_once_a_picture(n):
    model, x = small(1), X[:n]
    group = torch.zeros(n).long()
    ours = mlvae.loss(model, x, group)["class_kl"]
    theirs = mlvae.loss(model, x, group, **SOURCE)["class_kl"]
    torch.testing.assert_close(theirs, n * ours)
    (q,) = evidence_by_hand(model, x, group).values()
    expected = kl_divergence(q, Normal(torch.zeros(()).double(), 1.0)).sum().item()
    assert ours.item() * n == pytest.approx(expected, rel=1e-4)


def test_a_missing_group_costs_nothing():
    few, many = small(6), small(6)
    many.n_groups = 40
    assert mlvae.loss(few, X, GROUP)["class_kl"] == mlvae.loss(many, X, GROUP)["class_kl"]


def test_groups_share_one_draw_of_the_class_code():
    """With no style, two pictures of a group are decoded alike; of two groups, they are not."""
    model, shown = small(), []
    with torch.no_grad():
        model.decoder[0].weight[:, :3] = 0
    decode = model.decode
    model.decode = lambda *codes: shown.append(decode(*codes)) or shown[-1]
    mlvae.loss(model, X, GROUP)
    mlvae.loss(model, X, GROUP, **SOURCE | {"std": 1.0})
    for x_hat in shown:
        assert torch.equal(x_hat[0], x_hat[2]) and torch.equal(x_hat[1], x_hat[5])
        assert (x_hat[0] - x_hat[1]).abs().max() > 1e-3
    assert (shown[0][0] - shown[1][0]).abs().max() > 1e-3, "the noise is drawn anew"


CLASS_HEADS = ("class_mu", "class_logvar")
TRAINED = {
    "mended": (lambda m: mlvae.loss(m, X, GROUP), True),
    "the source's": (lambda m: mlvae.loss(m, X, GROUP, **SOURCE), False),
    "not detached": (lambda m: mlvae.loss(m, X, GROUP, paid="picture"), True),
}


@pytest.mark.parametrize("name", TRAINED)
def test_whether_a_gradient_reaches_the_class_heads(name):
    model, (objective, reached) = small(), TRAINED[name]
    objective(model)["loss"].backward()
    for head in mlvae.HEADS:
        gradients = [p.grad for p in model.heads[head].parameters()]
        if head in CLASS_HEADS and not reached:
            assert gradients == [None, None]
        else:
            assert all(g.abs().max() > 1e-4 for g in gradients)


def test_the_reconstruction_alone_trains_the_class_heads():
    model = small()
    mlvae.loss(model, X, GROUP)["recon"].backward()
    assert all(model.heads[h].weight.grad.abs().max() > 1e-4 for h in CLASS_HEADS)


# ---- training and bad input ---------------------------------------------------------------------


def digits(n=100):
    return data.load("mnist", n=n)[:2]


RECIPES = {
    "mended": lambda x, y: mlvae.recipe(x, y, 3, 4, hidden=32, batch=50),
    "not detached": lambda x, y: mlvae.recipe(x, y, 3, 4, 32, paid="picture", batch=50),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_learns_and_the_loss_falls(name):
    step, batches = RECIPES[name](*digits())
    assert untrained(step, batches) == []
    history = loop.fit(step, batches, epochs=20, progress=False)
    assert history.loss.iloc[-1] < 0.9 * history.loss.iloc[0]


@pytest.mark.parametrize("paid", ["group", "picture"])
@pytest.mark.parametrize(("std", "detached"), [(0.1, True), (1.0, True), (1.0, False)])
def test_the_recipe_hands_its_settings_to_the_loss(std, detached, paid, same_noise):
    step, _ = mlvae.recipe(*digits(), std=std, detached=detached, paid=paid)
    model, (x, y) = awake(step.model), digits()
    x = data.pixels(x)
    terms, expected = step.loss(model, x, y), mlvae.loss(model, x, y, std, detached, paid)
    assert terms["loss"] == expected["loss"]
    assert terms["loss"] != mlvae.loss(model, x, y, 0.5, detached, paid)["loss"]
    assert terms["class_kl"].requires_grad == (not detached)


def test_with_the_gradient_cut_it_does_not_matter_how_often_the_kl_is_paid():
    """The same weights after training, to the last bit; with the gradient they differ."""
    ends = {}
    for detached in (True, False):
        for paid in ("group", "picture"):
            torch.manual_seed(0)
            step, batches = mlvae.recipe(
                *digits(), hidden=16, detached=detached, paid=paid, batch=50
            )
            loop.fit(step, batches, 2, progress=False)
            ends[detached, paid] = torch.cat([p.flatten() for p in step.model.parameters()])
    assert torch.equal(ends[True, "group"], ends[True, "picture"])
    assert not torch.equal(ends[False, "group"], ends[False, "picture"])


def test_one_picture_a_group_is_its_own_evidence(same_noise):
    model, group = small(8), torch.tensor([6, 3, 1, 0, 7, 2, 5, 4])
    mu, logvar = model.evidence(X, group)
    assert torch.equal(mu[group], model.encode(X)[1][0])
    assert torch.equal(logvar[group], model.encode(X)[1][1])
    recon, style_kl, class_kl = terms_by_hand(model, X, group, same_noise)
    terms = mlvae.loss(model, X, group, sigma=SIGMA)
    assert_terms(terms, recon.mean(), style_kl.mean(), sum(class_kl.values()) / 8)


BAD = {
    "no group": (
        torch.tensor([3, 0, 3, -1, 1, 0, -1, 5]),
        r"picture 3 has group -1.*\(2 have none",
    ),
    "out of range": (torch.tensor([3, 0, 3, 5, 6, 0, 3, 5]), "picture 4 has group 6; .* 0 to 5"),
    "too few": (GROUP[:7], r"8 pictures and group labels of shape \(7,\)"),
    "a column": (GROUP[:, None], r"8 pictures and group labels of shape \(8, 1\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_groups_are_said(name):
    group, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        small().evidence(X, group)
    if name == "out of range":
        mlvae.recipe((255 * X).byte(), group, hidden=4)  # there they are seven groups
    else:
        with pytest.raises(ValueError, match=message):
            mlvae.recipe((255 * X).byte(), group)


def test_the_eleventh_of_ten_groups_is_said():
    y = torch.tensor([0, 10, 9])
    with pytest.raises(ValueError, match="picture 1 has group 10; groups are 0 to 9"):
        mlvae.MLVAE(hidden=4).evidence(torch.rand(3, 1, 28, 28), y)


@pytest.mark.parametrize("label", [0, 3])
def test_one_class_only_is_trained(label):
    x, y = digits()
    x = x[y == label]
    step, batches = mlvae.recipe(x, torch.full((len(x),), label), 3, 4, 16, lr=1e-2, batch=4)
    history = loop.fit(step, batches, epochs=25, progress=False)
    assert step.model.n_groups == label + 1
    assert history.loss.iloc[-1] < 0.8 * history.loss.iloc[0]
