"""Look for a finished run: in the cache, then among the runs that ship with the course.

What is damaged, or was trained by code that behaves otherwise, is said and not used. Only a run of
the cache that is proven damaged is deleted: one that cannot be read now may be read later, and one
of other code is set aside.
"""

import contextlib
import hashlib
import json
import os
import time

import torch

from course_lib.atomic import Unreadable, read_json, write_bytes, write_json
from course_lib.paths import cache_root, is_release, weights_root
from course_lib.training import records
from course_lib.training.checkpoint import Damaged
from course_lib.training.devices import in_words

STARTED = time.time()
MEND = "git checkout -- weights brings it back"


def open_run(about, behaviour, step, retrain):
    """The record of a kept run, its weights put into `step`; None when there is none to use."""
    record = _cached(about, behaviour, step, retrain)
    return record if record or retrain else _shipped(about, behaviour, step)


def _cached(about, behaviour, step, retrain):
    """Of the cache: a damaged run is said and deleted, one that today's code does not repeat is set
    aside, and one that cannot be read now stays as it is."""
    name = records.name_of(about)
    try:
        kept = records.read(records.cached(about))
        if kept is None or (retrain and kept[0].get("finished", 0) < since()):
            return None
    except Damaged as error:
        print(f"kept run {name}: {error}; it is trained again")
        records.remove(about)
        return None
    except OSError as error:
        raise OSError(
            f"kept run {name} cannot be read: {error}; mend that, nothing was changed"
        ) from None
    record, states = kept
    if change := behaviour.misfit(record) or _put(step, states, behaviour, record):
        aside = records.set_aside(about, record["source_sha256"])
        print(f"kept run {name}: {change}; it is trained again, the old one is in {aside.name}")
        return None
    _stamp(about, record, behaviour)
    how = record["about"]
    print(f"kept run {name}: opened ({how['epochs']} epochs, trained in {_cost(how)})")
    return record


def _put(step, states, behaviour, record):
    """Put the weights in; None, or what tells that they are of other code."""
    try:
        records.put_in(step, states)
    except Damaged as error:
        return f"{error}"
    return behaviour.mismeasured(record, step.best)


def _stamp(about, record, behaviour):
    """Today's code does what the run's code did: written down, the next look is quick again."""
    fresh = record | behaviour.sources()
    if fresh != record:
        with contextlib.suppress(OSError):  # a cache that cannot be written: compared again then
            write_json(records.cached(about)[0], fresh)


def since():
    """From when on a run counts as trained anew: the start of `make train`, or of this process."""
    return float(os.environ.get("COURSE_RETRAIN_SINCE") or STARTED)


def _shipped(about, behaviour, step):
    """A run that ships with the course, by its key, or by its kin where the data differ in rounding
    alone. What does not fit is said, and never deleted."""
    for paths, same_data in _candidates(about):
        name = paths[0].stem
        try:
            record, states = _whole(paths)
            notes = _notes(record, behaviour, same_data)
            records.put_in(step, states)
            if change := _compared(record, behaviour, step.best, notes):
                raise Damaged(change)
        except (Damaged, OSError) as error:
            print(f"shipped run {name}: {error}; it is trained here instead")
            continue
        how = record["about"]
        cost = f"{how['epochs']} epochs, trained in {_cost(how)}"
        print(f"shipped run {name}: opened ({cost}{''.join(notes)})")
        here = {"shipped": name, "data_sha256": about["data_sha256"]}
        return record | {"about": how | here}
    return None


def _whole(paths):
    """The record and the weights of a shipped run; Damaged, with how to mend it, where a file is
    not what was written."""
    try:
        kept = records.read(paths)
    except (Damaged, OSError) as error:
        raise Damaged(f"{error} ({MEND})") from None
    if kept is None:
        raise Damaged(f"{paths[0].name} is missing ({MEND})")
    return kept


def _cost(how):
    return f"{how['seconds']:.0f} s on {in_words(how['device'])}"


