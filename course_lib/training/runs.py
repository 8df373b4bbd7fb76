"""Kept runs: a trained model lies under a key made of its source, its arguments and its data.

    run = runs.train_or_load(vae.recipe, [x_train], dict(z_dim=64, beta=1.0), epochs=20)
    run.model, run.history, run.about

A recipe is a function of a family file, `recipe(*tensors, **settings) -> (step, batches)`. The
first call trains and keeps the weights (safetensors) and the history (JSON, never pickle) in
cache/runs/<family>-<key>/. The next call, in any process, opens them. What is stale or damaged is
noticed, said and trained again. A run killed at any moment goes on where its last checkpoint stands
and ends in the same weights, bit for bit on the CPU.

Under torchrun all of this is the same, and so is the key: rank 0 looks, opens and writes, all ranks
train, and all return the run (see distributed.py for what they share, __main__.py for the command).
"""

import hashlib
import inspect
import json
import shutil
import time
from typing import NamedTuple

import pandas as pd
import torch
from safetensors import SafetensorError
from tqdm import tqdm

from course_lib.atomic import file_digest, write_text
from course_lib.data import sets
from course_lib.data.batches import pixels
from course_lib.paths import cache_root
from course_lib.training import distributed, loop
from course_lib.training.checkpoint import Checkpoint, read_tree, write_tree
from course_lib.training.distributed import device_name
from course_lib.training.source_digest import source_digest


class Run(NamedTuple):
    """model: evaluation mode, on its device (the averaged weights where the recipe averages).
    step: all parts. history: DataFrame, a row an epoch. about: key, settings, seconds, device."""

    model: torch.nn.Module
    step: object
    history: pd.DataFrame
    about: dict


def train_or_load(recipe, tensors, settings, epochs, evaluate=None, held=(), title=None):
    """Open the run of this recipe, data and settings, or train it for `epochs` and keep it.

    settings: dict of the recipe's keyword arguments; defaults are filled in, and a name that the
    recipe does not know is a TypeError. evaluate(model, *held) -> dict of floats is asked after
    every epoch; it and the tensors `held` are part of the key. Raises loop.Diverged on a NaN, and
    OSError before any training when the cache cannot be written.
    """
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; a run needs at least one")
    distributed.join()
    settings = arguments(recipe, tensors, settings)
    if settings.get("epochs", 0) not in (0, epochs):
        raise ValueError(
            f"the recipe's schedule is for epochs={settings['epochs']}, the run has "
            f"{epochs}: give both the same number"
        )
    names = distributed.on_rank_zero(lambda: [sets.digest(*tensors), sets.digest(*held)])
    about = {
        "recipe": f"{recipe.__module__.removeprefix('course_lib.')}.{recipe.__name__}",
        "settings": settings,
        "epochs": epochs,
        "data_sha256": names[0],
        "evaluate": [source_digest(evaluate), names[1]] if evaluate else None,
    }
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    about |= {"key": key, "source_sha256": source_digest(recipe)}
    folder = folder_of(about)
    with distributed.fork_rng():  # what comes after draws the same, whether trained or opened
        torch.manual_seed(settings.get("seed", 0))
        step, batches = recipe(*tensors, **settings)
        found = distributed.on_rank_zero(lambda: _open(folder, about, step))
        if found is None:
            measure = _measure_of(evaluate, step, held) if evaluate else None
            found = _train(folder, about, step, batches, measure, title or about["recipe"])
    distributed.broadcast(step)
    loop.set_training(step, False)
    return Run(step.best, step, pd.DataFrame(found["history"]), found["about"])


def folder_of(about):
    """Where a run lies."""
    return cache_root() / "runs" / f"{about['recipe']}-{about['key']}"


def arguments(recipe, tensors, settings):
    """All keyword arguments of the recipe, defaults filled in; TypeError on an unknown one."""
    bound = inspect.signature(recipe).bind(*tensors, **settings)
    bound.apply_defaults()
    return dict(list(bound.arguments.items())[len(tensors) :])


class Measurement(NamedTuple):
    """values: a tensor, a row a picture. seconds: what it took, also when it was opened."""

    values: torch.Tensor
    seconds: float


