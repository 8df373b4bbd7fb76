"""A model with latent variables whose likelihood is known in closed form."""

import math

import torch
from torch.distributions import MultivariateNormal, Normal

from course_lib.models import gaussian

Z_DIM, X_DIM, C_DIM, S = 3, 8, 2, 0.6


class LinearGaussian:
    """p(z|c) = N(A c + a, diag), p(x|z, c) = N(W z + b, S^2 I): p(x|c) and p(z|x, c) are Gaussian.

    W's columns are orthogonal, so the posterior's covariance is diagonal, and q can be it. It is
    not when `shift` (in standard deviations) or `spread` (of the variance) say so. A prior that is
    not `learned` is N(0, I).
    """

    z_dim = Z_DIM

    def __init__(self, shift=0.0, spread=1.0, learned=False):
        g = torch.Generator().manual_seed(3)
        draw = lambda *shape: torch.randn(shape, generator=g, dtype=torch.float64)
        self.shift, self.spread = shift, spread
        self.w = torch.linalg.qr(draw(X_DIM, Z_DIM))[0] * torch.tensor([0.4, 1.1, 1.9])
        self.b, self.a, self.from_c = draw(X_DIM), draw(Z_DIM), draw(C_DIM, Z_DIM)
        self.logvar = torch.tensor([-1.2, 0.5, 1.3]).double()
        if not learned:
            self.a, self.from_c, self.logvar = 0 * self.a, 0 * self.from_c, 0 * self.logvar

    def prior(self, c):
        return c @ self.from_c + self.a, self.logvar.expand(len(c), -1)

    def posterior(self, x, c):
        """p(z|x, c): mean and log-variance."""
        mu, logvar = self.prior(c)
        precision = (-logvar).exp() + self.w.square().sum(0) / S**2
        mean = (mu * (-logvar).exp() + (x - self.b) @ self.w / S**2) / precision
        return mean, -precision.log()

    def encode(self, x, c):
        mu, logvar = self.posterior(x, c)
        return mu + self.shift * (0.5 * logvar).exp(), logvar + math.log(self.spread)

    def log_px(self, x, z, c):
        return Normal(z @ self.w.T + self.b, S).log_prob(x).sum(1)

    def evidence(self, x, c):
        """log p(x|c), exactly."""
        mu, logvar = self.prior(c)
        spread = self.w * logvar[0].exp() @ self.w.T + S**2 * torch.eye(X_DIM).double()
        return MultivariateNormal(mu @ self.w.T + self.b, spread).log_prob(x)

    def draw(self, n):
        """n pairs (x, c) from the model itself."""
        c = torch.randn(n, C_DIM).double()
        z = gaussian.sample(*self.prior(c))
        return z @ self.w.T + self.b + S * torch.randn(n, X_DIM).double(), c


def oracle(learned, n, shift=0.5, spread=1.3):
    model = LinearGaussian(shift, spread, learned)
    return model, *model.draw(n)
