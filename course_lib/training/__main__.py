"""Train a family on several processes, GPUs or hosts; a notebook then opens the kept run.

One host with 8 GPUs (the same line with fewer, or none, trains on as many CPU processes):

    torchrun --standalone --local-addr=127.0.0.1 --nproc-per-node=8 --max-restarts=3 \\
        -m course_lib.training hvae --data imagenet-64 --held 5000 --epochs 10 --batch 256 --lr 1e-3

Two hosts, the same line on each; every host needs the prepared set:

    export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    torchrun --nnodes=2 --nproc-per-node=8 --max-restarts=3 --rdzv-backend=c10d --rdzv-id=hvae \\
        --rdzv-endpoint=FIRST_HOST:29400 -m course_lib.training hvae --data imagenet-64 ...

Without torchrun it trains in one process. `python -m course_lib.training hvae --help` lists the
settings of a family; --batch is the batch of all processes together. With --minutes 60 as many of
the epochs are trained as fit into an hour, found out by a few steps. The run is
runs.train_or_load(hvae.recipe, [x], settings, epochs), with hvae.held_out and [x_test] behind it
where the family has `held_out` and the set a test split. Rank 0 writes the checkpoint and the run;
a process that dies is restarted by torchrun together with the others, and all take up that
checkpoint. Bad input is one line a host, which torchrun's restarts repeat: it cannot know that
trying again does not help.
"""

import argparse
import importlib
import inspect
import math
import os
import sys

from course_lib.data import sets
from course_lib.data.batches import binarise, downsample
from course_lib.paths import REPOSITORY
from course_lib.training import distributed, loop, records, runs, timebox

PROGRAM = "torchrun ... -m course_lib.training"


def main(words=None):
    """The exit status: 0, 1 for a loss that is no number, 2 for input that a person can mend."""
    try:
        options, settings = read(sys.argv[1:] if words is None else words)
        distributed.join(alone=True)
        report(*train(options, settings))
    except loop.Diverged as error:
        return stop(error, 1)
    except (OSError, ValueError) as error:
        return stop(error, 2)
    distributed.leave()
    return 0


def stop(error, status):
    """Say it once a host: a set may be missing on one of them."""
    if first_of_host():
        print(f"course_lib.training: {error}", file=sys.stderr, flush=True)
    return status


def first_of_host():
    """Whether this process speaks for its host."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is a ValueError in one line, and help is printed once a host."""

    def error(self, message):
        raise ValueError(message)

    def print_help(self, file=None):
        if first_of_host():
            super().print_help(file)


