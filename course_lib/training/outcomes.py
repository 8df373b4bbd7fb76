"""What came out of trainings whose weights are too many to ship: their numbers alone.

    outcome = outcomes.outcome_or_train(recipe, [x, y], dict(seed=1), 10, two_codes.scores, held)
    outcome.numbers["one_shot"], outcome.about["seconds"]

A comparison over seeds and sizes takes dozens of trainings, of which a reader looks at few. The
others are kept as their numbers, in the cache or in weights/outcomes/, and with them what the run
does in its first five steps: numbers of code that behaves otherwise are noticed, said, and made
anew.

    python -m course_lib.training.outcomes mnist/train:x mnist/train:y   # ship what the cache holds
"""

import itertools
import sys
from typing import NamedTuple

import pandas as pd

from course_lib.atomic import Unreadable, read_json, write_json
from course_lib.data import inputs, sets
from course_lib.paths import cache_root, weights_root
from course_lib.training import fingerprint, keys, opening, records, rehearsal, runs
from course_lib.training.shipped_measurements import function_of


class Outcome(NamedTuple):
    """numbers: {name: float}. about: the training's settings, seconds, device."""

    numbers: dict
    about: dict


def outcome_or_train(
    recipe, tensors, settings, epochs, measure, held=(), title=None, retrain=False, whole=False
):
    """The Outcome of this training, opened where it is kept; else trained, measured and kept.

    As runs.train_or_load, but what comes back is measure(model, *held) -> {name: float}, taken once
    at the end. What a functools.partial binds to `measure` (a judge, say) is no part of the key.
    whole: it is given run.step in place of run.model, the players of a game, say.
    """
    named = getattr(measure, "func", measure)
    about = keys.describe(recipe, tensors, settings, epochs, named, held)

    def train():
        run = runs.train_or_load(recipe, tensors, settings, epochs, title=title, retrain=retrain)
        found = measure(run.step if whole else run.model, *held)
        return run, {name: float(value) for name, value in found.items()}

    return _kept(fingerprint.Behaviour(recipe, tensors, about), train, retrain)


def history_or_train(
    recipe, tensors, settings, epochs, evaluate, held=(), title=None, retrain=False
):
    """The Outcome of a training whose history is what counts: numbers is {column: list}, a number
    an epoch, the columns of runs.train_or_load's history; evaluate and held are as there."""
    about = keys.describe(recipe, tensors, settings, epochs, evaluate, held)

    def train():
        run = runs.train_or_load(
            recipe, tensors, settings, epochs, evaluate, held, title=title, retrain=retrain
        )
        return run, run.history.to_dict("list")

    return _kept(fingerprint.Behaviour(recipe, tensors, about, evaluate, held), train, retrain)


def _kept(behaviour, train, retrain):
    """The Outcome where it is kept; else that of train() -> (Run, numbers), which is kept then."""
    about = behaviour.about
    if not retrain:
        for path in (cached(about), shipped(about)):
            if record := _opened(path, behaviour):
                rehearsal.note_kept(record["about"])
                return Outcome(record["numbers"], record["about"])
    run, numbers = train()
    cost = {name: run.about[name] for name in ("seconds", "device", "steps", "torch")}
    record = behaviour.mark() | {"about": about | cost, "numbers": numbers}
    write_json(cached(about), record)
    return Outcome(numbers, record["about"])


def repeated(kinds, tensors, seeds, measure, held=(), retrain=False):
    """A DataFrame with a row a training: `kind`, `seed`, and what measure(model, *held) gives.

    kinds: {name: (recipe, settings)}; each is trained with each seed, for settings["epochs"].
    """
    rows = []
    for (kind, (recipe, settings)), seed in itertools.product(kinds.items(), seeds):
        how = settings | {"seed": seed}
        kept = outcome_or_train(
            recipe, tensors, how, how["epochs"], measure, held, f"{kind}, seed {seed}", retrain
        )
        rows.append({"kind": kind, "seed": seed} | kept.numbers)
    return pd.DataFrame(rows)


def cached(about):
    """Where an outcome lies in the cache, whether it is there or not."""
    return cache_root() / "outcomes" / f"{records.name_of(about)}.json"


def shipped(about):
    """Where it lies when it ships with the course."""
    return weights_root() / "outcomes" / f"{records.name_of(about)}.json"


def _opened(path, behaviour):
    """The record, or None: where there is none, and, with a word, where it no longer holds."""
    try:
        record = read_json(path)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        print(f"outcome {path.stem}: {error}; it is trained again")
        return None
    facts = (record.get("fingerprint"), behaviour.sources(), behaviour.about["data_sha256"])
    same = record.get("source_sha256") == behaviour.sources()["source_sha256"]
    if same or opening.remembered(*facts):
        return record
    if change := behaviour.misbehaves(record):
        print(f"outcome {path.stem}: {change}; it is trained again")
        return None
    opening.remember(*facts)
    return record


# ---- shipping -----------------------------------------------------------------------------------


def ship(words):
    """Copy to weights/outcomes/ every outcome of the cache that was trained on the tensors of these
    words (see data.inputs); returns their paths."""
    digest, made = sets.digest(*(inputs.tensor(word) for word in words)), []
    for path in sorted((cache_root() / "outcomes").glob("*.json")):
        record = read_json(path)
        if record["about"]["data_sha256"] == digest:
            write_json(shipped(record["about"]), record | {"inputs": list(words)})
            made.append(shipped(record["about"]))
    return made


def problem(path):
    """What no longer holds of a shipped outcome, as text, or None: its recipe, its key, and what
    the run does in its first five steps."""
    return _looked_at(path)[0]


def _looked_at(path):
    """(what no longer holds or None, the record with today's code as that of its training)."""
    record = read_json(path)
    about = record["about"]
    recipe, measure = function_of(about["recipe"]), function_of(about["evaluate"][0])
    tensors = [inputs.tensor(word) for word in record["inputs"]]
    settings = keys.arguments(recipe, tensors, about["given"])
    measured = [keys.name_of(measure), about["evaluate"][1]]
    fresh = keys.identity(
        keys.name_of(recipe), settings, about["epochs"], measured, sets.digest(*tensors)
    )
    behaviour = fingerprint.Behaviour(recipe, tensors, about)
    if fresh["key"] != about["key"]:
        return f"today's code gives it the key {fresh['key']}", None
    return behaviour.misbehaves(record), record | behaviour.sources()


def restamp():
    """Write down today's code as that of every shipped outcome that still holds, so that opening it
    is quick; {name: why not} of the others."""
    refused = {}
    for path in sorted((weights_root() / "outcomes").glob("*.json")):
        try:
            fault, record = _looked_at(path)
        except sets.DataMissing as error:
            fault = f"its data are not here. {error}"
        except (AttributeError, ModuleNotFoundError) as error:
            fault = f"its recipe or its measure is gone: {error}"
        if fault:
            refused[path.stem] = fault
        elif record != read_json(path):
            write_json(path, record)
    return refused


if __name__ == "__main__":
    for shipped_path in ship(sys.argv[1:]):
        print(f"shipped: {shipped_path}")
