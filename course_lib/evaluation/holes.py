"""How likely are the missing pixels, given the others? Nats per image, B values.

For measure_or_load: the hole is named by the quadrants that are given, so that it can stand among
the settings of a kept measurement.
"""

import torch

from course_lib.evaluation import likelihood
from course_lib.models import completion


@torch.no_grad()
def log_likelihood(model, x, quadrants, n_samples=100):
    """log p(missing|given) of a completion.Completer by importance sampling, (B,).

    x: (B, 1, 28, 28), binary. quadrants: the names of those that are given, of
    completion.CORNERS. n_samples: of the code; 100 in Sohn, Lee & Yan, 2015.
    """
    return likelihood.log_likelihood(model, x, _given(model, x, quadrants), n_samples)


@torch.no_grad()
def bound(model, x, quadrants, n_particles=10):
    """The evidence lower bound, a mean over n_particles samples, (B,). It is not log p."""
    return likelihood.bound(model, x, _given(model, x, quadrants), n_particles)


@torch.no_grad()
def guess_nll(model, x, quadrants):
    """-log p(missing|given) of a completion.Guess, (B,); of grey pixels a cross-entropy."""
    return completion.guess_nll(model, x, completion.quadrants(*quadrants).to(x.device))


def _given(model, x, quadrants):
    return model.given(x, completion.quadrants(*quadrants).to(x.device))
