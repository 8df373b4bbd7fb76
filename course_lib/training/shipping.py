"""Ship trained runs with the course, and hold them against today's code.

    python -m course_lib.training.shipping ship cvae.recipe-0123456789abcdef \\
        mnist/train:x mnist/train:one_hot       # a run of the cache, and the tensors behind it
    python -m course_lib.training.shipping measure cvae.recipe-0123456789abcdef \\
        mnist/test/2000:x:binary=0 mnist/test/2000:one_hot    # what was measured of these, too
    python -m course_lib.training.shipping check      # every shipped run whose data are here
    python -m course_lib.training.shipping restamp    # after code was moved or renamed

ship moves a run from the cache to weights/, so that from then on everybody opens the same numbers;
measure does the same with the finished measurements of a shipped run on some pictures.
restamp writes down today's code as that of a run only where its first five steps are the same, and
as that which measured after each epoch where a notebook here has opened the run and found the same
(make report does); for a recipe that has another name now:
restamp --renamed models.vae.recipe=models.vae.train.
"""

import json
import sys

from course_lib.atomic import read_json, write_bytes, write_json
from course_lib.command import Parser
from course_lib.data import inputs, sets
from course_lib.paths import cache_root, weights_root
from course_lib.training import (
    fingerprint,
    keys,
    opening,
    outcomes,
    records,
    shipped_measurements,
)
from course_lib.training.checkpoint import Damaged
from course_lib.training.shipped_measurements import function_of, named

LIMIT = 8e6  # bytes of one run's weights
TERMS = {"celeba": "trained on CelebA: for non-commercial research and education only"}


def ship(name, words, half=False, average=False, limit=LIMIT):
    """Move the run `name` of the cache to weights/; returns the record's path.

    words: what opens its tensors, see data.inputs. half: matrices and kernels as float16. average:
    of the model, or of a game's generator, its average alone. ValueError where the words name other
    data, or it is too large.
    """
    about = named(name)
    kept = records.read(records.cached(about))
    if kept is None:
        alike = (cache_root() / "runs").glob(f"*{name.rsplit('-', 1)[0]}-*")
        there = ", ".join(sorted(p.name for p in alike)) or "none of this recipe"
        raise ValueError(f"the cache holds no finished run {name}; it has {there}")
    record, states = kept
    if sets.digest(*(inputs.tensor(word) for word in words)) != record["about"]["data_sha256"]:
        raise ValueError(f"{name} was not trained on {' '.join(words)}")
    if average:
        states = {part: s for part, s in states.items() if part not in records.AVERAGED}
    states = {part: _stored(state, half) for part, state in states.items()}
    size = sum(t.numel() * t.element_size() for s in states.values() for t in s.values())
    if size > limit:
        raise ValueError(
            f"{name} has {size / 1e6:.1f} MB; a shipped run has {limit / 1e6:.0f} at "
            "most: try --half, or --average"
        )
    terms = [TERMS[set_] for set_ in TERMS if any(w.startswith(set_) for w in words)]
    record |= {"inputs": list(words), "terms": terms}
    record |= {"stored": "float16" if half else "float32", "limit": limit}
    paths = records.shipped(record["about"])
    records.write(paths, record, states)
    for path in shipped_measurements.files(paths[0]):  # of the weights that were there before
        path.unlink()
    records.remove(about)
    return paths[0]


def _stored(state, half):
    """float16 for what has two dimensions or more; the rest is small, and sums need its digits."""
    return {
        k: t.half() if half and t.ndim > 1 and t.is_floating_point() else t
        for k, t in state.items()
    }


def manifests():
    """The records of all shipped runs, sorted. ValueError where their folder is none."""
    if weights_root().exists() and not weights_root().is_dir():
        raise ValueError(f"{weights_root()} is no folder; name another in COURSE_WEIGHTS")
    return sorted(weights_root().glob("*.json"))


def problem(path, renamed=None):
    """(what no longer holds of a shipped run or None, its record brought up to date or None).

    Looked at: both files, the recipe by its name, its defaults, its key, and its first five steps.
    DataMissing where its data are not here.
    """
    try:
        record, _ = records.read((path, path.with_suffix(".safetensors")))
        about = record["about"]
        recipe = function_of((renamed or {}).get(about["recipe"], about["recipe"]))
        if not record.get("inputs"):
            raise Damaged("its record names no inputs")
        tensors = [inputs.tensor(word) for word in record["inputs"]]
        fresh = _described(recipe, tensors, about, renamed or {})
    except (AttributeError, ModuleNotFoundError):
        return f"there is no recipe {about['recipe']} any more", None
    except (Damaged, KeyError, TypeError, ValueError) as error:
        return f"{error}", None
    for name, old in about["settings"].items():
        if json.dumps(fresh["settings"].get(name)) != json.dumps(old):
            new = fresh["settings"].get(name)
            return f"it was trained with {name}={old}; by today's default it is {new}", None
    behaviour = fingerprint.Behaviour(recipe, tensors, fresh)
    if misfit := behaviour.misbehaves(record):
        return misfit, None
    today = behaviour.sources() | _measuring(record, recipe, tensors, fresh)
    return None, record | {"about": about | fresh} | today


