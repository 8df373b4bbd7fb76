"""What each page is made from: python reports/inputs.py quick [--budget 0.5] [--only 02] [--again]

Writes reports/<profile>/notebooks/NN.inputs for the chosen notebooks and prints what make is to
bring up to date: where this file is newer than the executed notebook. The file changes only when
the content of something that the run depends on has changed, so two dates are all to compare. With
--minutes a share of the epochs is chosen (minutes.py), and this file keeps it: a build that was
killed and is started again goes on with it.
"""

import argparse
import hashlib
import json
import math
import sys
from pathlib import Path

import minutes
import store

from course_lib.atomic import Unreadable, file_digest, read_json, write_json
from course_lib.command import Parser
from course_lib.paths import cache_root

ROOT = Path(__file__).resolve().parents[1]


class UsageError(Exception):
    """A mistake on the command line, said in one line."""


def main(argv=None, root=ROOT):
    args = parser().parse_args(argv)
    out = root / "reports" / args.profile
    try:
        budget_or_minutes(args)
        chosen = choose(list(store.notebooks(root)), args.only)
        parts = {name: store.read_part(out, name) for name in store.notebooks(root)}
        shared = digests(root)
        cells = {name: cells_digest(root / "notebooks" / f"{name}.ipynb") for name in chosen}
        files = {name: {"cells": cells[name]} | shared for name in chosen}
        parameters = parameters_of(args, root, out, files)
        for name in chosen:
            again = args.again or not whole(out, parts[name])
            write(out / "notebooks" / f"{name}.inputs", parameters[name], files[name], again)
    except (UsageError, minutes.PlanError, Unreadable, OSError) as error:
        print(f"{args.profile} report: {error}", file=sys.stderr)
        return 2
    stale = [name for name in chosen if not is_current(out / "notebooks" / name)]
    if unchanged := [name[:2] for name in chosen if name not in stale]:
        again = "AGAIN=1 runs it" if len(unchanged) == 1 else "AGAIN=1 runs them"
        print(f"{', '.join(unchanged)}: unchanged, not run again ({again})", file=sys.stderr)
    print(*(f"reports/{args.profile}/notebooks/{name}.ipynb" for name in stale))
    return 0


def parser():
    made = Parser(prog="report")
    made.add_argument("profile", choices=("quick", "full"))
    add_budget(made)
    made.add_argument("--only", nargs="*", default=[], metavar="NN", help="e.g. 02, or 02_vae")
    made.add_argument("--again", action="store_true", help="run even what has not changed")
    return made


def add_budget(made):
    made.add_argument("--budget", type=budget, help="share of the epochs, 0 to 1")
    made.add_argument("--minutes", type=of_minutes, help="as many of the epochs as fit into them")


def budget(text):
    value = number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share of epochs: above 0, at most 1")
    return value


def of_minutes(text):
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0")
    return value


def number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def budget_or_minutes(args):
    """Refuse both; with neither, the whole profile."""
    if args.budget and args.minutes:
        raise UsageError("BUDGET and MINUTES are two ways to say how long to train: say one")
    if not args.minutes:
        args.budget = args.budget or 1.0


def parameters_of(args, root, out, files):
    """{name: parameters} of the runs that these files ask for; a notebook that is to train anew
    (`retrain`) would be told so here. Of --minutes the share is chosen, where it was not before."""
    if args.budget:
        return dict.fromkeys(files, {"profile": args.profile, "budget": args.budget})
    paths = {name: out / "notebooks" / name for name in files}
    kept = {name: kept_parameters(paths[name], args, files[name]) for name in files}
    shares = minutes.shares(root, args.profile, [n for n in files if not kept[n]], args.minutes)
    limit = {"profile": args.profile, "minutes": args.minutes}
    return kept | {name: limit | {"budget": share} for name, share in shares.items()}


def kept_parameters(path, args, files):
    """Those that were chosen before for these minutes and files, or of a whole run that is there;
    else, or where a run that is there is to be made again, None."""
    try:
        before = read_json(path.with_suffix(".inputs"))
        parameters, same = before["parameters"], before["files"] == files
    except (FileNotFoundError, Unreadable, LookupError, TypeError):
        return None
    there = is_current(path)
    if not same or (there and args.again):
        return None
    fits = parameters.get("minutes") == args.minutes or (there and parameters["budget"] == 1)
    return parameters if fits else None


def choose(names, only):
    """The names of the notebooks to bring up to date, in order."""
    if not names:
        raise UsageError("there is no notebook named NN_words.ipynb in notebooks/")
    matches = lambda name, wish: wish.removesuffix(".ipynb") in (name, name.split("_")[0])
    for wish in only:
        if not any(matches(name, wish) for name in names):
            raise UsageError(f"ONLY={wish}: no such notebook; there are {', '.join(names)}")
    return [name for name in names if not only or any(matches(name, wish) for wish in only)]


def whole(out, part):
    """Is everything there that the last good run left, of this version of the report?"""
    if not part or "live" not in part["about"]:
        return False
    files = [out / "figures" / file for file in part["about"]["figures"]]
    files += [out / "live" / file for file in part["about"]["live_files"]]
    return all(file.exists() for file in files)


def write(path, parameters, files, again):
    value = {"parameters": parameters, "files": files}
    try:
        same = read_json(path) == value
    except (FileNotFoundError, Unreadable):
        same = False
    if again or not same:
        write_json(path, value)


def is_current(path):
    """Whether make will find that NN.ipynb is not older than NN.inputs; `path` is without both."""
    executed, inputs = path.with_suffix(".ipynb"), path.with_suffix(".inputs")
    return executed.exists() and executed.stat().st_mtime_ns >= inputs.stat().st_mtime_ns


def digests(root):
    """{name: sha256} of what every run depends on: the library, the embedded data, the shipped
    weights, and the prepared sets, for which their about.json stands."""
    files = {p.relative_to(root): p for p in root.glob("course_lib/**/*.py")}
    files |= {p.relative_to(root): p for p in root.glob("data/**/*")}
    files |= {
        p.relative_to(root): p for p in root.glob("weights/*.json")
    }  # they name their weights
    files |= {p.relative_to(cache_root()): p for p in cache_root().glob("data/*/about.json")}
    return {str(name): file_digest(p) for name, p in sorted(files.items()) if p.is_file()}


def cells_digest(path):
    """sha256 of a notebook's own cells: their outputs are made by running it."""
    content = path.read_bytes()
    try:
        cells = json.loads(content)["cells"]
        own = [[c.get("id"), c["cell_type"], c["source"], c["metadata"].get("tags")] for c in cells]
        content = json.dumps(own).encode()
    except (ValueError, LookupError, TypeError, AttributeError):
        pass  # not a notebook: refused when it is to run, and again when it has changed
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
