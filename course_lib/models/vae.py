"""VAE: maximise E_q(z|x)[log p(x|z)] - KL(q(z|x) || N(0, I)).   Kingma & Welling, 2014.

p(x|z) is N(decode(z), sigma^2), pixels in [0, 1], so that every term is in nats per image. "Mean
squared error + w KL" is this bound with sigma^2 = w * n_pixels / 2 (gaussian.sigma_of_weight), but
for a factor and a constant.
"""

from functools import partial

import torch
from torch import nn

from course_lib.data import augment
from course_lib.data.batches import Batches, in_batches
from course_lib.models import gaussian, layers
from course_lib.training.steps import annealed


class VAE(nn.Module):
    """Convolutional, pictures of 64x64."""

    def __init__(self, z_dim=64, width=32, channels=3):
        super().__init__()
        self.z_dim = z_dim
        self.encoder = layers.conv_encoder(channels, width, 2 * z_dim)
        self.decoder = layers.conv_decoder(z_dim, width, channels)

    def encode(self, x):
        """q(z|x): mean and log-variance, each (B, z_dim)."""
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z):
        """The mean of p(x|z): pixels in [0, 1], (B, C, 64, 64)."""
        return self.decoder(z).sigmoid()

    def forward(self, x):
        """One sample of z: reconstruction, mu, logvar."""
        mu, logvar = self.encode(x)
        return self.decode(gaussian.sample(mu, logvar)), mu, logvar

    @torch.no_grad()
    def generate(self, n):
        """n pictures from the prior, pixels in [0, 1]."""
        z = torch.randn(n, self.z_dim, device=next(self.parameters()).device)
        return self.decode(z)


def loss(model, x, sigma=0.1, beta=1.0):
    """At beta = 1, -ELBO in nats per image (of a density, so it may be negative).

    sigma: of the pixels, on [0, 1]; None is the best one for the batch, the root of its mean
    squared error (Rybkin et al. 2021, equation 7).
    """
    x_hat, mu, logvar = model(x)
    if sigma is None:
        sigma = (x - x_hat).detach().square().mean().sqrt()
    recon = -gaussian.log_prob(x, x_hat, gaussian.logvar_of(sigma)).mean()
    kl = gaussian.kl(mu, logvar).mean()
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


def mirrored_loss(model, x, sigma=0.1, beta=1.0):
    """The loss on pictures of which half, by chance, are mirrored left to right."""
    return loss(model, augment.mirror(x), sigma, beta)


@torch.no_grad()
def held_out(model, x):
    """Both terms on uint8 pictures, one sample of the code each: squared error, and KL in nats."""

    def error_and_kl(x):
        x_hat, mu, logvar = model(x)
        return torch.stack([gaussian.squared_error(x, x_hat), gaussian.kl(mu, logvar)], 1)

    error, kl = in_batches(error_and_kl, x).mean(0).tolist()
    return {"test squared error": error, "test kl": kl}


@torch.no_grad()
def errors(model, x):
    """Mean squared error of every image through the posterior mean, (B,), pixels in [0, 1]."""
    ### BEGIN SOLUTION 2.3
    mu, _ = model.encode(x)
    return gaussian.squared_error(x, model.decode(mu)) / x[0].numel()
    ### END SOLUTION


@torch.no_grad()
def negative_elbo(model, x, sigma=0.1):
    """-ELBO of every image with one sample of z, (B,), nats."""
    x_hat, mu, logvar = model(x)
    return gaussian.kl(mu, logvar) - gaussian.log_prob(x, x_hat, gaussian.logvar_of(sigma))


def recipe(
    x,
    z_dim=64,
    width=32,
    sigma=0.1,
    beta=1.0,
    lr=1e-3,
    batch=128,
    epochs=0,
    ema=0.0,
    mirror=False,
    seed=0,
):
    """Adam. epochs > 0: its rate falls to 0 over so many, along a cosine. ema: decay of the
    averaged weights. mirror: half of the pictures are mirrored, as faces may be."""
    model = VAE(z_dim, width, x.shape[1]).to(x.device)
    batches = Batches(x, size=batch, seed=seed)
    objective = partial(mirrored_loss if mirror else loss, sigma=sigma, beta=beta)
    return annealed(model, objective, lr, epochs * len(batches), ema), batches