def read(words):
    """The command line: what belongs to the command, and {name: value} of the recipe's settings."""
    first = Parser(PROGRAM, description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    first.add_argument("family", help="hvae, vae, ...; ae.conv_recipe where a family has several")
    name = first.parse_args(words[:1]).family
    recipe, evaluate = family(name)
    defaults = settings_of(recipe)
    second = parser(name, recipe, defaults)
    second.set_defaults(family=name, recipe=recipe, evaluate=evaluate)
    options, unknown = second.parse_known_args(words[1:])
    if options.minutes is not None and not 0 < options.minutes < math.inf:
        raise ValueError(f"--minutes {options.minutes:g}: say a number above 0")
    if getattr(options, "batch", 1) < 1:
        raise ValueError(f"--batch {options.batch}: a batch is at least one picture")
    if unknown:
        names = ", ".join(f"--{setting}" for setting in defaults)
        raise ValueError(f"{name} knows no {' '.join(unknown)}; its settings are {names}")
    settings = {setting: getattr(options, setting) for setting in defaults}
    return options, {s: tuple(v) if isinstance(v, list) else v for s, v in settings.items()}


def family(name):
    """(recipe, held_out or None) of "vae" or "ae.conv_recipe"."""
    file, _, function = name.partition(".")
    try:
        module = importlib.import_module(f"course_lib.models.{file}")
    except ModuleNotFoundError:
        files = sorted((REPOSITORY / "course_lib" / "models").glob("*.py"))
        known = ", ".join(p.stem for p in files if "recipe(" in p.read_text(encoding="utf-8"))
        raise ValueError(f"there is no family '{file}'; there are {known}") from None
    recipe = getattr(module, function or "recipe", None)
    if recipe is None:
        recipes = [f"{file}.{n}" for n in vars(module) if n.endswith("recipe")]
        raise ValueError(f"'{name}' is no recipe; {file} has {', '.join(recipes) or 'none'}")
    return recipe, getattr(module, "held_out", None)


def settings_of(recipe):
    """{name: default} of all but the pictures; ValueError for a recipe that needs more."""
    _, *parameters = inspect.signature(recipe).parameters.values()
    needed = [p.name for p in parameters if p.default is inspect.Parameter.empty]
    if needed:
        raise ValueError(
            f"this recipe needs {', '.join(needed)} beside the pictures: call runs.train_or_load "
            "in a script under torchrun"
        )
    return {p.name: p.default for p in parameters}


def parser(name, recipe, defaults):
    """The options of the command, and each setting of the recipe with its type and default. A
    recipe whose schedule has a length of its own is given --epochs."""
    usage = f"{PROGRAM} {name} --data SET --epochs N [--setting VALUE ...]"
    options = Parser(usage=usage, description=inspect.getdoc(recipe), allow_abbrev=False)
    options.add_argument("--data", required=True, help="an embedded or prepared set; split train")
    options.add_argument("--epochs", required=True, type=int, help="how many to train")
    options.add_argument("--minutes", type=float, help="as many of the epochs as fit into them")
    options.add_argument("--pictures", type=int, help="the first n pictures only")
    options.add_argument("--held", type=int, help="evaluate on the first n test pictures only")
    options.add_argument("--side", type=int, help="averaged to this side, in each rank's memory")
    settings = options.add_argument_group(f"settings of {name}, and their defaults")
    for setting, default in defaults.items():
        if setting != "epochs":
            add_setting(settings, f"--{setting}", default)
    return options


def add_setting(group, option, default):
    """A flag, a number, or as many numbers as the default has."""
    if isinstance(default, bool):
        action = argparse.BooleanOptionalAction
        group.add_argument(option, action=action, default=default, help=f"{default}")
        return
    values = default if isinstance(default, tuple) else (default,)
    kind = float if default is None else type(values[0])  # None: a sigma that is learnt
    group.add_argument(
        option,
        type=kind,
        nargs=len(values) if isinstance(default, tuple) else None,
        default=default,
        metavar=kind.__name__.upper(),
        help=" ".join(map(str, values)),
    )


def train(options, settings):
    """The run, and how many pictures it trained on."""
    x, held = pictures(options, "train", options.pictures), []
    if options.evaluate is not None and has_test(options.data):
        held = [pictures(options, "test", options.held)]
        if settings.get("n_mixtures") == 0:  # the likelihood is of binary pictures
            held = [binarise(held[0], seed=0)]
    if options.epochs > 0:
        try_out(options, settings, x)
    evaluate, epochs = options.evaluate if held else None, options.epochs
    if options.minutes is not None and epochs > 0:
        epochs = timebox.epochs_within(
            options.minutes, options.recipe, [x], settings, epochs, evaluate, held
        )
        schedules = [name for name in ("epochs", "anneal") if settings.get(name) == options.epochs]
        settings |= dict.fromkeys(schedules, epochs)
    return runs.train_or_load(options.recipe, [x], settings, epochs, evaluate, held), len(x)


def try_out(options, settings, x):
    """A step on four pictures, thrown away: ValueError where family and pictures do not fit."""
    settings = settings | {"batch": min(4, settings.get("batch", 4))}
    try:
        with distributed.fork_rng():
            step, batches = options.recipe(x[:4].clone(), **settings)
            step(*next(iter(batches.epoch(0))))
    except (TypeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{options.family} cannot train on pictures {tuple(x.shape[1:])} of "
            f"'{options.data}' with these settings. Many nets are for pictures of one side (28 or "
            f"64), and --side makes pictures smaller. torch says: {reason}"
        ) from error


def pictures(options, split, n=None):
    """The first n pictures of a split, at the side that was asked for."""
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
        n_seen = run.about["steps"] * min(run.about["settings"]["batch"], n)
        print(
            f"kept under {run.about['key']} in {records.folder_of(run.about)}; trained at "
            f"{n_seen / run.about['seconds']:.0f} images/s, evaluation included, on "
            f"{run.about['device']}"
        )


if __name__ == "__main__":
    sys.exit(main())
