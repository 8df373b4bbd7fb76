"""A CVAE trained by a tighter bound: log p(x|c) >= E_q log 1/k sum_i p(x, z_i|c) / q(z_i|x, c).

The importance-weighted bound, Burda, Grosse & Salakhutdinov, 2016. With k = 1 it is the ELBO; it
rises with k, to log p(x|c). The nets are those of cvae.py. Nats per image.
"""

import torch
from torch import nn

from course_lib.data.batches import Batches, pixels
from course_lib.models import cvae, gaussian, layers
from course_lib.models.importance import infer, log_mean, log_weights
from course_lib.training.steps import GradientGuard, LossStep, adam, warmed


def loss(model, x, c, k=4):
    """Minus the bound with k samples, nats per image, for pixels in {0, 1}."""
    if k == 1:  # the ELBO: its KL needs no samples
        mu, logvar, *p = infer(model, x, c)
        kl, z = gaussian.kl(mu, logvar, *p), gaussian.sample(mu, logvar)
        return {"loss": (kl - model.log_px(x, z, c)).mean()}
    return {"loss": -log_mean(log_weights(model, x, c, k)).mean()}


def binary_loss(model, x, c, k=4):
    """The loss of pixels sampled anew from their grey values at every step."""
    return loss(model, torch.bernoulli(x), c, k)


@torch.no_grad()
def held_out(model, x, c, k=4):
    """The loss on held-out pictures (uint8, 0 and 255), the same draws every time."""
    parts = list(zip(x.split(500), c.split(500), strict=True))
    with torch.random.fork_rng([x.device] if x.is_cuda else []):
        torch.manual_seed(0)
        losses = [loss(model, pixels(x), c, k)["loss"] * len(x) for x, c in parts]
    return {"test loss": float(sum(losses)) / len(x)}


def wide(c_dim=10, z_dim=32, seeing=320, width=560):
    """A learned prior, and more units in the decoder than in the encoder: what p(x|z, c) cannot
    say, no q mends."""
    encoder = layers.mlp(cvae.N_PIXELS + c_dim, seeing, 2 * z_dim)
    decoder = layers.mlp(z_dim + c_dim, width, cvae.N_PIXELS)
    return cvae.CVAE(encoder, decoder, z_dim, nn.Linear(c_dim, 2 * z_dim))


def recipe(
    x, c, epochs=80, k=4, tight=0.4, z_dim=32, seeing=320, width=560, lr=2e-3, batch=128,
    ema=0.999, bf16=True, seed=0,
):  # fmt: skip
    """Binary pixels, see descent. c: (N, c_dim) floats."""
    model = wide(c.shape[1], z_dim, seeing, width).to(x.device)
    batches = Batches(x, c, size=batch, seed=seed)
    return descent(model, binary_loss, k, tight, lr, epochs * len(batches), ema, bf16), batches


def descent(model, loss, k, tight, lr, n_steps, ema, bf16, guarded=False):
    """LossStep that maximises the ELBO, and in the last `tight` of n_steps the bound with k
    samples, which costs twice as much and is wanted only in the end.

    The rate of Adam rises over 200 steps, or a tenth of a short run, and falls to 0 over n_steps
    along a cosine; the weights are averaged. guarded: with a GradientGuard.
    """
    optimizer = adam(model, lr)
    guard = GradientGuard(optimizer).to(optimizer.param_groups[0]["params"][0]) if guarded else None
    schedule = warmed(optimizer, min(200, n_steps // 10), n_steps)

    def late():
        return schedule.last_epoch >= (1 - tight) * n_steps  # its "epoch" is our step

    def objective(model, *batch):
        return loss(model, *batch, k=k if late() else 1)

    objective.stage = late  # see training/captured.py
    return LossStep(model, objective, optimizer, ema, schedule=schedule, guard=guard, bf16=bf16)
