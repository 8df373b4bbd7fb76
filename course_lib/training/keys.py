"""What a run is, as plain facts, and the keys that these make."""

import hashlib
import inspect
import json

from course_lib.data import sets
from course_lib.training.source_digest import PACKAGE, source_digest


def describe(recipe, tensors, settings, epochs, evaluate=None, held=()):
    """What a run is: recipe, all settings, epochs, data, what is measured after each epoch; and the
    key that these make."""
    given, settings = settings, arguments(recipe, tensors, settings)
    if settings.get("epochs", 0) not in (0, epochs):
        raise ValueError(
            f"the recipe's schedule is for epochs={settings['epochs']}, the run has {epochs}: "
            "give both the same number"
        )
    measured = [_measured_by(evaluate), sets.digest(*held)] if evaluate else None
    about = identity(name_of(recipe), settings, epochs, measured, sets.digest(*tensors))
    return about | {"given": given}


def identity(recipe, settings, epochs, evaluate, data_sha256):
    """The facts that make a run, its `key`, and its `kin`: the key of the same run on any data,
    measured on any. evaluate: [name, digest of what is measured] or None."""
    facts = {"recipe": recipe, "settings": settings, "epochs": epochs}
    kin = short_hash(facts | {"evaluate": evaluate and evaluate[0]})
    facts |= {"evaluate": evaluate, "data_sha256": data_sha256}
    return facts | {"kin": kin, "key": short_hash(facts)}


def arguments(recipe, tensors, settings):
    """All keyword arguments of the recipe, defaults filled in; TypeError on an unknown one."""
    bound = inspect.signature(recipe).bind(*tensors, **settings)
    bound.apply_defaults()
    return dict(list(bound.arguments.items())[len(tensors) :])


def name_of(function):
    """What a function is called in records: its module, below course_lib, and its name."""
    return f"{function.__module__.removeprefix(PACKAGE + '.')}.{function.__name__}"


def _measured_by(evaluate):
    """A function of the library counts by its name, one that is written in a notebook by its text,
    since no other can be known by what it does."""
    if evaluate.__module__.split(".")[0] == PACKAGE:
        return name_of(evaluate)
    return f"{evaluate.__name__} {source_digest(evaluate)[:16]}"


def short_hash(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
