"""Measurements of holes: the named quadrants are what is given."""

import torch
from conftest import awake

from course_lib import data
from course_lib.evaluation import holes, likelihood
from course_lib.models import completion

X = data.pixels(data.load("mnist", n=5).x).round()
LEFT = ["upper left", "lower left"]


def test_likelihood_and_bound_are_those_of_the_pixels_outside_the_named_quadrants():
    model = awake(completion.Completer(3, 8, 16, 16), 0.1)
    c = model.given(X, completion.quadrants(*LEFT))
    for ours, theirs in (
        (holes.log_likelihood, likelihood.log_likelihood),
        (holes.bound, likelihood.bound),
    ):
        torch.manual_seed(2)
        result = ours(model, X, LEFT, 20)
        torch.manual_seed(2)
        torch.testing.assert_close(result, theirs(model, X, c, 20))
        assert not result.requires_grad and result.shape == (5,)
    changed = X.clone()
    changed[..., 14:] = 1 - changed[..., 14:]
    assert (holes.log_likelihood(model, changed, LEFT, 20) - result).abs().min() > 0.3


def test_the_baselines_loss_counts_the_missing_half():
    model = awake(completion.Guess(16))
    result = holes.guess_nll(model, X, LEFT)
    with torch.no_grad():
        logits = model(completion.shown(X, completion.quadrants(*LEFT)))
    pixels = torch.distributions.Bernoulli(logits=logits).log_prob(X)
    torch.testing.assert_close(result, -pixels[..., 14:].flatten(1).sum(1))
