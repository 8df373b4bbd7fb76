"""Importance weights of a model with latent variables, of which bound and likelihood are made.

For two kinds of model. A flat one has encode(x, c) and prior(c), each (mu, logvar) of shape (B,
z_dim), and log_px(x, z, c), shape (B,): log p(x|z, c). A hierarchical one has features(x),
top_down(features) and nll(x, parameters): see hvae.HVAE. c is what is given, (B, c_dim); c_dim may
be 0, and a hierarchical model is given nothing.
"""

import math

import torch

from course_lib.models import gaussian


def log_weights(model, x, c, n_samples, inferred=None):
    """log [p(x, z|c) / q(z|x, c)] at n_samples samples z ~ q(z|x, c), shape (B, n_samples).

    inferred: of `infer`, so that several calls on the same pictures run the encoder once.
    """
    c = x.new_zeros(len(x), 0) if c is None else c
    inferred = inferred or infer(model, x, c)
    x, c, *inferred = (t.repeat_interleave(n_samples, 0) for t in (x, c, *inferred))
    if hasattr(model, "top_down"):
        parameters, groups = model.top_down(inferred)
        log_px = -model.nll(x, parameters)
    else:
        mu, logvar, mu_p, logvar_p = inferred
        groups = [(gaussian.sample(mu, logvar), mu, logvar, mu_p, logvar_p)]
        log_px = model.log_px(x, groups[0][0], c)
    for z, mu, logvar, mu_p, logvar_p in groups:
        log_px = log_px + gaussian.log_prob(z, mu_p, logvar_p) - gaussian.log_prob(z, mu, logvar)
    return log_px.view(-1, n_samples)


def log_mean(log_w):
    """The logarithm of the mean weight, from log weights (B, K): (B,), an estimate of log p(x|c).
    Its mean over samples is the importance-weighted bound (Burda, Grosse & Salakhutdinov, 2016)."""
    return log_w.logsumexp(1) - math.log(log_w.shape[1])


def infer(model, x, c):
    """What the encoder says of x: a hierarchical model's features, or q's and p's mu and logvar."""
    if hasattr(model, "top_down"):
        return model.features(x)
    # bfloat16, in which a net may be trained, has too few digits for what follows.
    exact = lambda t: t.to(torch.promote_types(t.dtype, torch.float32))
    return [exact(t) for t in (*model.encode(x, c), *model.prior(c))]