def _measuring(record, recipe, tensors, about):
    """Today's digests where the code that measures after each epoch was compared on this machine
    when a notebook opened the run, else nothing: the pictures it measures have no names here."""
    if not about["evaluate"] or about["evaluate"][0].count(" "):  # of a notebook: known by its text
        return {}
    evaluate = function_of(about["evaluate"][0])
    sources = fingerprint.Behaviour(recipe, tensors, about, evaluate).sources()
    compared = opening.remembered(record["weights_sha256"], sources, about["data_sha256"])
    return sources if compared else {}


def _described(recipe, tensors, about, renamed):
    """`about` with what today's code says of the run; its data are those it was trained on."""
    settings = keys.arguments(recipe, tensors, about["given"])
    evaluate = about["evaluate"]
    if evaluate:
        evaluate = [renamed.get(evaluate[0], evaluate[0]), evaluate[1]]
    return keys.identity(
        keys.name_of(recipe), settings, about["epochs"], evaluate, about["data_sha256"]
    ) | {"given": about["given"]}


def restamp(renamed=None):
    """Bring every record up to date whose run behaves as it did; {name: why not} of the others."""
    refused = {}
    for path in manifests():
        try:
            fault, record = problem(path, renamed)
            if not fault:
                record, faults = shipped_measurements.restamped(path, record, renamed)
                refused |= {f"{path.stem}.{name}": text for name, text in faults.items()}
        except sets.DataMissing as error:
            fault = f"its data are not here. {error}"
        if fault:
            refused[path.stem] = fault
            continue
        target = records.shipped(record["about"])
        if record == read_json(path):
            continue
        old = [path, path.with_suffix(".safetensors"), *shipped_measurements.files(path)]
        if target[0] != path:  # first the new files, then the old ones go: a kill loses nothing
            for file in old[1:]:
                name = file.name.replace(path.stem, target[0].stem, 1)
                write_bytes(file.with_name(name), file.read_bytes())
        write_json(target[0], record)
        if target[0] != path:
            for file in old:
                file.unlink()
    return refused


def main(words=None):
    """The exit status: 0, or 1 with one line for each run that does not hold."""
    parser = Parser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("ship", help="move a run of the cache to weights/")
    one.add_argument("run", help="recipe-key, as train_or_load prints it")
    one.add_argument("inputs", nargs="+", help="its tensors, as mnist/train:x (see data.inputs)")
    one.add_argument("--half", action="store_true", help="store matrices and kernels as float16")
    one.add_argument("--average", action="store_true", help="the averaged weights alone")
    one.add_argument("--limit", type=float, default=LIMIT, help="bytes at most (%(default)g)")
    more = commands.add_parser("measure", help="move a shipped run's measurements to weights/")
    more.add_argument("run", help="the run in weights/, by its name")
    more.add_argument("inputs", nargs="+", help="the tensors that were measured, as above")
    commands.add_parser("check", help="hold every shipped run against today's code")
    again = commands.add_parser("restamp", help="the same, and write down what behaves alike")
    again.add_argument("--renamed", nargs="*", default=[], metavar="OLD=NEW", help="of a recipe")
    options = parser.parse_args(words)
    try:
        return COMMANDS[options.command](options)
    except (ValueError, OSError) as error:
        print(f"shipping: {error}", file=sys.stderr)
        return 1


def _ship(options):
    path = ship(options.run, options.inputs, options.half, options.average, options.limit)
    print(f"shipped: {path} and {path.with_suffix('.safetensors').name}")
    return 0


def _measure(options):
    for entry in shipped_measurements.ship(options.run, options.inputs):
        print(f"shipped: {entry['name']}, {entry['n']} pictures")
    return 0


def _check(options):
    refused = {}
    for path in manifests():
        try:
            refused |= _faults(path)
        except sets.DataMissing as error:
            print(f"{path.stem}: not looked at. {error}")
    return _report(refused)


def _faults(path):
    """{what: why it does not hold} of a shipped run and of the measurements beside it."""
    fault, record = problem(path)
    if record and records.shipped(record["about"])[0] != path:
        fault = "it behaves as it did, under another key: run `make restamp`"
    if fault:
        return {path.stem: fault}
    measured = shipped_measurements.faults(path)
    return {f"{path.stem}.{name}": fault for name, fault in measured.items()}


def _restamp(options):
    if wrong := [pair for pair in options.renamed if pair.count("=") != 1]:
        raise ValueError(f"--renamed takes OLD=NEW, not '{wrong[0]}'")
    renamed = dict(pair.split("=") for pair in options.renamed)
    return _report(restamp(renamed) | outcomes.restamp())


def _report(refused):
    for name, fault in refused.items():
        print(f"{name}: {fault}", file=sys.stderr)
    n = sum(path.stem not in refused for path in manifests())
    print(f"{n} of {len(manifests())} shipped runs hold")
    return 1 if refused else 0


COMMANDS = {"ship": _ship, "measure": _measure, "check": _check, "restamp": _restamp}

if __name__ == "__main__":
    sys.exit(main())
