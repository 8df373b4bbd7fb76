"""Work that is done at once or one by one: a group's evidence, importance sampling, faces; and what
opening a prepared set costs."""

import math
import os
import tempfile
from unittest.mock import patch

import torch
import torch.nn.functional as F

from benchmarks import made_set
from benchmarks.rounds import DEVICE
from course_lib import data
from course_lib.data.faces import render
from course_lib.data.faces.factors import sample_factors
from course_lib.evaluation import likelihood
from course_lib.models import cvae, gaussian, importance


def evidence(n=256, groups=10, dim=10):
    """The product of Gaussians of each group of a batch: by ML-VAE's function, and as a loop over
    pictures."""
    mu, logvar = torch.randn(2, n, dim, device=DEVICE)
    group = torch.arange(n, device=DEVICE) % groups

    def at_once():
        for _ in range(100):
            gaussian.product(mu, logvar, group, groups)

    def one_by_one():
        for _ in range(100):
            precision, weighted = torch.zeros(2, groups, dim, device=DEVICE)
            for m, v, g in zip(mu, logvar, group.tolist(), strict=True):
                precision[g] += (-v).exp()
                weighted[g] += m * (-v).exp()

    return at_once, one_by_one, 100 * n


def sampling(n=10, n_samples=1000):
    """log p(x) of digits with 1,000 samples each: by our function, in blocks that fit the cache,
    and by a loop that takes a picture and all its samples at a time."""
    digits, labels, *_ = data.load("mnist", "test", n)
    x, c = data.pixels(digits).round().to(DEVICE), F.one_hot(labels, 10).float().to(DEVICE)
    model = cvae.small().to(DEVICE)

    def in_blocks():
        likelihood.log_likelihood(model, x, c, n_samples)

    @torch.no_grad()
    def one_by_one():
        for x_one, c_one in zip(x.split(1), c.split(1), strict=True):
            weights = importance.log_weights(model, x_one, c_one, n_samples)
            weights.logsumexp(1) - math.log(n_samples)

    return in_blocks, one_by_one, n


def faces(n=256):
    """Rendered portraits, in chunks and one by one."""
    people = sample_factors(n, seed=0)

    def in_chunks():
        render.render(people)

    def one_by_one():
        for one in people.split(1):
            render.render(one)

    return in_chunks, one_by_one, n


def opening(n=200_000):
    """data.load of a prepared set of n pictures, and of one of a hundredth of them, which takes as
    long: nothing is read before it is used."""
    folder = tempfile.TemporaryDirectory()
    cache = patch.dict(os.environ, COURSE_CACHE=folder.name)
    with cache:
        large, small = made_set.make("large", n), made_set.make("small", n // 100)

    def opened(name, kept=folder):  # the folder is there as long as this function
        with cache:
            data.load(name)

    return lambda: opened(large), lambda: opened(small), 1