def earlier_cost(about):
    """What training this run took when it was shipped, as text; empty where none was. Its weights
    may be gone by now."""
    try:
        record = records.read_record(records.shipped(about)[0])
    except (OSError, Damaged):
        return ""
    return f"; the one that ships took {_cost(record['about'])}" if record else ""


def _candidates(about):
    """((record, weights), whether the data are the same to the bit) of shipped runs to look at: the
    one of this key, though one of its files be gone, else its kin, runs that differ in nothing but
    the sha256 of their data and of what is measured."""
    exact = records.shipped(about)
    if any(path.is_file() for path in exact):
        return [(exact, True)]
    kin = []
    for path in sorted(weights_root().glob(f"{about['recipe']}-*.json")):
        with contextlib.suppress(OSError, Unreadable, TypeError, KeyError, AttributeError):
            if read_json(path)["about"].get("kin") == about["kin"]:
                kin.append(((path, path.with_suffix(".safetensors")), False))
    return kin


def _notes(record, behaviour, same_data):
    """What to say of a shipped run beside that it was opened; Damaged where its data are others."""
    notes = []
    if not same_data:
        if change := other_data(record.get("summary", []), summary(behaviour.data())):
            raise Damaged(change)
        notes.append("; this machine's data differ in rounding")
    trained_by, here = record["about"]["torch"].split("+")[0], torch.__version__.split("+")[0]
    if trained_by != here:
        notes.append(f"; by torch {trained_by}, here is {here}")
    return notes


def _compared(record, behaviour, model, notes):
    """None where today's code does what the record says, looked at once and remembered; else what
    has changed, as text."""
    same = {name: record.get(name) for name in behaviour.sources()} == behaviour.sources()
    if (same and not notes) or remembered(*_facts(record, behaviour)):
        return None
    change = behaviour.misbehaves(record) or behaviour.mismeasured(record, model)
    if change is None:
        remember(*_facts(record, behaviour))
    return change


def _facts(record, behaviour):
    return record["weights_sha256"], behaviour.sources(), behaviour.about["data_sha256"]


def remembered(*facts):
    """Whether what these facts name was compared on this machine before, and was the same. In a
    students' copy nothing is compared: its code lacks the answers, the files' hashes have to do."""
    return is_release() or _memory(facts).is_file()


def remember(*facts):
    """Write down that it was."""
    try:
        write_bytes(_memory(facts), b"")
    except OSError:
        pass  # a cache that cannot be written: it is compared again next time


def _memory(facts):
    text = json.dumps([*facts, torch.__version__], sort_keys=True)
    return cache_root() / "checked" / hashlib.sha256(text.encode()).hexdigest()[:16]


def summary(tensors):
    """What tells data apart and is hardly moved by rounding: of each tensor its shape and, over 64
    stretches that hold every row, the mean of the rows' means and the same weighted by their place.
    """
    return [[list(t.shape), *_stretches(t)] for t in tensors]


def _stretches(t):
    if not t.numel():
        return []
    parts = t.split(2048)
    rows = torch.cat([p.flatten(1).double().mean(1) if t.ndim > 1 else p.double() for p in parts])
    place = torch.arange(len(rows)).double().cos()
    both = torch.stack([rows.cpu(), rows.cpu() * place])
    return torch.cat([part.mean(1) for part in both.tensor_split(min(64, len(rows)), 1)]).tolist()


def other_data(old, new):
    """None where two summaries are of the same data but for rounding; else how they differ."""
    if [a[0] for a in old] != [b[0] for b in new]:
        return "it was trained on data of other shapes"
    for i, (a, b) in enumerate(zip(old, new, strict=True), 1):
        pairs = zip(a[1:], b[1:], strict=False)
        if len(a) != len(b) or any(abs(x - y) > 1e-4 * (1 + abs(x)) for x, y in pairs):
            return f"it was trained on other data (tensor {i} of {len(old)} differs)"
    return None
