"""Kept runs: a trained model lies under a key made of its recipe, its settings and its data.

    run = runs.train_or_load(vae.recipe, [x_train], dict(z_dim=64, beta=1.0), epochs=20)
    run.model, run.history, run.about

A recipe is a function of a family file, `recipe(*tensors, **settings) -> (step, batches)`. The run
is opened where it is kept, in the cache or among the runs that ship with the course (weights/);
else it is trained and kept in cache/runs/. What is damaged, or trained by code that behaves
otherwise, is noticed, said and trained again. A run killed at any moment goes on where its last
checkpoint stands and ends in the same weights, bit for bit on the CPU.

Under torchrun all of this is the same, and so is the key: rank 0 looks, opens and writes, all ranks
train, and all return the run (see distributed.py for what they share, __main__.py for the command).
"""

import contextlib
import time
from typing import NamedTuple

import pandas as pd
import torch

from course_lib.atomic import Busy, abandoned, locked, write_bytes
from course_lib.paths import cache_root
from course_lib.training import distributed, fingerprint, keys, loop, opening, records, rehearsal
from course_lib.training.checkpoint import Checkpoint
from course_lib.training.distributed import device_name
from course_lib.training.measurements import measure_or_load as measure_or_load

WAIT = 60  # seconds between two questions whether another process still trains the run


class Run(NamedTuple):
    """model: evaluation mode, on its device (the averaged weights where the recipe averages).
    step: all parts. history: DataFrame, a row an epoch. about: key, settings, seconds, device."""

    model: torch.nn.Module
    step: object
    history: pd.DataFrame
    about: dict


def train_or_load(
    recipe, tensors, settings, epochs, evaluate=None, held=(), title=None, retrain=False
):
    """Open the run of this recipe, data and settings, or train it for `epochs` and keep it.

    settings: dict of the recipe's keyword arguments; defaults are filled in, and a name that the
    recipe does not know is a TypeError. evaluate(model, *held) -> dict of floats is asked after
    every epoch; it and the tensors `held` are part of the key. retrain: train it anew, even where
    it is kept, unless that happened in this process already. Raises loop.Diverged on a NaN, and
    OSError before any training when the cache cannot be written.
    """
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; a run needs at least one")
    distributed.join()
    about = distributed.on_rank_zero(
        lambda: keys.describe(recipe, tensors, settings, epochs, evaluate, held)
    )
    settings = about["settings"]
    # What comes after draws the same, whether trained or opened.
    with distributed.fork_rng(), contextlib.ExitStack() as turn:
        step, batches = begin(recipe, tensors, settings)
        behaviour = fingerprint.Behaviour(recipe, tensors, about, evaluate, held)
        look = lambda: opening.open_run(about, behaviour, step, retrain)
        record = distributed.on_rank_zero(look)
        if record is None:
            _take_turn(about, turn)
            kept = records.cached(about)[0]  # by now, where another process trained the run
            record = distributed.on_rank_zero(lambda: look() if kept.is_file() else None)
        if record is None:
            # A run that was looked at and not used may have left its weights in the first one.
            step, batches = begin(recipe, tensors, settings)
            measure = measure_of(evaluate, step, held) if evaluate else None
            if retrain:
                distributed.on_rank_zero(lambda: _forget(about))
            record = _train(about, behaviour, step, batches, measure, title or about["recipe"])
        else:
            rehearsal.note_kept(record["about"])
    distributed.on_rank_zero(lambda: records.note(record))
    distributed.broadcast(step)
    loop.set_training(step, False)
    weights = {"weights_sha256": record["weights_sha256"]}
    return Run(step.best, step, pd.DataFrame(record["history"]), record["about"] | weights)


# ---- training -----------------------------------------------------------------------------------


def begin(recipe, tensors, settings):
    """(step, batches) as the run of these settings begins with."""
    torch.manual_seed(settings.get("seed", 0))
    return recipe(*tensors, **settings)


