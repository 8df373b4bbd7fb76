"""As many epochs as fit into some minutes, for the command: chosen once, and kept in cache/minutes.

A run that is killed and started again with the same words is so the same run, with the same key.
"""

from course_lib.atomic import Unreadable, read_json, write_json
from course_lib.paths import cache_root
from course_lib.training import distributed, keys, records, rehearsal, runs
from course_lib.training.source_digest import source_digest

N_STEPS = 200  # or those of rehearsal.SECONDS: a moment in which the machine is busy decides less


def epochs_within(minutes, recipe, tensors, settings, epochs, evaluate=None, held=()):
    """How many of the epochs of this run (see runs.train_or_load) fit, by a few steps and one
    evaluation. Under torchrun all ranks get the same. ValueError where not one fits."""
    describe = lambda: keys.describe(recipe, tensors, settings, epochs, evaluate, held)
    about = distributed.on_rank_zero(describe)
    path = cache_root() / "minutes" / f"{records.name_of(about)}-{minutes:g}.json"
    asked = {"minutes": minutes, "of": epochs, "source_sha256": source_digest(recipe)}
    asked |= {"device": distributed.device_name(tensors[0].device)}  # and how many of them
    chosen = distributed.on_rank_zero(lambda: _kept(path, asked))
    before = "" if chosen is None else f", as chosen before (kept in {path})"
    if chosen is None:
        seconds = _epoch_seconds(recipe, tensors, about["settings"], epochs, evaluate, held)
        chosen = distributed.on_rank_zero(lambda: fitting(minutes, epochs, seconds))
        distributed.on_rank_zero(lambda: write_json(path, asked | {"epochs": chosen}))
    if distributed.rank() == 0:
        print(f"{minutes:g} minutes: {chosen} of {epochs} epochs{before}", flush=True)
    return chosen


def fitting(minutes, epochs, seconds):
    """How many of the epochs, of so many seconds each, fit; ValueError where not one does."""
    one = rehearsal.SAVING * seconds / 60
    if one > minutes:
        raise ValueError(
            f"--minutes {minutes:g} is too short: one epoch takes about {one:.2g} minutes"
        )
    return min(epochs, int(minutes / one))


def _kept(path, asked):
    """What was chosen before for the same words and the same code; None where nothing was."""
    try:
        kept = read_json(path)
        return kept["epochs"] if kept == kept | asked else None
    except (FileNotFoundError, Unreadable, KeyError, TypeError):
        return None


def _epoch_seconds(recipe, tensors, settings, epochs, evaluate, held):
    with distributed.fork_rng():
        step, batches = runs.begin(recipe, tensors, settings)
        measure = runs.measure_of(evaluate, step, held) if evaluate else None
        with distributed.distribute(step, batches) as (update, shards):
            return rehearsal.timed_epoch(update, shards, epochs, measure, N_STEPS)[1]
