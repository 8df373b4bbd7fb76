"""log p(x|c) of flat models, for the label of each picture and for every label; nats per image.

For a code of two numbers the integral over z is a sum over a grid. For longer codes it is estimated
by importance sampling, and the samples come half from q(z|x, c) and half from the prior: where q
has missed a picture's codes, the prior's samples still find some of them.
"""

import math

import torch

from course_lib.evaluation import likelihood
from course_lib.models import gaussian

N_PICTURES = 10  # that are decoded together


@torch.no_grad()
def own_on_grid(model, x, c, side=200):
    """log p(x|c) of every picture under its own c (one-hot, or no columns), by a grid, (B,)."""
    total, label = x.new_empty(len(x)), c.argmax(1) if c.shape[1] else c.new_zeros(len(c))
    for one in label.unique():
        same = label == one
        total[same] = likelihood.on_grid(model, x[same], c[same], side)
    return total


@torch.no_grad()
def by_samples(model, x, c, n_samples=1000, rows=500):
    """log p(x|c) by importance sampling, (B,): n_samples / 2 from q and as many from the prior.

    Every sample is weighted by p(x, z|c) over the mean of the two densities (the balance heuristic,
    Veach & Guibas 1995), so no weight exceeds 2 p(x|z, c). rows: pictures decoded at once.
    """
    estimates = []
    for x_part, c_part in zip(x.split(N_PICTURES), c.split(N_PICTURES), strict=True):
        q, p = model.encode(x_part, c_part), model.prior(c_part)
        n = max(1, rows // (2 * N_PICTURES))
        blocks = [n] * (n_samples // 2 // n) + [n_samples // 2 % n]
        parts = [_log_weights(model, x_part, c_part, q, p, n) for n in blocks if n]
        estimates.append(torch.cat(parts, 1).logsumexp(1) - math.log(2 * (n_samples // 2)))
    return torch.cat(estimates)


def table_by_samples(model, x, c, n_samples=200):
    """log p(x|c') of every picture under every label c', (B, number of labels); (B, 1) without."""
    labels = torch.eye(c.shape[1], device=c.device) if c.shape[1] else c[:1]
    columns = [by_samples(model, x, one.expand(len(x), -1), n_samples) for one in labels]
    return torch.stack(columns, 1)


def _log_weights(model, x, c, q, p, n):
    """log [p(x, z|c) / r(z)] with r = (q + p) / 2, of n samples from q and n from p, (B, 2 n)."""
    x, c, *params = (t.repeat_interleave(2 * n, 0) for t in (x, c, *q, *p))
    mu, logvar, mu_p, logvar_p = params
    from_q = (torch.arange(len(x), device=x.device) % 2 == 0)[:, None]
    z = torch.where(from_q, gaussian.sample(mu, logvar), gaussian.sample(mu_p, logvar_p))
    log_q, log_p = gaussian.log_prob(z, mu, logvar), gaussian.log_prob(z, mu_p, logvar_p)
    log_r = torch.logaddexp(log_q, log_p) - math.log(2)
    return (model.log_px(x, z, c) + log_p - log_r).view(-1, 2 * n)
