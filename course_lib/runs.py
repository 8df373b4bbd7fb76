"""Kept runs: a trained model lies under a key made of its source, its arguments and its data.

    run = runs.kept(vae.recipe, [x_train], dict(z_dim=64, beta=1.0), epochs=20)
    run.model, run.history, run.about

A recipe is a function of a family file, `recipe(*tensors, **settings) -> (step, batches)`. The
first call trains and keeps the weights (safetensors) and the history (JSON, never pickle) in
cache/runs/<family>-<key>/. The next call, in any process, opens them. What is stale or damaged is
noticed, said and trained again. A run killed at any moment goes on where its last checkpoint stands
and ends in the same weights, bit for bit on the CPU.

Under torchrun all of this is the same, and so is the key: rank 0 looks, opens and writes, all ranks
train, and all return the run (see ranks.py for what they share, parallel.py for the command).
"""

import ast
import functools
import hashlib
import inspect
import json
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from safetensors import SafetensorError
from tqdm import tqdm

from course_lib import data, ranks, train
from course_lib.files import file_digest, read_tree, write_text, write_tree
from data_scripts.common import cache_root


class Run(NamedTuple):
    """model: evaluation mode, on its device (the averaged weights where the recipe averages).
    step: all parts. history: DataFrame, a row an epoch. about: key, settings, seconds, device."""

    model: torch.nn.Module
    step: object
    history: pd.DataFrame
    about: dict


def kept(recipe, tensors, settings, epochs, evaluate=None, held=(), title=None):
    """Open the run of this recipe, data and settings, or train it for `epochs` and keep it.

    settings: dict of the recipe's keyword arguments; defaults are filled in, and a name that the
    recipe does not know is a TypeError. evaluate(model, *held) -> dict of floats is asked after
    every epoch; it and the tensors `held` are part of the key. Raises train.Diverged on a NaN, and
    OSError before any training when the cache cannot be written.
    """
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; a run needs at least one")
    ranks.join()
    settings = arguments(recipe, tensors, settings)
    if settings.get("epochs", 0) not in (0, epochs):
        raise ValueError(f"the recipe's schedule is for epochs={settings['epochs']}, the run has "
                         f"{epochs}: give both the same number")  # fmt: skip
    names = ranks.first(lambda: [data.digest(*tensors), data.digest(*held)])
    about = {
        "recipe": f"{recipe.__module__.removeprefix('course_lib.')}.{recipe.__name__}",
        "settings": settings, "epochs": epochs, "data_sha256": names[0],
        "evaluate": [source_digest(evaluate), names[1]] if evaluate else None,
    }  # fmt: skip
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
    about |= {"key": key, "source_sha256": source_digest(recipe)}
    folder = folder_of(about)
    with ranks.fork_rng():  # what comes after draws the same, whether trained or opened
        torch.manual_seed(settings.get("seed", 0))
        step, batches = recipe(*tensors, **settings)
        found = ranks.first(lambda: _open(folder, about, step))
        if found is None:
            measure = _measure_of(evaluate, step, held) if evaluate else None
            found = _train(folder, about, step, batches, measure, title or about["recipe"])
    ranks.share(step)
    train.set_training(step, False)
    return Run(step.best, step, pd.DataFrame(found["history"]), found["about"])


def folder_of(about):
    """Where a run lies."""
    return cache_root() / "runs" / f"{about['recipe']}-{about['key']}"


def arguments(recipe, tensors, settings):
    """All keyword arguments of the recipe, defaults filled in; TypeError on an unknown one."""
    bound = inspect.signature(recipe).bind(*tensors, **settings)
    bound.apply_defaults()
    return dict(list(bound.arguments.items())[len(tensors) :])


