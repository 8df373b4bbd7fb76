"""A family small enough to train in a test, and the processes that the kill tests kill."""

import os
import signal
import time

import torch
from torch import nn

from course_lib.data import Batches
from course_lib.paths import cache_root
from course_lib.training import runs
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.steps import LossStep, adam

EPOCHS = 6  # of five steps


class Toy(nn.Module):
    """Noise in the forward pass and batch norm: whatever a resumed run could get wrong."""

    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16, width),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(width, 16),
        )

    def forward(self, x):
        return self.net(x + 0.1 * torch.randn_like(x))


def loss(model, x):
    recon = (model(x) - x.flatten(1)).square().sum(1).mean()
    penalty = 1e-3 * sum(p.square().sum() for p in model.parameters())
    return {"loss": recon + penalty, "recon": recon, "penalty": penalty}


def recipe(x, width=8, lr=1e-2, batch=10, ema=0.9, seed=0):
    model = Toy(width)
    optimizer = adam(model, lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.9)
    step = LossStep(model, loss, optimizer, ema=ema, clip=5.0, schedule=schedule)
    return step, Batches(x, size=batch, seed=seed)


def pictures():
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (53, 1, 4, 4), generator=generator, dtype=torch.uint8)


def folders():
    root = cache_root() / "runs"
    return sorted(root.iterdir()) if root.is_dir() else []


def unbroken():
    """The weights that a run ends in when nothing disturbs it."""
    return weights(runs.train_or_load(recipe, [pictures()], {}, EPOCHS))


def weights(run):
    return {
        k: v.clone()
        for part in ("model", "average")
        for k, v in ((f"{part}.{n}", t) for n, t in run.step.parts[part].state_dict().items())
    }


def assert_equal(a, b):
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def train_slowly(cache, epochs):
    """In a process of its own: a save after every step, and time to be killed from outside."""
    Checkpoint.due = lambda self: time.sleep(0.002) or True
    _train(cache, epochs)


def train_and_die(cache, epochs, nth, moment):
    """In a process of its own, which kills itself at the n-th file that it puts in place.

    moment: "half" when half of the file is written, "before" or "after" it gets its name.
    """
    Checkpoint.due = lambda self: True
    places, replace = [], os.replace

    def deadly(part, path):
        places.append(path)
        dying = len(places) == nth
        if dying and moment == "half":
            os.truncate(part, os.path.getsize(part) // 2)
        if dying and moment != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(part, path)
        if dying:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = deadly
    _train(cache, epochs)


def _train(cache, epochs):
    torch.set_num_threads(1)
    os.environ["COURSE_CACHE"] = cache
    runs.train_or_load(recipe, [pictures()], {}, epochs)
