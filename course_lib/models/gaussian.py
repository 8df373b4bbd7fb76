"""Gaussian algebra and pixel likelihoods: every formula of the course, once.

A Gaussian is (mu, logvar), logvar = log sigma^2. Everything is summed over all dimensions but the
first, so a result has shape (B,) and its unit is nats per image. Losses take the mean over B.
"""

import math

import torch
import torch.nn.functional as F

LOG_2PI = math.log(2 * math.pi)


def sample(mu, logvar, std=1.0):
    """z = mu + sigma * eps, eps ~ N(0, std^2 I): the reparameterised sample, the shape of mu."""
    return mu + std * (0.5 * logvar).exp() * torch.randn_like(mu)


def moment_matched(z, eps):
    """Samples (N, D) with the mean and covariance of the rows of z (M, D), from eps ~ N(0, I)."""
    ### BEGIN ANSWER 2.4
    cov = z.T.cov().view(z.shape[1], -1)  # torch gives a scalar for one dimension
    root = torch.linalg.cholesky(cov + 1e-6 * torch.eye(z.shape[1], device=z.device))
    return z.mean(0) + eps @ root.T
    ### END ANSWER


def kl_per_dim(mu_q, logvar_q, mu_p=0.0, logvar_p=0.0):
    """KL( N(mu_q, var_q) || N(mu_p, var_p) ) of every dimension, the shape of mu_q, nats.

    The default p is N(0, I). Kingma & Welling 2014, appendix B, for a general p.
    """
    ### BEGIN ANSWER 2.1
    # A number stays on the CPU: a GPU takes it along, where a copy would make the CPU wait.
    mu_p, logvar_p = (torch.as_tensor(t).to(mu_q.dtype) for t in (mu_p, logvar_p))
    # expm1 keeps the KL of two nearly equal Gaussians from drowning in float32 rounding.
    variance_term = torch.expm1(logvar_q - logvar_p) - (logvar_q - logvar_p)
    return 0.5 * (variance_term + (mu_q - mu_p).square() * (-logvar_p).exp())
    ### END ANSWER


def kl(mu_q, logvar_q, mu_p=0.0, logvar_p=0.0):
    """KL( N(mu_q, var_q) || N(mu_p, var_p) ), shape (B,), nats. The default p is N(0, I)."""
    return kl_per_dim(mu_q, logvar_q, mu_p, logvar_p).flatten(1).sum(1)


def product(mu, logvar, group, n_groups):
    """The normalised product of each group's Gaussians: mu and logvar, each (n_groups, D).

    group: (B,) int64 in 0..n_groups-1. Precisions add up; the mean is weighted by them (Bouchacourt
    et al. 2018, section 3). A group without members, which knows nothing, is N(0, I).
    """
    ### BEGIN ANSWER 4.1
    index = group[:, None].expand_as(mu)
    # Weights relative to the group's surest member: no precision is too large or small for float32.
    top = torch.full((n_groups, mu.shape[1]), -math.inf, device=mu.device, dtype=mu.dtype)
    top = top.scatter_reduce(0, index, -logvar.detach(), "amax").clamp(min=-1e30)
    weight = (-logvar - top[group]).exp()
    total = torch.zeros_like(top).index_add(0, group, weight)
    absent = total == 0
    total, top = total.masked_fill(absent, 1.0), top.masked_fill(absent, 0.0)
    return torch.zeros_like(top).index_add(0, group, weight * mu) / total, -top - total.log()
    ### END ANSWER


def log_prob(x, mu, logvar):
    """log N(x; mu, sigma^2), shape (B,), nats (a density, so it may be positive)."""
    mu, logvar = (torch.as_tensor(t).to(x.dtype) for t in (mu, logvar))
    doubled_nll = LOG_2PI + logvar + (x - mu).square() * (-logvar).exp()
    return -0.5 * doubled_nll.flatten(1).sum(1)


def coded_nll(x, mean, sigma):
    """-log of the mass of pixels x, values k / 255, under N(mean, sigma^2): the density times the
    width 1/255 of a value, shape (B,), nats.

    From a sigma of one value up these masses sum to 1 over all whole k, to eight digits, so to less
    over 0..255: nats of a code that exists (Kraft), never too few.
    """
    n_pixels = x[0].numel()
    return n_pixels * math.log(255) - log_prob(x, mean, logvar_of(sigma))


def logvar_of(sigma):
    """log sigma^2 of a number or a tensor, as a tensor."""
    return 2 * torch.as_tensor(sigma).log()


def bernoulli_nll(x, logits, counted=None):
    """-log Bernoulli(x; sigmoid(logits)), shape (B,), nats, for x in {0, 1}.

    counted: 0/1, the shape of x: only the pixels at 1 are summed.
    """
    ### BEGIN ANSWER 3.1
    nll = F.binary_cross_entropy_with_logits(logits, x, reduction="none", weight=counted)
    return nll.flatten(1).sum(1)
    ### END ANSWER


def bernoulli_nll_table(x, logits):
    """The same for every pair of a picture (B, ...) and logits (N, ...), shape (B, N)."""
    ### BEGIN ANSWER 3.1
    x, logits = x.flatten(1), logits.flatten(1)
    return F.softplus(logits).sum(1) - x @ logits.T
    ### END ANSWER


def bernoulli_entropy(p):
    """Entropy of pixels that are 1 with probability p, shape (B,), nats.

    bernoulli_nll(p, logits) of grey pixels p can fall no lower, whatever the model.
    """
    ### BEGIN SOLUTION 3.3
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)).flatten(1).sum(1)
    ### END SOLUTION


def squared_error(x, x_hat):
    """||x - x_hat||^2, shape (B,), in squared pixel units of the scale of x."""
    return (x - x_hat).square().flatten(1).sum(1)


def sigma_of_weight(kl_weight, n_pixels):
    """The sigma for which `mean squared error + kl_weight * KL` is a negative ELBO.

    Multiply that sum by n_pixels / (2 sigma^2): the squared error gets its Gaussian factor, and the
    KL its factor 1 exactly when sigma^2 = kl_weight * n_pixels / 2. The unit is that of the pixels.
    """
    ### BEGIN ANSWER 2.1
    return math.sqrt(kl_weight * n_pixels / 2)
    ### END ANSWER
