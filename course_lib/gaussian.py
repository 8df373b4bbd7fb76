"""Gaussian algebra and pixel likelihoods: every formula of the course, once.

A Gaussian is (mu, logvar), logvar = log sigma^2. Everything is summed over all dimensions but the
first, so a result has shape (B,) and its unit is nats per image. Losses take the mean over B.
"""

import math

import torch
import torch.nn.functional as F

LOG_2PI = math.log(2 * math.pi)


def sample(mu, logvar):
    """z = mu + sigma * eps, eps ~ N(0, I): the reparameterised draw, the shape of mu."""
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)


def kl_per_dim(mu_q, logvar_q, mu_p=0.0, logvar_p=0.0):
    """KL( N(mu_q, var_q) || N(mu_p, var_p) ) of every dimension, the shape of mu_q, nats.

    The default p is N(0, I). Kingma & Welling 2014, appendix B, for a general p.
    """
    mu_p, logvar_p = (torch.as_tensor(t).to(mu_q) for t in (mu_p, logvar_p))
    # expm1 keeps the KL of two nearly equal Gaussians from drowning in float32 rounding.
    spread = torch.expm1(logvar_q - logvar_p) - (logvar_q - logvar_p)
    return 0.5 * (spread + (mu_q - mu_p).square() * (-logvar_p).exp())


def kl(mu_q, logvar_q, mu_p=0.0, logvar_p=0.0):
    """KL( N(mu_q, var_q) || N(mu_p, var_p) ), shape (B,), nats. The default p is N(0, I)."""
    return kl_per_dim(mu_q, logvar_q, mu_p, logvar_p).flatten(1).sum(1)


def log_prob(x, mu, logvar):
    """log N(x; mu, sigma^2), shape (B,), nats (a density, so it may be positive)."""
    mu, logvar = (torch.as_tensor(t).to(x) for t in (mu, logvar))
    terms = LOG_2PI + logvar + (x - mu).square() * (-logvar).exp()
    return -0.5 * terms.flatten(1).sum(1)


def bernoulli_nll(x, logits):
    """-log Bernoulli(x; sigmoid(logits)), shape (B,), nats, for x in {0, 1}."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)


def squared_error(x, x_hat):
    """||x - x_hat||^2, shape (B,), in squared pixel units of the scale of x."""
    return (x - x_hat).square().flatten(1).sum(1)


def sigma_of_weight(kl_weight, n_pixels):
    """The sigma for which `mean squared error + kl_weight * KL` is a negative ELBO.

    Multiply that sum by n_pixels / (2 sigma^2): the squared error gets its Gaussian factor, and the
    KL its factor 1 exactly when sigma^2 = kl_weight * n_pixels / 2. The unit is that of the pixels.
    """
    return math.sqrt(kl_weight * n_pixels / 2)
