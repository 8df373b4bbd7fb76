"""Two gloo processes on this machine against one, and the share of a step that they exchange.

Started by `run`, under torchrun, this file is a process of the two. In each round rank 0 takes the
step alone while rank 1 waits, on one thread and on two; then both take it, each with half of the
batch, once as they train and once without any exchange.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist

from benchmarks.rounds import in_turn
from course_lib.models import hvae, vae
from course_lib.training import distributed
from course_lib.training.loop import set_training

STEPS = {  # recipe, settings, batch of all processes
    "vae, 64x64": (vae.recipe, {}, 64),
    "hvae, 64x64, 10.4 million parameters": (hvae.recipe, {}, 16),
}


def run():
    """{step: {contender: seconds of every round}} and the batches, from two processes."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seconds.json"
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        torchrun += ["--local-addr=127.0.0.1", "--nproc-per-node=2", __file__, str(out)]
        surroundings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        subprocess.run(torchrun, env=surroundings, check=True, stderr=subprocess.DEVNULL)
        return json.loads(out.read_text())


def worker(out):
    """One of the two processes; rank 0 writes what was measured."""
    distributed.join()
    seconds = {name: measured(*step) for name, step in STEPS.items()}
    if distributed.rank() == 0:
        out.write_text(json.dumps(seconds))
    distributed.leave()


def measured(recipe, settings, batch):
    """{contender: seconds of every round}."""
    x = torch.randint(256, (batch, 3, 64, 64), generator=torch.Generator().manual_seed(0)).byte()
    alone, batches = recipe(x, **settings, batch=batch)
    own, own_batches = recipe(x, **settings, batch=batch)
    with distributed.distribute(own, own_batches) as (shared, shards):
        whole, half = next(batches.epoch(0)), next(shards.epoch(0))
        for step in (alone, own):
            set_training(step, True)
        contenders = {
            "one process, one thread": lambda: by_rank_0(alone, whole, threads=1),
            "one process, two threads": lambda: by_rank_0(alone, whole, threads=2),
            "two processes": lambda: shared(*half),
            "without exchange": lambda: unshared(shared, half),
        }
        return in_turn({name: together(work) for name, work in contenders.items()})


def together(work):
    """The work between two barriers: it lasts until the slower process has done it."""

    def between():
        dist.barrier()
        work()
        dist.barrier()

    return between


def by_rank_0(step, batch, threads):
    if distributed.rank() == 0:
        torch.set_num_threads(threads)
        step(*batch)
        torch.set_num_threads(1)


def unshared(shared, batch):
    """A step whose gradients and terms stay with their process."""
    with shared.objective.no_sync():
        shared.step.update_by(shared.objective, batch)


if __name__ == "__main__":
    worker(Path(sys.argv[1]))