def source_digest(function):
    """sha256 of what decides a run's weights: the recipe, every function and class of course_lib
    that it reaches, the update, and the order and scale of the pictures.

    Comments, docstrings and layout do not count, nor what the recipe does not use: a better
    explanation and a new formula retrain nothing. Of a function that is written in a notebook only
    its own text counts, not what it calls: after a change there, delete its runs in the cache.
    """
    module = sys.modules[function.__module__]
    if not module.__name__.startswith("course_lib."):  # a function written in a notebook or test
        return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()
    reached = {}
    _reach(Path(module.__file__), function.__name__, reached)
    texts = [reached[place] for place in sorted(reached)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _reach(path, name, reached):
    """Into `reached`, {(module, name): code}: a definition of a file and all that it uses."""
    defined, modules, names = _top_level(path)
    if name in names:  # from course_lib.<module> import <name>
        return _reach(path.with_name(f"{names[name]}.py"), name, reached)
    if name not in defined or (path.stem, name) in reached:
        return
    reached[path.stem, name] = _bare(ast.unparse(defined[name]))
    for node in ast.walk(defined[name]):
        if isinstance(node, ast.Name):
            _reach(path, node.id, reached)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in modules:
                _reach(path.with_name(f"{node.value.id}.py"), node.attr, reached)


@functools.cache
def _top_level(path):
    """A file's definitions by name, the modules of course_lib that it imports, and {name: module}
    of what it imports from one."""
    defined, modules, names = {}, set(), {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign):
            defined |= {t.id: node for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.module == "course_lib":
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("course_lib."):
            names |= {a.name: node.module.removeprefix("course_lib.") for a in node.names}
    return defined, modules, names


def _bare(text):
    """The code without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(getattr(body[0].value, "value", None), str):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


class Measured(NamedTuple):
    """values: a tensor, a row a picture. seconds: what it took, also when it was opened."""

    values: torch.Tensor
    seconds: float


def measured(run, function, tensors, settings, part=1000, title="measuring"):
    """function(run.model, *tensors, **settings), a row a picture, kept beside the run.

    For what takes minutes. It is computed `part` pictures at a time, each with its own seed and
    kept at once, so that a kill loses one part at most. The key is made of the function's source,
    the settings, the data and the run. Pictures reach the function as floats in [0, 1].
    """
    settings = arguments(function, [run.model, *tensors], settings)
    about = [source_digest(function), data.digest(*tensors), settings, part,
             file_digest(folder_of(run.about) / "weights.safetensors")]  # fmt: skip
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
    return Measured(torch.cat([f["values"] for f in found]), sum(f["seconds"] for f in found))


def _measure(model, function, tensors, settings, seed):
    begun = time.perf_counter()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        floats = [data.pixels(t) if t.dtype == torch.uint8 else t for t in tensors]
        values = function(model, *floats, **settings)
    return {"values": values.cpu(), "seconds": time.perf_counter() - begun}


# ---- a kept run on disk -------------------------------------------------------------------------


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
        print(f"kept run {folder.name}: opened ({epochs} epochs, trained in {how['seconds']:.0f} s "
              f"on {how['device']})")  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        print(f"kept run {folder.name}: {error}; it is trained again")
        shutil.rmtree(folder)
        return None
    return found


def _shapes(state):
    return {name: tensor.shape for name, tensor in state.items()}


def _train(folder, about, step, batches, measure, title):
    started = time.time()
    ranks.first(lambda: _try_to_write(folder))
    checkpoint = ranks.Shared(Checkpoint(folder, about["source_sha256"]))
    with ranks.spread(step, batches) as (update, shards):
        history = train.fit(
            update, shards, about["epochs"], measure, checkpoint, title, progress=ranks.rank() == 0
        )
    about = about | {
        "seconds": float(history.seconds.iloc[-1]) if len(history) else 0.0,
        "device": device_name(next(step.best.parameters()).device),
        "steps": about["epochs"] * len(batches), "torch": torch.__version__,
    }  # fmt: skip
    return ranks.first(lambda: _keep(folder, about, step, history, checkpoint.path, started))


def _measure_of(evaluate, step, held):
    """What train.fit asks after an epoch: rank 0 measures, where the model is by then."""

    def measure():
        place = next(step.best.parameters()).device
        return evaluate(step.best, *(t.to(place) for t in held))

    return lambda: ranks.first(measure)


def _keep(folder, about, step, history, checkpoint, started):
    modules = {n: p for n, p in step.parts.items() if isinstance(p, torch.nn.Module)}
    weights = folder / "weights.safetensors"
    write_tree(weights, {name: part.state_dict() for name, part in modules.items()})
    record = {"about": about, "parts": list(modules), "weights_sha256": file_digest(weights),
              "history": history.to_dict("list")}  # fmt: skip
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


class Checkpoint:
    """The state of a run under way, one file, replaced whole; saved about every `every` seconds."""

    def __init__(self, folder, source, every=20.0):
        self.path, self.source, self.every = folder / "checkpoint.safetensors", source, every
        self.last, self.cost = time.perf_counter(), 0.0

    def due(self):
        """Never more than a twentieth of the time goes into saving."""
        return time.perf_counter() - self.last > max(self.every, 20 * self.cost)

    def save(self, state):
        begun = time.perf_counter()
        try:
            write_tree(self.path, state | {"source": self.source})
        except (OSError, SafetensorError) as error:
            print(f"checkpoint not written ({error}); training goes on, the last one stays")
        self.last = time.perf_counter()
        self.cost = self.last - begun

    def load(self):
        """The last saved state, or None; a damaged or stale one is said and put away."""
        if not self.path.is_file():
            return None
        try:
            state = read_tree(self.path)
            if state["source"] != self.source:
                raise ValueError("the source of its family changed since")
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            print(f"{self.path.parent.name}: checkpoint not used ({error}); training starts anew")
            self.path.unlink(missing_ok=True)
            return None
        print(f"{self.path.parent.name}: taken up at epoch {state['epoch'] + 1}, "
              f"batch {state['index'] + 1}")  # fmt: skip
        return state


def device_name(device):
    """What a protocol calls the device: 'cpu (2 threads)' or the GPU's own name."""
    times = f"{ranks.world()} x " if ranks.world() > 1 else ""
    if device.type == "cuda":
        return times + torch.cuda.get_device_name(device)
    return f"{times}{device.type} ({torch.get_num_threads()} threads)"
