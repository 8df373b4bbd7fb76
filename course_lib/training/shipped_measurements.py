"""Measurements that ship beside their run: moved to weights/, and held against today's code."""

import importlib
import math
import shutil

import torch

from course_lib.atomic import file_digest, read_json, write_json
from course_lib.data import inputs, sets
from course_lib.training import measurements, opening, records
from course_lib.training.checkpoint import Damaged, write_tree
from course_lib.training.loop import set_training
from course_lib.training.source_digest import PACKAGE


def function_of(name):
    """The function of the library that a record calls by this name, as keys.name_of gave it."""
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), function)


def named(name):
    """The part of a run's facts that its name holds."""
    return {"recipe": name.rpartition("-")[0], "key": name.rpartition("-")[2]}


def ship(name, words):
    """Move what was measured of the shipped run `name` on the tensors that `words` open, by today's
    code, from the cache to weights/; returns the new entries of the run's record.

    ValueError where there is nothing of the kind, or the run becomes too large by it.
    """
    path = records.shipped(named(name))[0]
    if not path.is_file():
        raise ValueError(f"weights/ holds no run {name}; ship it, measure, and then this")
    record, model = opened(path)
    tensors = [inputs.tensor(word) for word in words]
    about = {"inputs": list(words), "summary": opening.summary(tensors)}
    folders = _finished(record, model, sets.digest(*tensors))
    entries = [_moved(record, model, tensors, folder, about) for folder in folders]
    if not entries:
        raise ValueError(f"the cache holds no finished measurement of {name} on {' '.join(words)}")
    for folder in folders:
        shutil.rmtree(folder)
    return entries


def opened(path, renamed=None):
    """(record, model) of a shipped run, by today's code, in evaluation mode, on the CPU."""
    record, states = records.read((path, path.with_suffix(".safetensors")))
    about = record["about"]
    with torch.random.fork_rng():
        tensors = [inputs.tensor(word) for word in record["inputs"]]
        recipe = function_of((renamed or {}).get(about["recipe"], about["recipe"]))
        step, _ = recipe(*tensors, **about["settings"])
    records.put_in(step, states)
    set_training(step, False)
    return record, step.best


def _finished(record, model, data_sha256):
    """The folders of the run's measurements on these data, with these weights, by today's code."""
    wanted = {"data_sha256": data_sha256, "weights_sha256": record["weights_sha256"]}
    folders = []
    for path in sorted(records.folder_of(record["about"]).glob("*/measurement.json")):
        about = read_json(path)
        if wanted.items() <= about.items() and _of_today(about, model):
            folders.append(path.parent)
    return folders


def _of_today(about, model):
    """Whether today's code is the one that measured; ValueError for a function of a notebook."""
    try:
        function = function_of(about["function"])
    except (AttributeError, ModuleNotFoundError):
        raise ValueError(
            f"{about['function']} is no function of the library: write it into course_lib, so that "
            "a test can measure again"
        ) from None
    return measurements.source(function, model) == about["source_sha256"]


def _moved(record, model, tensors, folder, more):
    """Write one measurement, and then its entry in the run's record."""
    about = read_json(folder / "measurement.json")
    values = measurements.cached_values(folder, about).float()
    about["spread"] = _spread(model, tensors, about, values)
    path = records.shipped(record["about"])[0]
    size = sum(p.stat().st_size for p in [path.with_suffix(".safetensors"), *files(path)])
    if (size := size + values.nbytes) > record["limit"]:
        raise ValueError(
            f"with {folder.name} the run has {size / 1e6:.1f} MB in weights/, and may have "
            f"{record['limit'] / 1e6:.0f}"
        )
    file = records.measured(record["about"], folder.name)
    write_tree(file, {"values": values})
    entry = {"name": folder.name, "file_sha256": file_digest(file)} | about | more
    others = [e for e in record.get("measurements", []) if e["name"] != folder.name]
    record["measurements"] = [*others, entry]
    write_json(path, record)
    return entry


def _spread(model, tensors, about, values):
    """By how much a value changes with other draws, of 200 random pictures; 0 without draws."""
    begins, function = measurements.parts_of(about), function_of(about["function"])
    new = measurements.again(model, function, tensors, about, begins, other_draws=True)
    old = torch.cat([values[i : i + about["part"]] for i in begins])
    # Two estimates differ by sqrt(2) of what one of them strays.
    return float((new - old).double().square().mean().sqrt()) / 2**0.5


def files(path):
    """The files of the measurements beside a run, whose record is `path`."""
    return sorted(path.parent.glob(f"{path.stem}.*.safetensors"))


def faults(path, seconds=math.inf):
    """{measurement: why not} of those beside a run that 200 random pictures of each, measured
    again, do not give once more; fewer pictures where those took longer than `seconds`.
    DataMissing where their data are not here."""
    return restamped(path, read_json(path), {}, seconds)[1]


def restamped(path, record, renamed, seconds=math.inf):
    """(record with today's code in the entries that hold, {measurement: why not} of the others)."""
    entries, refused = record.get("measurements", []), {}
    if not entries:
        return record, refused
    model, fresh = opened(path, renamed)[1], []
    for entry in entries:
        name = (renamed or {}).get(entry["function"], entry["function"])
        new = entry | {"function": name}
        if fault := _fault(path, record, model, new, seconds):
            refused[entry["name"]] = fault
        else:
            new["source_sha256"] = measurements.source(function_of(name), model)
        fresh.append(entry if fault else new)
    return record | {"measurements": fresh}, refused


def _fault(path, record, model, entry, seconds):
    """What no longer holds of a shipped measurement, or None."""
    if entry["weights_sha256"] != record["weights_sha256"]:
        return "it was measured with other weights than those that ship"
    try:
        tensors = [inputs.tensor(word) for word in entry["inputs"]]
        same_data = sets.digest(*tensors) == entry["data_sha256"]
        if not same_data and opening.other_data(entry["summary"], opening.summary(tensors)):
            return f"it was measured on other data than {' '.join(entry['inputs'])}"
        values = measurements.read(
            path.with_name(f"{path.stem}.{entry['name']}.safetensors"), entry
        )
        function = function_of(entry["function"])
        begins = measurements.parts_of(entry, seconds=seconds)
        return measurements.difference(model, function, tensors, entry, values, begins, same_data)
    except (AttributeError, ModuleNotFoundError):
        return f"there is no function {entry['function']} any more"
    except (Damaged, TypeError, ValueError, RuntimeError) as error:
        return f"{error}"
