"""CVAE: maximise E_q(z|x,c)[log p(x|z,c)] - KL(q(z|x,c) || p(z|c)).   Sohn, Lee & Yan, 2015.

c is what is given, (B, c_dim): a label as one-hot, or a part of the picture. With c_dim = 0 it is
the VAE. Pixels are Bernoulli, so every term is in nats per image; p(z|c) is N(0, I) or learned.
"""

import torch
from torch import nn

from course_lib.data.batches import Batches, pixels
from course_lib.models import gaussian, layers
from course_lib.training.steps import LossStep, adam, annealed

SIDE, N_PIXELS = 28, 784


class CVAE(nn.Module):
    """encoder: (B, 784 + c_dim) -> 2 z_dim. decoder: (B, z_dim + c_dim) -> 784 logits.

    prior_net: (B, c_dim) -> 2 z_dim, or None for N(0, I).
    """

    def __init__(self, encoder, decoder, z_dim, prior_net=None):
        super().__init__()
        self.encoder, self.decoder, self.z_dim = encoder, decoder, z_dim
        self.prior_net = prior_net

    def encode(self, x, c):
        """q(z|x, c): mean and log-variance, each (B, z_dim)."""
        return self.encoder(torch.cat([x.flatten(1), c], 1)).chunk(2, 1)

    def prior(self, c):
        """p(z|c): mean and log-variance, each (B, z_dim)."""
        if self.prior_net is None:
            return (c.new_zeros(len(c), 2 * self.z_dim)).chunk(2, 1)
        return self.prior_net(c).chunk(2, 1)

    def decode(self, z, c):
        """Logits of p(x|z, c), (B, 1, 28, 28)."""
        return self.decoder(torch.cat([z, c], 1)).view(-1, 1, SIDE, SIDE)

    def forward(self, x, c):
        """One sample of z: logits, mu, logvar."""
        mu, logvar = self.encode(x, c)
        return self.decode(gaussian.sample(mu, logvar), c), mu, logvar

    def log_px(self, x, z, c):
        """log p(x|z, c), (B,), nats."""
        return -gaussian.bernoulli_nll(x, self.decode(z, c))

    def log_px_table(self, x, z, c):
        """log p(x|z, c) of every picture (B, ...) under every row of z and c (N, ...), (B, N)."""
        return -gaussian.bernoulli_nll_table(x, self.decode(z, c))

    @torch.no_grad()
    def generate(self, c):
        """A picture for every row of c, z from the prior: the pixels' means, (B, 1, 28, 28)."""
        return self.decode(gaussian.sample(*self.prior(c)), c).sigmoid()


def small(c_dim=10, z_dim=2):
    """The source's net: 794-512-256-(2, 2) and 12-256-512-784; with c_dim = 0 its VAE."""
    ### BEGIN ANSWER 3.2
    encoder = nn.Sequential(
        nn.Linear(N_PIXELS + c_dim, 512),
        nn.ReLU(),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Linear(256, 2 * z_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(z_dim + c_dim, 256),
        nn.ReLU(),
        nn.Linear(256, 512),
        nn.ReLU(),
        nn.Linear(512, N_PIXELS),
    )
    return CVAE(encoder, decoder, z_dim)
    ### END ANSWER


def twin(c_dim=10, z_dim=16, width=256):
    """Batch norm, SiLU, as many units in each layer; p(z|c) = N(0, I), so that a CVAE and a VAE
    (c_dim = 0) differ in the label alone."""
    encoder = layers.mlp(N_PIXELS + c_dim, width, 2 * z_dim)
    return CVAE(encoder, layers.mlp(z_dim + c_dim, width, N_PIXELS), z_dim)


def loss(model, x, c):
    """-ELBO in nats per image for pixels in {0, 1}; of grey pixels a cross-entropy, not a bound."""
    logits, mu, logvar = model(x, c)
    recon = gaussian.bernoulli_nll(x, logits).mean()
    kl = gaussian.kl(mu, logvar, *model.prior(c)).mean()
    return {"loss": recon + kl, "recon": recon, "kl": kl}


def binary_loss(model, x, c):
    """-ELBO of pixels sampled anew from their grey values at every step."""
    return loss(model, torch.bernoulli(x), c)


def recipe(x, c, z_dim=2, lr=1e-3, batch=100, seed=0):
    """The source's training: its net, grey pixels, Adam. c: (N, c_dim) floats."""
    model = small(c.shape[1], z_dim).to(x.device)
    step = LossStep(model, loss, adam(model, lr), wide=True)
    return step, Batches(x, c, size=batch, seed=seed)


def twin_recipe(x, c, epochs=10, z_dim=16, width=256, lr=2e-3, batch=256, ema=0.995, seed=0):
    """Binary pixels; the rate falls to 0 over `epochs` along a cosine; the weights are averaged."""
    model = twin(c.shape[1], z_dim, width).to(x.device)
    batches = Batches(x, c, size=batch, seed=seed)
    return annealed(model, binary_loss, lr, epochs * len(batches), ema, wide=True), batches


@torch.no_grad()
def held_out(model, x, c, size=500):
    """The loss of held-out pictures (uint8), one sample each: loss, recon and kl, nats an image."""
    totals = {}
    for x_part, c_part in zip(x.split(size), c.split(size), strict=True):
        for name, term in loss(model, pixels(x_part), c_part).items():
            totals[f"test {name}"] = totals.get(f"test {name}", 0.0) + term * len(x_part)
    return {name: float(total) / len(x) for name, total in totals.items()}
