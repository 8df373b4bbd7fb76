"""Train a family on several processes, GPUs or hosts; a notebook then opens the kept run.

One host with 8 GPUs (the same line with fewer, or none, trains on as many CPU processes):

    torchrun --standalone --nproc-per-node=8 --max-restarts=3 -m course_lib.training \\
        hvae --data imagenet-64 --held 5000 --epochs 10 batch=256 lr=1e-3

Two hosts, the same line on each; every host needs the prepared set:

    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    torchrun --nnodes=2 --nproc-per-node=8 --max-restarts=3 --rdzv-backend=c10d --rdzv-id=hvae \\
        --rdzv-endpoint=FIRST_HOST:29400 -m course_lib.training hvae --data imagenet-64 ...

batch is that of all processes together. The run is runs.train_or_load(hvae.recipe, [x], settings,
epochs), with hvae.held_out and [x_test] behind it where the family has `held_out` and the set a
test split. Rank 0 writes the checkpoint and the run; a process that dies is restarted by torchrun
together with the others, and all take up that checkpoint. Bad input is one line a host, which
torchrun's restarts repeat: it cannot know that trying again does not help.
"""

import argparse
import ast
import importlib
import inspect
import os
import sys

import torch.distributed as dist

from course_lib.data import sets
from course_lib.data.batches import binarise, downsample
from course_lib.training import distributed, loop, records, runs


def main(words=None):
    """The exit status: 0, 1 for a loss that is no number, 2 for input that a person can mend."""
    try:
        options = read(words)
        recipe, evaluate = family(options.family)
        options.settings = settings(recipe, options.settings, options.epochs)
        distributed.join(alone=True)
        report(*trained(options, recipe, evaluate))
    except loop.Diverged as error:
        return stop(error, 1)
    except (OSError, ValueError) as error:
        return stop(error, 2)
    dist.destroy_process_group()
    return 0


def stop(error, status):
    """Say it once a host: a set may be missing on one of them."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"course_lib.training: {error}", file=sys.stderr, flush=True)
    return status


def read(words):
    """The command line; ValueError where argparse would print its help, once a process."""
    parser = argparse.ArgumentParser(
        "torchrun ... -m course_lib.training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("family", help="hvae, vae, ...; ae.conv_recipe where a family has several")
    parser.add_argument("settings", nargs="*", help="name=value of the recipe, values in Python")
    parser.add_argument("--data", required=True, help="an embedded or prepared set; split train")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--pictures", type=int, help="the first n pictures only")
    parser.add_argument("--held", type=int, help="evaluate on the first n test pictures only")
    parser.add_argument("--side", type=int, help="averaged to this side, in each rank's memory")
    parser.error = refuse
    return parser.parse_intermixed_args(words)


def refuse(message):
    raise ValueError(message)


def family(name):
    """(recipe, held_out or None) of "vae" or "ae.conv_recipe"."""
    file, _, function = name.partition(".")
    try:
        module = importlib.import_module(f"course_lib.models.{file}")
    except ModuleNotFoundError:
        raise ValueError(f"there is no family '{file}' in course_lib.models") from None
    recipe = getattr(module, function or "recipe", None)
    if recipe is None:
        found = [f"{file}.{n}" for n in vars(module) if n.endswith("recipe")]
        raise ValueError(f"'{name}' is no recipe; {file} has {', '.join(found) or 'none'}")
    return recipe, getattr(module, "held_out", None)


def settings(recipe, pairs, epochs):
    """{name: value} of ["batch=256", ...]; ValueError on what the recipe does not know. A recipe
    whose schedule has a length of its own is given `epochs`."""
    known = inspect.signature(recipe).parameters
    more = [n for n in list(known)[1:] if known[n].default is inspect.Parameter.empty]
    if more:
        raise ValueError(
            f"this recipe needs {', '.join(more)} beside the pictures: call runs.train_or_load in "
            "a script under torchrun"
        )
    usual = {n: known[n].default for n in list(known)[1:]}
    scheduled = {"epochs": epochs} if usual.get("epochs") else {}
    return scheduled | dict(setting(pair, usual) for pair in pairs)


def setting(pair, usual):
    """(name, value) of "batch=256"; usual: {name: default} of the recipe."""
    name, _, text = pair.partition("=")
    if name not in usual:
        raise ValueError(f"the recipe has no setting '{name}'; it has {', '.join(usual)}")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"'{pair}': write it as in Python, batch=256 or width=(64,32)") from None
    kind = {int: (int,), float: (int, float), tuple: (tuple, list)}.get(type(usual[name]))
    if kind and not isinstance(value, kind):
        raise ValueError(f"'{pair}': {name} is {usual[name]!r} by default; give a value like it")
    return name, value


def trained(options, recipe, evaluate):
    """The run, and how many pictures it trained on."""
    x, held = pictures(options, "train", options.pictures), []
    if evaluate is not None and has_test(options.data):
        held = [pictures(options, "test", options.held)]
        if options.settings.get("n_mixtures") == 0:  # the likelihood is of binary pictures
            held = [binarise(held[0], seed=0)]
    if options.epochs > 0:
        try_out(options, recipe, x)
    run = runs.train_or_load(
        recipe, [x], options.settings, options.epochs, evaluate if held else None, held
    )
    return run, len(x)


def try_out(options, recipe, x):
    """A step on four pictures, thrown away: ValueError where family and pictures do not fit."""
    few = options.settings | {"batch": min(4, options.settings.get("batch", 4))}
    try:
        with distributed.fork_rng():
            step, batches = recipe(x[:4].clone(), **few)
            step(*next(iter(batches.epoch(0))))
    except (TypeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{options.family} cannot train on pictures {tuple(x.shape[1:])} of "
            f"'{options.data}' with these settings: {reason}"
        ) from error


def pictures(options, split, n=None):
    if options.side is not None and options.side < 1:
        raise ValueError(f"--side {options.side}: a side is at least one pixel")
    x = sets.load(options.data, split, n).x
    return downsample(x, options.side) if options.side else x


def has_test(name):
    """Whether a set has a test split; prepared sets may have none."""
    try:
        sets.load(name, "test", 1)
    except sets.DataMissing:
        raise
    except ValueError:
        return False
    return True


def report(run, n):
    """Where the run lies, and how quickly it was trained."""
    if distributed.rank() == 0:
        seen = run.about["steps"] * min(run.about["settings"]["batch"], n)
        print(
            f"kept under {run.about['key']} in {records.folder_of(run.about)}; trained at "
            f"{seen / run.about['seconds']:.0f} images/s, evaluation included, on "
            f"{run.about['device']}"
        )


if __name__ == "__main__":
    sys.exit(main())
