"""What two processes do under torchrun while tests/training/test_distributed.py looks on, and how
they are started. Run as a script this file is the worker (see `JOBS`)."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import toy_family
from torch import nn

from course_lib import data
from course_lib.models import ae, hvae, vae
from course_lib.training import distributed, fingerprint, loop, runs
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.steps import LossStep, adam

EPOCHS = 6  # of five steps of the toy
AE = dict(batch=64, seed=1)
VAE = dict(width=8, z_dim=4, batch=16)
# What a density of pixels has at any error: relative tolerances are of the rest.
VAE_CONSTANT = 3 * 64 * 64 * math.log(0.1 * math.sqrt(2 * math.pi))
HVAE = dict(
    sides=(2, 4, 8),
    width=(16, 12, 8),
    groups=(2, 1, 1),
    z_dim=2,
    n_mixtures=0,
    batch=32,
    lr=5e-3,
    ema=0.9,
    warm=0,
)
SLOTS = dict(shape=(100_000, 1, 64, 64), batch=500)  # 410 MB, of which a rank reads 1 MB a step


def train_all(folder):
    """One start of torchrun for many a test: each rank writes down what it found."""
    digests, broadcast = [], distributed.broadcast

    def watched(step):  # what a rank's own training gave, before rank 0's replaces it
        digests.append(data.digest(*(p for m in distributed.modules(step) for p in m.parameters())))
        broadcast(step)

    distributed.broadcast = watched
    result = {"ae": curve(runs.train_or_load(ae.narrow_recipe, [digits()], AE, 3))}
    run = runs.train_or_load(vae.recipe, [faces()], VAE, 10, vae.held_out, [faces()])
    result["vae"] = curve(run, VAE_CONSTANT)
    deep = runs.train_or_load(hvae.recipe, [digits()], HVAE, 6, hvae.held_out, [digits()])
    result["hvae"], result["deep"] = curve(deep), deep.about["key"]
    toy = runs.train_or_load(
        toy_family.recipe, [toy_family.pictures()], {}, EPOCHS, size, [digits()]
    )
    result["toy"], result["n"] = weights_digest(toy.step), toy.history.n.tolist()
    result["key"], result["parameters"] = toy.about["key"], digests
    result["nan"] = diverge()
    result["grown"] = memory(folder / "slots.npy")
    (folder / f"found-{distributed.rank()}.json").write_text(json.dumps(result))


def size(model, x):
    """Only rank 0 may ask: on another it would raise."""
    return {"n": float(len(x) / (distributed.rank() == 0))}


def weights_digest(step):
    return data.digest(
        *(t for part in distributed.modules(step) for t in part.state_dict().values())
    )


def diverge():
    """The message of a run whose penalty is NaN on rank 1 alone, at its eighth step."""
    toy_family.loss, whole, calls = nan_on_rank_1, toy_family.loss, []
    nan_on_rank_1.whole, nan_on_rank_1.calls = whole, calls
    try:
        runs.train_or_load(toy_family.recipe, [toy_family.pictures()], {"seed": 5}, EPOCHS)
    except loop.Diverged as error:
        return str(error)
    finally:
        toy_family.loss = whole


def nan_on_rank_1(model, x):
    nan_on_rank_1.calls.append(1)
    terms = nan_on_rank_1.whole(model, x)
    if distributed.rank() == 1 and len(nan_on_rank_1.calls) == 8:
        terms["penalty"] = terms["penalty"] * float("nan")
        terms["loss"] = terms["recon"] + terms["penalty"]
    return terms


def brightness(model, x):
    """Also notes the memory of this process that no file backs."""
    brightness.seen.append(anonymous())
    loss = (model(x.flatten(1).mean(1, keepdim=True)) - 1).square().mean()
    return {"loss": loss, "error": loss}


brightness.seen = []


def bright_recipe(x, batch, seed=0):
    model = nn.Linear(1, 1)
    step = LossStep(model, brightness, adam(model, 1e-2))
    return step, data.Batches(x, size=batch, seed=seed)


def anonymous():
    """This process's RssAnon in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) / 1024


def memory(path):
    """By how many MB this process grew when it trained on a set of 410."""
    before = anonymous()
    x = torch.from_numpy(np.load(path, mmap_mode="c"))
    runs.train_or_load(bright_recipe, [x], {"batch": SLOTS["batch"]}, 1)
    return max(brightness.seen) - before


# Steps that rank 0 makes before it trains, one away from the start.
COMPARED = fingerprint.N_STEPS + 1


def die_twice(folder):
    """Rank 1 kills itself in the first attempt, rank 0 in the second; each counts its steps, and
    rank 0 those of the fingerprint too."""
    Checkpoint.due = lambda self: True
    attempt, rank = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), int(os.environ["RANK"])
    whole, steps = hvae.loss, folder / f"steps-{attempt}-{rank}"

    def deadly(model, x, free):
        with steps.open("a") as file:
            file.write(".")
        if (attempt, rank, steps.stat().st_size) in {(0, 1, 12), (1, 0, COMPARED + 8)}:
            time.sleep(2)  # rank 0 may still be saving the step before
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(model, x, free)

    hvae.loss = deadly
    runs.train_or_load(hvae.recipe, [digits()], HVAE, 6, hvae.held_out, [digits()])


def digits():
    return data.load("mnist", "train", 256).x


def faces():
    return data.load("faces", "train", 64).x


def curve(run, constant=0.0):
    return (run.history.loss - constant).tolist()


# Without the address torchrun asks for the host's own name, for minutes where that has none.
ONE_HOST = ("--standalone", "--local-addr=127.0.0.1")


def torchrun(*words, cache, restarts=0, n=2):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COURSE_CACHE": str(cache)}
    environment["PYTHONPATH"] = str(Path(toy_family.__file__).parent)  # of the tests' helpers
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *ONE_HOST,
        f"--nproc-per-node={n}",
        f"--max-restarts={restarts}",
    ]
    return subprocess.run(
        [*command, *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[1],
    )


JOBS = {job.__name__: job for job in (train_all, die_twice)}

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    # A cache for each rank: what one writes no other can read, as on several hosts.
    os.environ["COURSE_CACHE"] = str(folder / f"cache-{os.environ['RANK']}")
    JOBS[sys.argv[1]](folder)
    distributed.leave()
