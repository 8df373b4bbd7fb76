"""How likely are pictures under a model with latent variables? Always nats per image, B values.

A model here has encode(x, c) and prior(c), each (mu, logvar) of shape (B, z_dim), and
log_px(x, z, c), shape (B,): log p(x|z, c). c is what is given, (B, c_dim); c_dim may be 0.
"""

import math

import torch

from course_lib import gaussian


def log_weights(model, x, c, n_samples):
    """log [p(x, z|c) / q(z|x, c)] at n_samples draws z ~ q(z|x, c), shape (B, n_samples)."""
    return _weights(model, x, c, (*model.encode(x, c), *model.prior(c)), n_samples)


def _weights(model, x, c, gaussians, n_samples):
    """log_weights, given mu and logvar of q(z|x, c) and of p(z|c)."""
    x_each, c_each, mu, logvar, prior_mu, prior_logvar = (
        t.repeat_interleave(n_samples, 0) for t in (x, c, *gaussians)
    )
    z = gaussian.sample(mu, logvar)
    gap = gaussian.log_prob(z, prior_mu, prior_logvar) - gaussian.log_prob(z, mu, logvar)
    return (model.log_px(x_each, z, c_each) + gap).view(len(x), n_samples)


@torch.no_grad()
def bound(model, x, c, n_particles=1):
    """The evidence lower bound, a mean over n_particles draws, (B,). It is not log p(x|c)."""
    return _blocks(model, x, c, n_particles, torch.sum) / n_particles


@torch.no_grad()
def log_likelihood(model, x, c, n_samples=5000):
    """log p(x|c) by importance sampling with n_samples draws, (B,).

    In the mean it lies below log p(x|c), and rises to it with n_samples (Burda et al. 2016).
    """
    return _blocks(model, x, c, n_samples, torch.logsumexp) - math.log(n_samples)


def _blocks(model, x, c, n_samples, reduce):
    """reduce(log_weights, 1) over any number of draws, in blocks that fit a CPU's cache."""
    rows = 500 if x.device.type == "cpu" else 100_000
    found = []
    for part, given in zip(x.split(rows // 10), c.split(rows // 10), strict=True):
        each = max(1, rows // len(part))
        sizes = [each] * (n_samples // each) + [n_samples % each] * (n_samples % each > 0)
        both = *model.encode(part, given), *model.prior(given)  # once, for all blocks
        blocks = [reduce(_weights(model, part, given, both, size), 1) for size in sizes]
        found.append(reduce(torch.stack(blocks, 1), 1))
    return torch.cat(found)


@torch.no_grad()
def on_grid(model, x, c, side=400, reach=5.0):
    """log p(x|c) by summing over a grid of a two-dimensional z, (B,); no draws, no proposal.

    Only for a prior N(0, I). c must be the same in all rows: the grid is decoded once for all.
    """
    if model.z_dim != 2 or not bool((c == c[:1]).all()):
        raise ValueError("on_grid needs a model with z_dim = 2 and one c for all pictures")
    if any(bool(t.any()) for t in model.prior(c[:1])):
        raise ValueError("on_grid is for a prior N(0, I); this model's is another, use draws")
    line = torch.linspace(-reach, reach, side, device=x.device)
    total = torch.full((len(x),), -math.inf, device=x.device)
    for z1 in line:
        z = torch.stack([z1.expand(side), line], 1)
        log_pz = gaussian.log_prob(z, 0.0, 0.0) + 2 * math.log(2 * reach / (side - 1))
        fit = model.log_px_table(x, z, c[:1].expand(side, -1))
        total = torch.logaddexp(total, (fit + log_pz).logsumexp(1))
    return total
