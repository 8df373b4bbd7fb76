"""What takes minutes to measure, a row a picture, is kept beside its run and measured once.

    measured = runs.measure_or_load(run, likelihood.log_likelihood, [x], dict(n_samples=5000))
    measured.values, measured.seconds

It is opened in the cache, where it lies a part at a time, or in weights/, one file a measurement
(see shipping.py). A part is `part` pictures, and its seed is the number of its first picture. So
any part can be measured again alone: on the same kind of device and the same torch with the same
draws, and its values come back but for rounding. Elsewhere the draws differ, and values agree
within the spread that the shipped record states.
"""

import json
import math
import time
from typing import NamedTuple

import torch
from tqdm import tqdm

from course_lib.atomic import Unreadable, file_digest, read_json, write_json
from course_lib.data import sets
from course_lib.data.batches import pixels
from course_lib.training import keys, opening, records, rehearsal
from course_lib.training.checkpoint import Damaged, read_tree, write_tree
from course_lib.training.devices import in_words
from course_lib.training.distributed import device_name
from course_lib.training.source_digest import source_digest

FACTS = ("function", "settings", "part", "weights_sha256")  # beside the data: what it is
ROUNDING = 1e-5  # relative to a value, and to the mean size of all


class Measurement(NamedTuple):
    """values: a tensor, a row a picture. seconds: what it took, also when it was opened."""

    values: torch.Tensor
    seconds: float


def measure_or_load(run, function, tensors, settings, part=20, title="measuring"):
    """function(run.model, *tensors, **settings), a row a picture, kept beside the run.

    For what takes minutes. It is computed `part` pictures at a time, each part kept at once, so
    that a kill loses one at most; take larger ones for a function whose cost hardly depends on the
    number of pictures. Pictures reach the function as floats in [0, 1]. A changed function, or a
    changed family of the model, is measured anew, but for what ships: there one part decides.
    """
    keys.arguments(function, [run.model, *tensors], settings)  # a misspelt one is a TypeError
    about = describe(run, function, tensors, settings, part)
    name = f"{function.__name__}-{keys.short_hash(about)}"
    folder = records.folder_of(run.about) / name
    kept = _cached(folder, name) or _shipped(run, function, tensors, about)
    if kept:
        return kept
    if rehearsal.file():
        return _rehearsed(run.model, function, tensors, about)
    return _measured(run.model, function, tensors, about, folder, title)


def describe(run, function, tensors, settings, part):
    """What a measurement is, as JSON: function, settings, data, part, weights and source."""
    return {
        "function": keys.name_of(function),
        "settings": json.loads(json.dumps(settings)),
        "data_sha256": sets.digest(*tensors),
        "part": part,
        "weights_sha256": run.about["weights_sha256"],
        "source_sha256": source(function, run.model),
    }


def source(function, model):
    """The digest of the code behind a measurement: the function's and that of the model's class."""
    return keys.short_hash([source_digest(function), source_digest(type(model))])


def _cached(folder, name):
    """What a finished measurement of the cache holds; None where one of its files is not there."""
    try:
        about = read_json(folder / "measurement.json")
        values = cached_values(folder, about)
    except (FileNotFoundError, Damaged, Unreadable):
        return None
    return _opened(f"kept measurement {name}", values, about)


def cached_values(folder, about):
    """The values of a finished measurement of the cache, its parts put together."""
    begins = range(0, about["n"], about["part"])
    return torch.cat([read_tree(folder / f"{i}.safetensors")["values"] for i in begins])


def _opened(what, values, about, note=""):
    print(f"{what}: opened ({len(values)} pictures, measured in {_cost(about)}{note})")
    return Measurement(values, about["seconds"])


def _cost(about):
    return f"{about['seconds']:.0f} s on {in_words(about['device'])}"


def _measured(model, function, tensors, about, folder, title):
    """Measure what the cache lacks; the record is written last."""
    parts = []
    n, part = len(tensors[0]), about["part"]
    for i in tqdm(range(0, n, part), desc=title, unit="part", leave=False):
        path = folder / f"{i}.safetensors"
        try:
            parts.append(read_tree(path))
        except (FileNotFoundError, Damaged):
            chosen = [t[i : i + part] for t in tensors]
            parts.append(_measure(model, function, chosen, about["settings"], i))
            write_tree(path, parts[-1])
    seconds = sum(p["seconds"] for p in parts)
    how = {"n": n, "seconds": seconds, "device": _device(model), "torch": torch.__version__}
    write_json(folder / "measurement.json", about | how)
    return Measurement(torch.cat([p["values"] for p in parts]), seconds)


def _rehearsed(model, function, tensors, about):
    """The first part, as if all the others were like it."""
    n, part = len(tensors[0]), about["part"]
    first = _measure(model, function, [t[:part] for t in tensors], about["settings"], 0)
    n_parts = math.ceil(n / part)
    rehearsal.note(rest=(n_parts - 1) * first["seconds"])
    return Measurement(torch.cat([first["values"]] * n_parts)[:n], n_parts * first["seconds"])


