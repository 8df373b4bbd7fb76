"""Notebook 02, the VAE."""

import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch.distributions import Normal, kl_divergence


def normal(mu, logvar):
    return Normal(mu.double(), logvar.double().exp().sqrt())


def kl(mu_q, logvar_q, mu_p, logvar_p):
    return kl_divergence(normal(mu_q, logvar_q), normal(mu_p, logvar_p)).sum(1)


def sigma_of_weight(weight, n_pixels):
    # MSE + w KL, times n / (2 sigma^2), has the KL once: w n = 2 sigma^2.
    return (weight * n_pixels * 0.5) ** 0.5


def sample(mu, logvar, eps):
    return mu + torch.sqrt(torch.exp(logvar.double())) * eps


def loss(model, x, sigma):
    mu, logvar = model.encode(x)
    x_hat, n_pixels = model.decode(mu), x[0].numel()
    error = (x - x_hat).double().square().flatten(1).sum(1).mean()
    constant = n_pixels * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    return {
        "recon": error / (2 * sigma**2) + constant,
        "kl": kl(mu, logvar, torch.zeros_like(mu), torch.zeros_like(mu)).mean(),
    }


def squared_errors(model, x):
    copies = model.decode(model.encode(x)[0])
    return [((a.double() - b.double()) ** 2).mean() for a, b in zip(x, copies, strict=True)]


def like(z, eps):
    covariance = np.cov(z.double().numpy(), rowvar=False)
    values, vectors = np.linalg.eigh(covariance)  # another root than Cholesky's
    return z.double().mean(0).numpy() + eps.double().numpy() @ (vectors * values**0.5).T


def probe(z, y, z_test):
    z, z_test = z.double().numpy(), z_test.double().numpy()
    mean, deviation = z.mean(0), z.std(0, ddof=1)
    model = LogisticRegression(max_iter=1000).fit((z - mean) / deviation, y.numpy())
    return model.decision_function((z_test - mean) / deviation)


def active_units(mu, threshold=0.01):
    return sum(column.var(ddof=1) > threshold for column in mu.double().numpy().T)


def attribute_vector(z, has):
    rows = z.double().tolist()
    means = [np.mean([r for r, h in zip(rows, has, strict=True) if h == k], 0) for k in (1, 0)]
    return means[0] - means[1]


def walk(first, last, n):
    return np.linspace(first.double().numpy(), last.double().numpy(), n)


def mean_and_covariance(made):
    """Of a map of codes, from what it gives for 0, for each unit vector, and for some more: any
    root of the covariance is right, so the root itself is not compared."""
    start, ends = made[0], made[1:5]
    return torch.cat([start[None], (ends - start).T @ (ends - start)])


def standardised(scores):
    """Scores of a probe say an order and distances, whatever their scale."""
    return (scores - scores.mean()) / scores.std()


# What is compared of a part, where it is not the value itself; and how closely.
COMPARED = {"like": mean_and_covariance, "probe": standardised}
TOLERANCE = {"probe": 0.03}


def with_wrong_logvar(mu_q, logvar_q, mu_p, logvar_p):
    return kl(mu_q, 2 * logvar_q, mu_p, 2 * logvar_p)


MISTAKES = {
    "kl": {
        "logvar is taken for log sigma: a variance for a deviation": with_wrong_logvar,
        "q and p are swapped": lambda mu_q, s_q, mu_p, s_p: kl(mu_p, s_p, mu_q, s_q),
        "the sum is a mean": lambda *q_and_p: kl(*q_and_p) / q_and_p[0].shape[1],
    },
    "sigma_of_weight": {"the root is missing": lambda w, n: w * n / 2},
    "sample": {
        "a variance is taken for a standard deviation": lambda m, s, e: m + s.exp() * e,
        "logvar is taken for the standard deviation itself": lambda m, s, e: m + s * e,
    },
    "loss": {
        "the sum over pixels is a mean": lambda m, x, s: {
            k: v / (x[0].numel() if k == "recon" else 1) for k, v in loss(m, x, s).items()
        },
        "the constant of the Gaussian is missing": lambda m, x, s: (
            loss(m, x, s)
            | {"recon": torch.as_tensor(squared_errors(m, x)).mean() * x[0].numel() / (2 * s**2)}
        ),
    },
    "attribute_vector": {"with and without are swapped": lambda z, h: -attribute_vector(z, h)},
    "active_units": {
        "a deviation is compared, and the threshold is one of variances": lambda mu, t=0.01: int(
            (mu.std(0) > t).sum()
        )
    },
}
