"""Look for a finished run: in the cache, then among the runs that ship with the course.

What is damaged, or was trained by code that behaves otherwise, is said and not used. Only a run of
the cache that is proven damaged or stale is deleted: one that cannot be read now may be read later.
"""

import hashlib
import json
import os
import time

import torch

from course_lib.atomic import Unreadable, read_json, write_bytes, write_json
from course_lib.paths import cache_root, weights_root
from course_lib.training import records
from course_lib.training.checkpoint import Damaged

STARTED = time.time()


def open_run(about, behaviour, step, retrain):
    """The record of a kept run, its weights put into `step`; None when there is none to use."""
    record = _cached(about, behaviour, step, retrain)
    return record if record or retrain else _shipped(about, behaviour, step)


def _cached(about, behaviour, step, retrain):
    """Of the cache: a damaged or stale run is said and deleted, an unreadable one stays."""
    name = records.name_of(about)
    try:
        kept = records.read(records.cached(about))
        if kept is None or (retrain and kept[0].get("finished", 0) < _since()):
            return None
        record, states = kept
        if misfit := behaviour.misfit(record):
            raise Damaged(misfit)
        records.put_in(step, states)
    except (Damaged, KeyError) as error:
        print(f"kept run {name}: {error}; it is trained again")
        records.remove(about)
        return None
    except OSError as error:
        raise OSError(
            f"kept run {name} cannot be read: {error}; mend that, nothing was changed"
        ) from None
    if (
        record["source_sha256"] != behaviour.source
    ):  # it does the same: the next look is quick again
        write_json(records.cached(about)[0], record | {"source_sha256": behaviour.source})
    how = record["about"]
    print(
        f"kept run {name}: opened ({how['epochs']} epochs, trained in {how['seconds']:.0f} s on "
        f"{how['device']})"
    )
    return record


def _since():
    """From when on a run counts as trained anew: the start of `make train`, or of this process."""
    return float(os.environ.get("COURSE_RETRAIN_SINCE") or STARTED)


def _shipped(about, behaviour, step):
    """A run that ships with the course, by its key, or by its kin where the data differ in rounding
    alone. What does not fit is said, and never deleted."""
    for paths, same_data in _candidates(about):
        name = paths[0].stem
        try:
            record, states = records.read(paths)
            note = _acceptable(record, behaviour, same_data)
            records.put_in(step, states)
        except (Damaged, KeyError, OSError) as error:
            print(f"shipped run {name}: {error}; it is trained here instead")
            continue
        how = record["about"]
        print(
            f"shipped run {name}: opened ({how['epochs']} epochs, trained in "
            f"{how['seconds']:.0f} s on {how['device']}{note})"
        )
        return record | {"about": how | {"shipped": name}}
    return None


def earlier_cost(about):
    """What training this run took when it was shipped, as text; empty where none was."""
    try:
        how = read_json(records.shipped(about)[0])["about"]
    except (OSError, Unreadable, KeyError):
        return ""
    return f"; the one that ships took {how['seconds']:.0f} s on {how['device']}"


def _candidates(about):
    """((record, weights), whether the data are the same to the bit) of shipped runs to look at."""
    exact = records.shipped(about)
    if exact[0].is_file():
        return [(exact, True)]
    kin = sorted(weights_root().glob(f"{about['recipe']}-*.json"))
    return [
        ((p, p.with_suffix(".safetensors")), False)
        for p in kin
        if about["kin"] in p.read_text("utf-8")
    ]


def _acceptable(record, behaviour, same_data):
    """What to say of a shipped run beside that it was opened; Damaged where it must not be."""
    notes = []
    if not same_data:
        if misfit := _other_data(record["summary"], summary(behaviour.tensors)):
            raise Damaged(misfit)
        notes.append("; this machine's data differ in rounding")
    trained_by, here = record["about"]["torch"].split("+")[0], torch.__version__.split("+")[0]
    if trained_by != here:
        notes.append(f"; by torch {trained_by}, here is {here}")
    if (notes or record["source_sha256"] != behaviour.source) and not _remembered(
        record, behaviour
    ):
        if misfit := behaviour.misbehaves(record):
            raise Damaged(misfit)
        _remember(record, behaviour)
    return "".join(notes)


def _memory(record, behaviour):
    facts = [
        record["weights_sha256"],
        behaviour.source,
        behaviour.about["data_sha256"],
        torch.__version__,
    ]
    return cache_root() / "checked" / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _remembered(record, behaviour):
    """Whether these weights, this code, these data and this torch were compared here before."""
    return _memory(record, behaviour).is_file()


def _remember(record, behaviour):
    try:
        write_bytes(_memory(record, behaviour), b"")
    except OSError:
        pass  # a cache that cannot be written: it is compared again next time


def summary(tensors):
    """Shape of each tensor, and the means of 64 rows of it: rounding moves them little."""
    rows = [t[:: max(1, len(t) // 64)].double() for t in tensors]
    return [
        [list(t.shape), *r.flatten(1).mean(1).tolist()]
        if t.ndim > 1
        else [list(t.shape), *r.tolist()]
        for t, r in zip(tensors, rows, strict=True)
    ]


def _other_data(old, new):
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        close = all(abs(x - y) <= 1e-4 * (1 + abs(x)) for x, y in zip(a[1:], b[1:], strict=True))
        if a[0] != b[0] or not close:
            return f"it was trained on other data (tensor {i + 1} of {len(old)} differs)"
    return None