def _measure(model, function, tensors, settings, seed):
    begun = time.perf_counter()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        floats = [pixels(t) if t.dtype == torch.uint8 else t for t in tensors]
        values = function(model, *floats, **settings)
    return {"values": values.cpu(), "seconds": time.perf_counter() - begun}


def _device(model):
    return device_name(next(model.parameters()).device)


# ---- what ships ---------------------------------------------------------------------------------


def shipped(about):
    """The measurements that ship beside the run `about`, as its record lists them."""
    try:
        return read_json(records.shipped(about)[0]).get("measurements", [])
    except (OSError, Unreadable, AttributeError):
        return []


def read(path, entry):
    """The values of a shipped measurement. Damaged where the file is not what was written."""
    if not path.is_file():
        raise Damaged(f"{path.name} is missing ({opening.MEND})")
    if file_digest(path) != entry["file_sha256"]:
        fault = "does not match its digest in the run's record"
        raise Damaged(f"{path.name} {fault} ({opening.MEND})")
    return read_tree(path)["values"]


def _shipped(run, function, tensors, about):
    """A measurement in weights/. What no longer holds is said, and never deleted."""
    for entry in shipped(run.about):
        if any(entry.get(fact) != about[fact] for fact in FACTS):
            continue
        same_data = entry["data_sha256"] == about["data_sha256"]
        if not same_data and opening.other_data(entry["summary"], opening.summary(tensors)):
            continue
        path = records.measured(run.about, entry["name"])
        try:
            values = read(path, entry)
            if not same_data or entry["source_sha256"] != about["source_sha256"]:
                _probe(run.model, function, tensors, about, entry, values)
        except (Damaged, OSError) as error:
            instead = f"it is measured here instead, which took {_cost(entry)}"
            print(f"shipped measurement {entry['name']}: {error}; {instead}")
            continue
        records.note_file(path.name.removesuffix(".safetensors"), entry["file_sha256"])
        note = "" if same_data else "; this machine's data differ in rounding"
        return _opened(f"shipped measurement {entry['name']}", values, entry, note)
    return None


def _probe(model, function, tensors, about, entry, values):
    """Measure the first part again, once on a machine; Damaged where it gives something else."""
    facts = [entry["file_sha256"], about["source_sha256"], about["data_sha256"]]
    if opening.remembered(*facts):
        return
    same_data = entry["data_sha256"] == about["data_sha256"]
    if change := difference(model, function, tensors, entry, values, [0], same_data):
        raise Damaged(change)
    opening.remember(*facts)


def parts_of(entry, n_pictures=200, seconds=math.inf):
    """Where random parts begin, so many that they hold n_pictures, or all there are; fewer, but at
    least one, where to measure those took longer than `seconds`."""
    begins = torch.arange(0, entry["n"], entry["part"])
    n_parts = math.ceil(n_pictures / entry["part"])
    if math.isfinite(seconds):
        n_parts = min(n_parts, max(1, int(len(begins) * seconds / entry["seconds"])))
    return begins[torch.randperm(len(begins))[:n_parts]].tolist()


def again(model, function, tensors, entry, begins, other_draws=False):
    """The values of the parts that begin at `begins`, measured anew, float32."""
    values = []
    for i in begins:
        chosen = [t[i : i + entry["part"]] for t in tensors]
        seed = i + entry["n"] if other_draws else i
        values.append(_measure(model, function, chosen, entry["settings"], seed)["values"])
    return torch.cat(values).float()


def difference(model, function, tensors, entry, values, begins, same_data=True):
    """None where these parts, measured again, are what they were; else the difference, as text."""
    new = again(model, function, tensors, entry, begins)
    old = torch.cat([values[i : i + entry["part"]] for i in begins])
    if new.shape != old.shape:
        return f"its values have the shape {tuple(new.shape[1:])}, they had {tuple(old.shape[1:])}"
    kind = lambda name: name.split(" (")[0]  # 'cpu' of 'cpu (2 threads)'
    same_device = kind(entry["device"]) == kind(_device(model))
    if same_data and same_device and entry["torch"] == torch.__version__:
        return _differs_in_a_value(new, old)
    return _differs_in_spread(new, old, entry["spread"])


def _differs_in_a_value(new, old):
    close = torch.isclose(new, old, ROUNDING, ROUNDING * float(old.abs().mean()), equal_nan=True)
    if close.all():
        return None
    first = int((~close).flatten().nonzero()[0])
    return f"{(~close).sum()} of {close.numel()} values differ, such as " + (
        f"{new.flatten()[first]:.6g}, it was {old.flatten()[first]:.6g}"
    )


def _differs_in_spread(new, old, spread):
    """Other draws: mean and scatter of the differences, whose spread is sqrt(2) that of a value."""
    error, one = (new - old).double(), math.sqrt(2) * spread
    rounding = 10 * ROUNDING * float(old.abs().mean())
    shift, scatter = float(error.mean()), float(error.square().mean().sqrt())
    if abs(shift) <= 4 * one / math.sqrt(len(old)) + rounding and scatter <= 3 * one + rounding:
        return None
    return (
        f"its values differ by {shift:.3g} in the mean and by {scatter:.3g} each, where {one:.3g} "
        "is usual"
    )
