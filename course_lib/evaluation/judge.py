"""The judge: a classifier trained on labels alone, never shown to the model that it judges.

Its logits say what a picture shows; its features are the space in which FID, KID, precision and
recall are measured. A number from a judge always names it and its own accuracy on real pictures.
"""

import torch
import torch.nn.functional as F
from torch import nn

from course_lib.data.augment import warp_gently
from course_lib.data.batches import Batches, in_batches
from course_lib.training.steps import LossStep, adam, annealed


class Judge(nn.Module):
    """A small convolutional classifier; pictures in [0, 1] with an even side from 28 up."""

    def __init__(self, channels, n_out, width=32, n_features=64):
        super().__init__()
        self.num_features = n_features  # the name torchmetrics looks for
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(2),                                                       # 64 -> 32
            nn.Conv2d(4 * channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU(),  # 32 -> 16
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.BatchNorm2d(2 * width), nn.ReLU(),  # 16 -> 8
            nn.Conv2d(2 * width, 4 * width, 3, 1, 1), nn.BatchNorm2d(4 * width), nn.ReLU(),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(),                                      # 8 -> 4
            nn.Linear(4 * width * 4 * 4, n_features), nn.BatchNorm1d(n_features), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(n_features, n_out)

    def features(self, x):
        """(B, n_features), what FID and its kin compare."""
        return self.trunk(x)

    def forward(self, x):
        """Logits (B, n_out): of the classes, or of each attribute on its own."""
        return self.head(self.trunk(x))


def loss(model, x, y):
    """Cross-entropy, nats per image: of labels (B,), or summed over 0/1 attributes (B, A)."""
    logits = model(x)
    if y.ndim == 1:
        return {"loss": F.cross_entropy(logits, y)}
    nll = F.binary_cross_entropy_with_logits(logits, y.float(), reduction="none")
    return {"loss": nll.sum(1).mean()}


@torch.no_grad()
def correct(model, x, y):
    """1.0 where the judge is right: (B,) for labels, (B, A) for attributes."""
    logits = model(x)
    predicted = logits.argmax(1) if y.ndim == 1 else (logits > 0).to(y.dtype)
    return (predicted == y).float()


def recipe(x, y, epochs=10, width=32, n_features=64, lr=2e-3, batch=64, ema=0.99, seed=0):
    """Train on labelled pictures, y int64 labels (N,) or 0/1 attributes (N, A): Adam, its rate
    falling to 0 over `epochs`, and averaged weights."""
    n_out = int(y.max()) + 1 if y.ndim == 1 else y.shape[1]
    model = Judge(x.shape[1], n_out, width, n_features).to(x.device)
    batches = Batches(x, y, size=batch, seed=seed)
    return annealed(model, loss, lr, epochs * len(batches), ema), batches


# ---- known factors ------------------------------------------------------------------------------


def factor_loss(model, x, f):
    """Squared error of known factors f (B, F), summed over them."""
    return {"loss": (model(x) - f).square().sum(1).mean()}


def factor_recipe(x, f, epochs=10, width=32, n_features=128, lr=4e-3, batch=64, ema=0.99, seed=0):
    """Read factors, floats (N, F) of mean 0 and variance 1, off pictures: a judge that measures."""
    model = Judge(x.shape[1], f.shape[1], width, n_features).to(x.device)
    batches = Batches(x, f, size=batch, seed=seed)
    return annealed(model, factor_loss, lr, epochs * len(batches), ema), batches


@torch.no_grad()
def r_squared(model, x, f):
    """Share of each factor's variance that the model reads off uint8 pictures, (F,), at most 1."""
    return explained(in_batches(model, x), f)


def explained(said, f):
    """Share of the variance of each column of f (N, F) that `said` explains, (F,), at most 1."""
    return 1 - (said - f).square().mean(0) / f.var(0, correction=0)


# ---- the judge of digits ------------------------------------------------------------------------


class DigitJudge(Judge):
    """Four convolutions at 14x14 and 7x7, pictures of 28x28: slower and surer than Judge."""

    def __init__(self, channels=1, n_out=10, width=32, n_features=64):
        super().__init__(channels, n_out, width, n_features)
        self.trunk = nn.Sequential(
            nn.PixelUnshuffle(2),                                                       # 28 -> 14
            nn.Conv2d(4 * channels, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.MaxPool2d(2),                                                            # 14 -> 7
            nn.Conv2d(width, 2 * width, 3, 1, 1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, 1, 1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(),                                              # 7 -> 3
            nn.Linear(2 * width * 3 * 3, n_features), nn.BatchNorm1d(n_features), nn.ReLU(),
        )  # fmt: skip


def warped_loss(model, x, y):
    """Cross-entropy of moved pictures, nats per image."""
    return loss(model, warp_gently(x), y)


def digit_recipe(x, y, epochs=10, width=32, lr=5e-3, batch=128, ema=0.998, seed=0):
    """Adam on moved digits; the rate rises and falls over `epochs`; the weights are averaged."""
    model = DigitJudge(x.shape[1], int(y.max()) + 1, width).to(x.device)
    batches = Batches(x, y, size=batch, seed=seed)
    optimizer = adam(model, lr)
    n_steps = epochs * len(batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=n_steps)
    return LossStep(model, warped_loss, optimizer, ema=ema, schedule=schedule), batches