def _take_turn(about, turn):
    """Enter into the ExitStack `turn`, on rank 0, the lock of the one process that trains this run.

    Where another one has it, that is said, and waited for. All ranks ask again every minute: none
    waits for rank 0 longer than the processes of a group may.
    """
    path = cache_root() / "locks" / records.name_of(about)
    if distributed.on_rank_zero(lambda: _locked(path, turn, 0)):
        return
    if distributed.rank() == 0:
        print(f"{path.name}: another process trains this run; waiting for it", flush=True)
    while not distributed.on_rank_zero(lambda: _locked(path, turn, WAIT)):
        pass


def _locked(path, turn, wait):
    """Whether the lock was had within `wait` seconds."""
    try:
        turn.enter_context(locked(path, wait))
    except Busy:
        return False
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    return True


def _forget(about):
    """A checkpoint from before the training anew began is none of it."""
    path = records.folder_of(about) / "checkpoint.safetensors"
    if path.is_file() and path.stat().st_mtime < opening.since():
        path.unlink()


def _train(about, behaviour, step, batches, measure, title):
    if distributed.rank() == 0:
        n_steps = about["epochs"] * len(batches)
        print(f"{title}: training, {n_steps} steps{opening.earlier_cost(about)}")
    mark = distributed.on_rank_zero(behaviour.mark)
    reserve = distributed.on_rank_zero(lambda: _reserve(about, step))
    checkpoint = Checkpoint(records.folder_of(about), mark, behaviour.misfit)
    with distributed.distribute(step, batches) as (update, shards):
        if rehearsal.file():
            history = rehearsal.fit(about, update, shards, measure)
        else:
            history = loop.fit(
                update,
                shards,
                about["epochs"],
                measure,
                distributed.SharedCheckpoint(checkpoint),
                title,
                progress=distributed.rank() == 0,
            )
    about = about | {
        "seconds": float(history.seconds.iloc[-1]) if len(history) else 0.0,
        "device": device_name(next(step.best.parameters()).device),
        "steps": about["epochs"] * len(batches),
        "torch": torch.__version__,
    }
    record = mark | {
        "about": about,
        "summary": opening.summary(behaviour.data()),
        "finished": time.time(),
    }
    record["history"] = history.to_dict("list")
    return distributed.on_rank_zero(lambda: _keep(record, step, checkpoint.path, reserve))


def measure_of(evaluate, step, held):
    """What is asked after an epoch: rank 0 measures, where the model is by then."""

    def measure():
        place = next(step.best.parameters()).device
        return evaluate(step.best, *(t.to(place) for t in held))

    return lambda: distributed.on_rank_zero(measure)


def _reserve(about, step):
    """A file as large as the run will be, so that a full disk is found out before the training."""
    path = records.folder_of(about) / "reserve"
    tensors = [t for part in distributed.modules(step) for t in part.state_dict().values()]
    size = sum(t.numel() * t.element_size() for t in tensors) + 2**16
    try:
        write_bytes(path, bytes(size))
    except OSError as error:
        raise _unwritable(path.parent, error, f" ({size / 1e6:.1f} MB are needed)") from None
    return path


def _unwritable(folder, error, need=""):
    return OSError(
        f"kept runs cannot be written to {folder}: {error.strerror}{need}. Free the place, or "
        "name another folder in COURSE_CACHE."
    )


def _keep(record, step, checkpoint, reserve):
    reserve.unlink(missing_ok=True)
    modules = {n: p for n, p in step.parts.items() if isinstance(p, torch.nn.Module)}
    states = {name: part.state_dict() for name, part in modules.items()}
    record = records.write(records.cached(record["about"]), record, states)
    checkpoint.unlink(missing_ok=True)
    for part in checkpoint.parent.glob("*.part"):  # half a file of a process that was killed
        if abandoned(part):
            part.unlink(missing_ok=True)
    return record
