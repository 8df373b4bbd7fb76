"""What trainings would take, found out by a few steps of each.

Where COURSE_REHEARSAL names a file, runs.train_or_load makes a few steps in place of each training,
and the file gets a line for each. reports/minutes.py runs a notebook so, with a cache that is
thrown away, to choose how many epochs fit into some minutes.
"""

import json
import operator
import os
import time
from functools import partial

import pandas as pd

from course_lib.training import distributed, keys
from course_lib.training.fingerprint import first, plain
from course_lib.training.loop import set_training

N_STEPS, SECONDS = 10, 2.0  # timed are so many steps, or those of so many seconds
SAVING = 1.05  # checkpoints may take a twentieth of the time (checkpoint.py)


def file():
    """The file that this rehearsal writes; None where nothing is rehearsed."""
    return os.environ.get("COURSE_REHEARSAL")


def note(**facts):
    """One line more in the file; nothing where nothing is rehearsed.

    rest: seconds by which the notebook will take longer, beside its trainings, than its rehearsal.
    """
    if file():
        with open(file(), "a", encoding="utf-8") as lines:
            lines.write(json.dumps(facts) + "\n")


def note_training(about, epoch_seconds, kept):
    """A line for a training; kept: it need not be trained. `training` is the same where two differ
    in nothing but what is measured after each epoch, or at the end."""
    names = ("recipe", "settings", "epochs", "data_sha256")
    recipe, settings, epochs, data = (about[name] for name in names)
    key = keys.identity(recipe, settings, epochs, None, data)["key"]
    facts = {"recipe": recipe, "epochs": epochs, "training": key}
    note(**facts, epoch_seconds=epoch_seconds, kept=kept)


def note_kept(about):
    """A training that is opened: what an epoch took when it was trained."""
    note_training(about, about["seconds"] / about["epochs"], kept=True)


def fit(about, step, batches, evaluate=None):
    """In place of loop.fit: a few steps, and a history as long as that of the whole training."""
    begun, epochs = time.perf_counter(), about["epochs"]
    row, seconds = timed_epoch(step, batches, epochs, evaluate)
    note_training(about, seconds, kept=False)
    note(rest=begun - time.perf_counter())
    rows = [{"epoch": i} | row | {"seconds": i * seconds} for i in range(1, epochs + 1)]
    return pd.DataFrame(rows)


def timed_epoch(step, batches, epochs=1, evaluate=None, n_steps=N_STEPS):
    """(a row of the history, the seconds an epoch would take), from n_steps of the steps that a
    training of so many epochs makes, fewer where they are slow, and one evaluate()."""
    set_training(step, True)
    row, a_step = _timed_steps(step, batches, min(1 + n_steps, epochs * len(batches)))
    set_training(step, False)
    begun = time.perf_counter()
    row |= {name: float(value) for name, value in evaluate().items()} if evaluate else {}
    return row, a_step * len(batches) + time.perf_counter() - begun


def _timed_steps(step, batches, n):
    """(terms of the last step, mean seconds of a step) of at most n steps. The first one, which
    has to find its memory, counts only where it is the only one."""
    stream = first(batches, n)
    if n > 1:
        plain(step(*next(stream)))
    begun, over, done = time.perf_counter(), False, 0
    while not over:
        row = plain(step(*next(stream)))
        seconds, done = time.perf_counter() - begun, done + 1
        over = done >= n - 1 or distributed.on_rank_zero(partial(operator.gt, seconds, SECONDS))
    return row, seconds / done