def measure_or_load(run, function, tensors, settings, part=1000, title="measuring"):
    """function(run.model, *tensors, **settings), a row a picture, kept beside the run.

    For what takes minutes. It is computed `part` pictures at a time, each with its own seed and
    kept at once, so that a kill loses one part at most. The key is made of the function's source,
    the settings, the data and the run. Pictures reach the function as floats in [0, 1].
    """
    settings = arguments(function, [run.model, *tensors], settings)
    about = [
        source_digest(function),
        sets.digest(*tensors),
        settings,
        part,
        file_digest(folder_of(run.about) / "weights.safetensors"),
    ]
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    found = []
    for i in tqdm(range(0, len(tensors[0]), part), desc=title, unit="part", leave=False):
        path = folder_of(run.about) / f"{function.__name__}-{key}" / f"{i}.safetensors"
        try:
            found.append(read_tree(path))
        except (OSError, ValueError, SafetensorError):  # not there yet, or damaged
            found.append(
                _measure(run.model, function, [t[i : i + part] for t in tensors], settings, i)
            )
            write_tree(path, found[-1])
    return Measurement(torch.cat([f["values"] for f in found]), sum(f["seconds"] for f in found))


def _measure(model, function, tensors, settings, seed):
    begun = time.perf_counter()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        floats = [pixels(t) if t.dtype == torch.uint8 else t for t in tensors]
        values = function(model, *floats, **settings)
    return {"values": values.cpu(), "seconds": time.perf_counter() - begun}


def _open(folder, about, step):
    """The record of a finished run, its weights put into `step`; None when there is none to use."""
    record = folder / "run.json"
    if not record.is_file():
        return None
    try:
        found = json.loads(record.read_text())
        if found["about"]["source_sha256"] != about["source_sha256"]:
            raise ValueError("the source of its family changed since")
        weights = folder / "weights.safetensors"
        if file_digest(weights) != found["weights_sha256"]:
            raise ValueError("weights.safetensors does not match the digest in run.json")
        parts = read_tree(weights)
        for name in found["parts"]:  # all of them before any: half a run must not be put in
            if _shapes(parts[name]) != _shapes(step.parts[name].state_dict()):
                raise ValueError(f"the weights of its {name} have other names or shapes")
        for name in found["parts"]:
            step.parts[name].load_state_dict(parts[name])
        epochs, how = len(found["history"]["epoch"]), found["about"]
        print(
            f"kept run {folder.name}: opened ({epochs} epochs, trained in {how['seconds']:.0f} s "
            f"on {how['device']})"
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        print(f"kept run {folder.name}: {error}; it is trained again")
        shutil.rmtree(folder)
        return None
    return found


def _shapes(state):
    return {name: tensor.shape for name, tensor in state.items()}


def _train(folder, about, step, batches, measure, title):
    started = time.time()
    distributed.on_rank_zero(lambda: _try_to_write(folder))
    checkpoint = distributed.SharedCheckpoint(Checkpoint(folder, about["source_sha256"]))
    with distributed.distribute(step, batches) as (update, shards):
        history = loop.fit(
            update,
            shards,
            about["epochs"],
            measure,
            checkpoint,
            title,
            progress=distributed.rank() == 0,
        )
    about = about | {
        "seconds": float(history.seconds.iloc[-1]) if len(history) else 0.0,
        "device": device_name(next(step.best.parameters()).device),
        "steps": about["epochs"] * len(batches),
        "torch": torch.__version__,
    }
    return distributed.on_rank_zero(
        lambda: _keep(folder, about, step, history, checkpoint.path, started)
    )


def _measure_of(evaluate, step, held):
    """What loop.fit asks after an epoch: rank 0 measures, where the model is by then."""

    def measure():
        place = next(step.best.parameters()).device
        return evaluate(step.best, *(t.to(place) for t in held))

    return lambda: distributed.on_rank_zero(measure)


def _keep(folder, about, step, history, checkpoint, started):
    modules = {n: p for n, p in step.parts.items() if isinstance(p, torch.nn.Module)}
    weights = folder / "weights.safetensors"
    write_tree(weights, {name: part.state_dict() for name, part in modules.items()})
    record = {
        "about": about,
        "parts": list(modules),
        "weights_sha256": file_digest(weights),
        "history": history.to_dict("list"),
    }
    # run.json comes last: a folder without it is a run that is not finished.
    write_text(folder / "run.json", json.dumps(record, indent=1))
    checkpoint.unlink(missing_ok=True)
    for part in folder.glob("*.part"):  # half a file of a process that was killed before this one
        if part.stat().st_mtime < started:
            part.unlink()
    return record


def _try_to_write(folder):
    """An unusable cache is found out before the training, not after it."""
    try:
        write_text(folder / "trial", "")
        (folder / "trial").unlink()
    except OSError as error:
        raise OSError(
            f"kept runs cannot be written to {folder}: {error.strerror}. Free the place or name "
            "another folder in COURSE_CACHE."
        ) from None
