"""Notebook 01, the autoencoder."""

import numpy as np
import torch

from course_lib.models import ae

wide = ae.wide


def fitted(codes, eps):
    codes, eps = codes.double().numpy(), eps.double().numpy()
    covariance = np.cov(codes, rowvar=False) + 1e-6 * np.eye(codes.shape[1])
    return codes.mean(0) + eps @ np.linalg.cholesky(covariance).T


def halfway(codes):
    return [(code.double() + codes[i - 1].double()) / 2 for i, code in enumerate(codes)]


def blend(z, noise, a):
    return z.double() + a * (noise.double() - z.double())


def edit(z, element, factor):
    return z.double() * torch.where(torch.arange(z.shape[1]) == element, factor, 1.0)


def rows(net, x, noise, element):
    z = net.encode(x)
    codes = [z, *(blend(z, noise, a) for a in (0.2, 0.5, 0.8)), edit(z, element, 2.0)]
    return [x, *(net.decode(code.float()) for code in codes)]


def left(pictures):
    spread = [torch.pdist(p.flatten(1).double()).square().mean() for p in pictures]
    return [s / spread[0] for s in spread]


def score(net, x):
    z = net.encode(x)
    copies = net.decode(z[0] if isinstance(z, tuple) else z)
    return [((a.double() - b.double()) ** 2).mean() for a, b in zip(x, copies, strict=True)]


MISTAKES = {
    "fitted": {
        "the root stands on the wrong side, or is not transposed": lambda codes, eps: (
            codes.mean(0) + eps @ torch.linalg.cholesky(codes.T.cov())
        ),
        "the covariance is taken where its root is needed": lambda codes, eps: (
            codes.mean(0) + eps @ codes.T.cov()
        ),
        "the mean is missing": lambda codes, eps: eps @ torch.linalg.cholesky(codes.T.cov()).T,
    },
    "halfway": {"the next code is taken for the one before": lambda c: (c + c.roll(-1, 0)) / 2},
    "blend": {"the shares of code and noise are swapped": lambda z, e, a: a * z + (1 - a) * e},
    "left": {
        "distances are not squared": lambda p: [
            torch.pdist(q.flatten(1)).mean() / torch.pdist(p[0].flatten(1)).mean() for q in p
        ]
    },
}
