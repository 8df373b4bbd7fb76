"""Filling holes: masks, what is given, the bound of the missing pixels, and the baseline."""

import itertools

import pytest
import torch
from conftest import awake, untrained
from torch.distributions import Bernoulli

from course_lib import data
from course_lib.evaluation import likelihood
from course_lib.models import completion, iwae
from course_lib.training import loop

X = data.load("mnist", n=64).x
WAYS = [w for n in (1, 2, 3) for w in itertools.combinations(completion.CORNERS, n)]
PLACES = dict(zip(completion.CORNERS, [(0, 0), (0, 14), (14, 0), (14, 14)], strict=True))


def completer():
    return awake(completion.Completer(z_dim=3, seen=8, seeing=16, width=16), 0.1)


def pairs(n=6):
    """Binary pictures, and masks that differ from picture to picture."""
    x = data.pixels(X[:n]).round()
    return x, torch.cat([completion.quadrants(*way) for way in WAYS[:: len(WAYS) // n][:n]])


def nll_of_missing(x, mask, logits):
    terms = -Bernoulli(logits=logits, validate_args=False).log_prob(x)
    return torch.stack([t[m == 0].sum() for t, m in zip(terms, mask, strict=True)])


# ---- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", WAYS, ids=" + ".join)
def test_a_mask_is_one_on_the_named_quadrants(given):
    expected = torch.zeros(28, 28)
    for name in given:
        top, left = PLACES[name]
        expected[top : top + 14, left : left + 14] = 1
    mask = completion.quadrants(*given)
    assert mask.shape == (1, 1, 28, 28) and torch.equal(mask[0, 0], expected)


def test_corners_are_called_by_their_names():
    assert completion.quadrants(*completion.CORNERS).all() and not completion.quadrants().any()
    with pytest.raises(ValueError, match=r"no quadrant is called \['bottom left'\]; there are"):
        completion.quadrants("upper left", "bottom left")


def kinds(masks):
    """Of masks (n, 1, 28, 28), which of WAYS each one is, (n, 14) True or False."""
    ways = torch.stack([completion.quadrants(*way)[0, 0] for way in WAYS])
    return (masks == ways).flatten(2).all(2)


def test_half_of_the_masks_are_the_published_ones_and_every_way_is_chosen():
    masks = completion.random_masks(28_000, torch.device("cpu"))
    assert masks.shape == (28_000, 1, 28, 28) and set(masks.unique().tolist()) == {0.0, 1.0}
    share = kinds(masks).float().mean(0)
    for way, result in zip(WAYS, share.tolist(), strict=True):
        published = set(way) in map(set, completion.PUBLISHED.values())
        expected = 1 / 4 / 14 + published / 6
        assert 0.8 * expected < result < 1.2 * expected


def test_as_many_quadrants_are_given_as_are_published():
    assert {n: len(way) for n, way in completion.PUBLISHED.items()} == {1: 1, 2: 2, 3: 3}
    assert completion.quadrants(*completion.PUBLISHED[2])[..., :14].all()
    assert not completion.quadrants(*completion.PUBLISHED[3])[..., 14:, 14:].any()


def test_the_other_masks_have_one_rectangular_hole_anywhere():
    masks = completion.random_masks(8000, torch.device("cpu"))
    holes = 1 - masks[~kinds(masks).any(1), 0]
    assert 1700 < len(holes) < 2200
    rows, columns = holes.amax(2), holes.amax(1)
    assert torch.equal(holes, rows[:, :, None] * columns[:, None, :])  # an outer product
    for side in (rows, columns):
        assert side.sum(1).min() == 7 and side.sum(1).max() == 28
        assert (side.diff(dim=1) == 1).sum(1).max() <= 1, "in one piece"
        assert side.mean(0).min() > 0.1, "every place is hidden now and then"


def test_what_is_shown_is_the_given_part_and_zeros():
    x, mask = torch.rand(3, 1, 28, 28), completion.quadrants("upper right")
    part = completion.shown(x, mask).view(3, 28, 28)
    torch.testing.assert_close((part[:, :14, 14:] + 1) / 2, x[:, 0, :14, 14:])
    assert not part[:, 14:].any() and not part[:, :14, :14].any()
    ends = completion.shown(torch.tensor([0.0, 1.0]).expand(1, 1, 28, 2).repeat(1, 1, 1, 14), mask)
    assert set(ends.unique().tolist()) == {-1.0, 0.0, 1.0}, "black is not as unknown as missing"


# ---- the CVAE -----------------------------------------------------------------------------------


def test_only_missing_pixels_count(monkeypatch):
    model, (x, mask) = completer(), pairs()
    c, logits = model.given(x, mask), 2 * torch.randn(6, 1, 28, 28)
    monkeypatch.setattr(model, "decode", lambda z, c: logits)
    result = model.log_px(x, None, c)
    torch.testing.assert_close(result, -nll_of_missing(x, mask, logits))
    logits = torch.where(mask == 1, 7.0, logits)
    assert torch.equal(model.log_px(x, None, c), result)
    logits = torch.where(mask == 0, logits + 0.5, logits)
    assert (model.log_px(x, None, c) - result).abs().min() > 1


def test_missing_pixels_reach_the_posterior_alone():
    model, (x, mask) = completer(), pairs()
    other = torch.where(mask == 1, x, 1 - x)
    c = model.given(x, mask)
    assert torch.equal(c, model.given(other, mask))
    assert (model.encode(x, c)[0] - model.encode(other, c)[0]).abs().min() > 1e-4
    moved = model.given(1 - x, mask)
    assert (model.prior(c)[0] - model.prior(moved)[0]).abs().min() > 1e-5
    z = torch.zeros(6, 3)
    assert (model.decode(z, c) - model.decode(z, moved)).flatten(1).abs().amax(1).min() > 1e-3


def test_the_posterior_is_a_residual_on_the_prior():
    model, (x, mask) = completer(), pairs()
    c = model.given(x, mask)
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].bias.copy_(torch.tensor([1.0, 2.0, 3.0, 0.1, 0.2, 0.3]))
    (mu, logvar), (mu_p, logvar_p) = model.encode(x, c), model.prior(c)
    torch.testing.assert_close(mu - mu_p, torch.tensor([1.0, 2.0, 3.0]).expand(6, 3))
    torch.testing.assert_close(logvar - logvar_p, torch.tensor([0.1, 0.2, 0.3]).expand(6, 3))
    assert logvar_p.std() > 1e-3


def test_the_loss_is_the_bound_of_drawn_pictures_under_drawn_masks():
    model, grey = completer(), data.pixels(X[:12])
    torch.manual_seed(4)
    result = completion.loss(model, grey, 3)
    torch.manual_seed(4)
    x = torch.bernoulli(grey)
    mask = completion.random_masks(12, x.device)
    expected = iwae.loss(model, x, model.given(x, mask), 3)
    assert result == expected and set(x.unique().tolist()) == {0.0, 1.0}


def test_the_likelihood_is_above_the_bound_and_below_0():
    model, (x, mask) = completer(), pairs()
    c = model.given(x, mask)
    bound, result = likelihood.bound(model, x, c, 500), likelihood.log_likelihood(model, x, c, 500)
    assert (bound < result).all() and (result < 0).all()


def test_when_all_is_given_no_pixel_is_left_to_be_modelled():
    """log p of no pixels is 0: the weights p(z|c) / q(z|x, c) have the mean 1."""
    model, x = completer(), data.pixels(X[:4]).round()
    with torch.no_grad():
        model.encoder[-1].weight.mul_(0.1)
        model.encoder[-1].bias.fill_(0.3)
    c = model.given(x, torch.ones_like(x))
    result = likelihood.log_likelihood(model, x, c, 5000)
    torch.testing.assert_close(result, torch.zeros(4), atol=0.05, rtol=0)
    assert (likelihood.bound(model, x, c, 500) < -0.05).all()


@pytest.mark.parametrize("kind", ["CVAE", "baseline"])
def test_what_is_given_stays_and_the_rest_is_generated(kind):
    model = completer() if kind == "CVAE" else awake(completion.Guess(16))
    x, mask = pairs()
    torch.manual_seed(3)
    filled = completion.fill(model, x, mask)
    torch.manual_seed(3)
    generated = model.generate(model.given(x, mask))
    assert torch.equal(filled[mask == 1], x[mask == 1])
    assert torch.equal(filled[mask == 0], generated[mask == 0])
    assert 0 < generated.min() and generated.max() < 1 and generated.std() > 0.01
    again = completion.fill(model, x, mask)
    assert torch.equal(again, filled) == (kind == "baseline"), "the CVAE has many answers"


# ---- the baseline, and every recipe -------------------------------------------------------------


def test_the_baselines_likelihood_by_hand():
    model, (x, mask) = awake(completion.Guess(16)), pairs()
    with torch.no_grad():
        expected = nll_of_missing(x, mask, model.net(completion.shown(x, mask)).view_as(x))
        torch.testing.assert_close(completion.guess_nll(model, x, mask), expected)


def test_the_baseline_learns_from_grey_and_binary_pictures(monkeypatch):
    model, grey, seen = awake(completion.Guess(16)), data.pixels(X), []

    def nll(model, x, mask):
        seen.append(x)
        return x.flatten(1).sum(1)

    monkeypatch.setattr(completion, "guess_nll", nll)
    result = completion.guess_loss(model, grey)["loss"]
    binary = torch.stack([((x == 0) | (x == 1)).all() for x in seen[0]])
    assert 16 < binary.sum() < 48 and torch.equal(seen[0][~binary], grey[~binary])
    assert result == seen[0].flatten(1).sum(1).mean()


RECIPES = {
    "CVAE": lambda: completion.recipe(X, 20, 3, 0.5, 3, 8, 16, 32, batch=32, ema=0.5, bf16=False),
    "baseline": lambda: completion.guess_recipe(X, 20, 32, batch=32, ema=0.5),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_learns_and_the_loss_falls(name):
    step, batches = RECIPES[name]()
    loop.set_training(step, True)
    assert untrained(step, batches) == []
    step, batches = RECIPES[name]()
    before = completion.held_out(step.model.eval(), X)["test loss"]
    loop.fit(step, batches, epochs=20, progress=False)
    assert completion.held_out(step.model, X)["test loss"] < before - 3
    assert completion.held_out(step.best, X) == completion.held_out(step.best, X)
