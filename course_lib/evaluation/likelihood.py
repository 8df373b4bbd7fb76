"""How likely are pictures under a model with latent variables? Always nats per image, B values.

By one importance sampler, models.importance, for flat and hierarchical models. c is what is given,
(B, c_dim); c_dim may be 0, and a hierarchical model is given nothing.
"""

import math

import torch

from course_lib.models import gaussian
from course_lib.models.importance import infer, log_weights


@torch.no_grad()
def log_likelihood(model, x, c=None, n_samples=5000, rows=None):
    """log p(x|c) by importance sampling with n_samples samples of z, (B,).

    In the mean it lies below log p(x|c), and rises to it with n_samples (Burda et al. 2016). rows:
    pictures decoded at once; the default fits a CPU's cache or fills a GPU.
    """
    return _reduced(model, x, c, n_samples, torch.logsumexp, rows) - math.log(n_samples)


@torch.no_grad()
def bound(model, x, c=None, n_particles=1):
    """The evidence lower bound, a mean over n_particles samples, (B,). It is not log p(x|c)."""
    return _reduced(model, x, c, n_particles, torch.sum) / n_particles


def _reduced(model, x, c, n_samples, reduce, rows=None):
    """reduce(log_weights, 1) over any number of samples, in blocks of `rows` decoded pictures."""
    rows = rows or (500 if x.device.type == "cpu" else 100_000)
    c = x.new_zeros(len(x), 0) if c is None else c
    size, estimates = max(1, rows // 10), []
    for x_part, c_part in zip(x.split(size), c.split(size), strict=True):
        inferred = infer(model, x_part, c_part)  # once, for all blocks
        blocks = [
            reduce(log_weights(model, x_part, c_part, n, inferred), 1)
            for n in block_sizes(n_samples, max(1, rows // len(x_part)))
        ]
        estimates.append(reduce(torch.stack(blocks, 1), 1))
    return torch.cat(estimates)


def block_sizes(n, largest):
    """Sizes up to `largest` that add up to n, the smaller one last."""
    return [min(largest, n - begin) for begin in range(0, n, largest)]


@torch.no_grad()
def on_grid(model, x, c, side=400, reach=5.0):
    """log p(x|c) by summing over a grid of a two-dimensional z, (B,); no samples, no proposal.

    Only for a prior N(0, I). c must be the same in all rows: the grid is decoded once for all.
    """
    if model.z_dim != 2 or not bool((c == c[:1]).all()):
        raise ValueError("on_grid needs a model with z_dim = 2 and one c for all pictures")
    if any(bool(t.any()) for t in model.prior(c[:1])):
        raise ValueError("on_grid is for a prior N(0, I); this model's is another, use samples")
    line = torch.linspace(-reach, reach, side, device=x.device)
    total = torch.full((len(x),), -math.inf, device=x.device)
    for z1 in line:
        z = torch.stack([z1.expand(side), line], 1)
        log_pz = gaussian.log_prob(z, 0.0, 0.0) + 2 * math.log(2 * reach / (side - 1))
        log_px = model.log_px_table(x, z, c[:1].expand(side, -1))
        total = torch.logaddexp(total, (log_px + log_pz).logsumexp(1))
    return total
