"""A finished run on disk: its weights and its record, in the cache or shipped in weights/.

In the cache a run is a folder, <recipe>-<key>/ with run.json and weights.safetensors; a shipped one
is two files, weights/<recipe>-<key>.json and .safetensors. The record is written last: weights
without a record are a run that is not finished.
"""

import contextlib
import os
import shutil

import torch

from course_lib.atomic import Unreadable, file_digest, read_json, write_json, write_text
from course_lib.paths import cache_root, results_folder, weights_root
from course_lib.training.checkpoint import Damaged, read_tree, write_tree

RECORD = {
    "about": dict,
    "history": dict,
    "fingerprint": dict,
    "source_sha256": str,
    "weights_sha256": str,
}
AVERAGED = ("model", "generator")  # the part that a step keeps an average of, if it keeps one
ABOUT = ("recipe", "key", "settings", "given", "epochs", "seconds", "device", "steps", "torch")


def name_of(about):
    """What a run is called: its recipe and its key."""
    return f"{about['recipe']}-{about['key']}"


def folder_of(about):
    """Where a run lies in the cache."""
    return cache_root() / "runs" / name_of(about)


def cached(about):
    """(record's path, weights' path) of a run in the cache, whether it is there or not."""
    folder = folder_of(about)
    return folder / "run.json", folder / "weights.safetensors"


def shipped(about):
    """(record's path, weights' path) of a run in weights/, whether it is there or not."""
    place = weights_root() / name_of(about)
    return place.with_name(f"{place.name}.json"), place.with_name(f"{place.name}.safetensors")


def read(paths):
    """(record, {part: state}) of a finished run; None where there is none. Damaged where a file is
    not what was written, OSError where one cannot be read now."""
    try:
        return _read(*paths)
    except Damaged:
        return _read(*paths)  # another process may have been between its two files


def _read(record_path, weights_path):
    record = read_record(record_path)
    if record is None:
        return None
    try:
        if file_digest(weights_path) != record["weights_sha256"]:
            raise Damaged(f"{weights_path.name} does not match the digest in {record_path.name}")
        return record, read_tree(weights_path)
    except FileNotFoundError:
        raise Damaged(f"{weights_path.name} is missing") from None


def read_record(path):
    """The record of a run alone; None where there is none, Damaged where it is no record."""
    if not path.is_file():
        return None
    try:
        record = read_json(path)
    except Unreadable as error:
        raise Damaged(str(error)) from None
    if lacking := _lacking(record):
        raise Damaged(f"{path.name} is no record of a run: it lacks {lacking}")
    return record


def _lacking(record):
    """The first thing without which a record says nothing, or None."""
    for name, kind in RECORD.items():
        if not isinstance(record, dict) or not isinstance(record.get(name), kind):
            return name
    for name in ABOUT:
        if name not in record["about"]:
            return f"about.{name}"
    return None


def write(paths, record, states):
    """The weights, and then the record with their digest; returns the record."""
    record_path, weights_path = paths
    write_tree(weights_path, states)
    record = record | {"weights_sha256": file_digest(weights_path)}
    write_json(record_path, record)
    return record


def put_in(step, states):
    """Load all the states into the step's parts, or none of them: Damaged where one does not fit.

    Where the average alone was stored, the part that it is of gets it too. Weights that were stored
    as float16 come back as float32.
    """
    states = dict(states)
    for name in AVERAGED:
        if "average" in states and name not in states and name in step.parts:
            state = states["average"].items()
            states[name] = {k.removeprefix("module."): v for k, v in state if k != "n_averaged"}
    wanted = {name for name, part in step.parts.items() if isinstance(part, torch.nn.Module)}
    if wanted - set(states):
        raise Damaged(f"it lacks its {', '.join(sorted(wanted - set(states)))}")
    for name in wanted:
        if _shapes(states[name]) != _shapes(step.parts[name].state_dict()):
            raise Damaged(f"the weights of its {name} have other names or shapes")
    for name in wanted:
        step.parts[name].load_state_dict(states[name])


def _shapes(state):
    return {name: tensor.shape for name, tensor in state.items()}


def measured(about, name):
    """The path of a shipped run's measurement, whether it is there or not."""
    return weights_root() / f"{name_of(about)}.{name}.safetensors"


def note(record):
    """Say to the report which run a notebook uses, by its name among those that ship, and which
    weights: the notebook's outputs are stale when those change."""
    name = record["about"].get("shipped") or name_of(record["about"])
    note_file(name, record["weights_sha256"])


def note_file(name, sha256):
    """The same of any file in weights/, its name without .safetensors."""
    if os.environ.get("COURSE_RESULTS"):
        write_text(results_folder() / "opened" / name, sha256)


def remove(about):
    """Delete a run of the cache that is proven damaged; what was measured beside it stays."""
    for path in cached(about):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        folder_of(about).rmdir()


def set_aside(about, source):
    """Move a good run that today's code does not repeat out of the way; its new folder."""
    folder = folder_of(about)
    aside = folder.with_name(f"{folder.name}-by-{source[:8]}")
    shutil.rmtree(aside, ignore_errors=True)
    return folder.rename(aside)
