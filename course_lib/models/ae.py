"""Autoencoder: minimise ||x - decode(encode(x))||^2.   Nothing asks the codes to be anywhere.

Pixels are in [0, 1]. A net that ends in tanh on [-1, 1] is the same function: (tanh(a) + 1) / 2 =
sigmoid(2a); its squared errors are four times ours.
"""

import torch
from torch import nn

from course_lib.data import augment
from course_lib.data.batches import Batches
from course_lib.models import gaussian, layers
from course_lib.training.steps import annealed


class Autoencoder(nn.Module):
    """An encoder (B, C, H, W) -> (B, z_dim) and a decoder (B, z_dim) -> logits (B, C, H, W)."""

    def __init__(self, encoder, decoder, z_dim):
        super().__init__()
        self.encoder, self.decoder, self.z_dim = encoder, decoder, z_dim

    def encode(self, x):
        """The code of x, (B, z_dim)."""
        return self.encoder(x)

    def decode(self, z):
        """Pixels in [0, 1], (B, C, H, W)."""
        return self.decoder(z).sigmoid()

    def forward(self, x):
        return self.decode(self.encode(x))


def wide(hidden=4096, z_dim=2048, shape=(3, 64, 64)):
    """The source's fully connected net, 12288-4096-2048-4096-12288: 117,483,520 parameters."""
    ### BEGIN ANSWER 1.2
    n_pixels = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_pixels, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, z_dim),
        nn.BatchNorm1d(z_dim),
        nn.ReLU(),
    )
    return Autoencoder(encoder, layers.fc_decoder(z_dim, hidden, shape), z_dim)
    ### END ANSWER


def narrow(z_dim=3, shape=(3, 64, 64)):
    """The teaching assistants' fully connected net, 12288-128-64-12-3 and back: 3,176,419."""
    n_pixels = shape[0] * shape[1] * shape[2]
    encoder = nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_pixels, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 12),
        nn.ReLU(),
        nn.Linear(12, z_dim),
    )
    decoder = nn.Sequential(
        nn.Linear(z_dim, 12),
        nn.ReLU(),
        nn.Linear(12, 64),
        nn.ReLU(),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Linear(128, n_pixels),
        nn.Unflatten(1, shape),
    )
    return Autoencoder(encoder, decoder, z_dim)


def convolutional(width=32, z_dim=128, channels=3):
    """Patches as channels, two strided convolutions down to 4x4, and back; pictures of 64x64."""
    encoder = layers.conv_encoder(channels, width, z_dim)
    return Autoencoder(encoder, layers.conv_decoder(z_dim, width, channels), z_dim)


def loss(model, x):
    """Squared error per image, pixels in [0, 1]; the only term."""
    recon = gaussian.squared_error(x, model(x)).mean()
    return {"loss": recon, "recon": recon}


@torch.no_grad()
def errors(model, x):
    """Mean squared error of every image, (B,), pixels in [0, 1]: the anomaly score."""
    ### BEGIN SOLUTION 1.6
    return gaussian.squared_error(x, model(x)) / x[0].numel()
    ### END SOLUTION


def mirrored_loss(model, x):
    """The loss on pictures of which half, by chance, are mirrored left to right."""
    return loss(model, augment.mirror(x))


def wide_recipe(
    x, hidden=4096, z_dim=2048, lr=1e-3, batch=128, epochs=0, ema=0.0, mirror=False, seed=0
):
    """Train the wide net with Adam; the rest as in vae.recipe."""
    model = wide(hidden, z_dim, tuple(x.shape[1:])).to(x.device)
    return _step_and_batches(model, x, lr, batch, epochs, ema, mirror, seed, wide=True)


def narrow_recipe(x, z_dim=3, lr=1e-3, batch=128, epochs=0, ema=0.0, mirror=False, seed=0):
    """Train the narrow net with Adam; the rest as in vae.recipe."""
    model = narrow(z_dim, tuple(x.shape[1:])).to(x.device)
    return _step_and_batches(model, x, lr, batch, epochs, ema, mirror, seed, wide=True)


def conv_recipe(
    x, width=32, z_dim=128, lr=1e-3, batch=128, epochs=0, ema=0.0, mirror=False, seed=0
):
    """Train the convolutional net with Adam; the rest as in vae.recipe."""
    model = convolutional(width, z_dim, x.shape[1]).to(x.device)
    return _step_and_batches(model, x, lr, batch, epochs, ema, mirror, seed)


def _step_and_batches(model, x, lr, batch, epochs, ema, mirror, seed, wide=False):
    batches = Batches(x, size=batch, seed=seed)
    objective = mirrored_loss if mirror else loss
    return annealed(model, objective, lr, epochs * len(batches), ema, wide), batches
