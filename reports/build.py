"""Run the notebooks and render the report: python reports/build.py [--profile full] [--only 02].

Output: reports/<profile>/ with index.html, a page a notebook, notebooks/, figures/, results.json.
A second build repeats only what failed or changed. One failing notebook does not stop the others;
its last good report stays, what it reached lies in reports/failed/, and the exit code is 1.
"""

import argparse
import contextlib
import fcntl
import math
import os
import shutil
import sys
import time
from pathlib import Path

import publish
import run_notebooks
import store
from markup import PageError
from run_notebooks import NotebookError
from store import ResultError
from tqdm import tqdm

from course_lib.paths import cache_root

PROFILES = ("quick", "full")
CELL_SECONDS = {"quick": 900, "full": None}  # a quick cell that takes longer hangs


class UsageError(Exception):
    """A mistake on the command line, said in one line."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"build.py: {message} (see --help)\n")


def main(argv=None):
    args = parser().parse_args(argv)
    try:
        errors = build(args.root.resolve(), args.profile, args.budget, args.only, args.again)
    except UsageError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("build.py: stopped; finished notebooks are kept, run again to go on", file=sys.stderr)
        return 130
    return 1 if errors else 0


def parser():
    made = Parser(description=__doc__.splitlines()[0])
    made.add_argument("--profile", default="quick", choices=PROFILES)
    made.add_argument("--budget", default=1.0, type=budget, help="share of the epochs, 0 to 1")
    made.add_argument("--only", nargs="+", default=[], metavar="NN", help="e.g. 02, or 02_vae")
    made.add_argument("--again", action="store_true", help="run even what has not changed")
    here = Path(__file__).resolve().parents[1]
    made.add_argument("--root", type=Path, default=here, help="the course's folder")
    return made


def budget(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share of epochs: above 0, at most 1")
    return value


def build(root, profile, budget, only=(), again=False):
    """Bring reports/<profile>/ up to date; returns {notebook name: why it failed}."""
    paths = choose(root, only)
    out = root / "reports" / profile
    parameters = {"profile": profile, "budget": budget}
    with locked(root / "reports" / ".tmp" / profile) as tmp:
        todo, outcome = plan(paths, root, out, parameters, again)
        fresh = [name for name, error in outcome.items() if error is None]
        run_all(todo, outcome, root, out, tmp, parameters)
        outcome |= publish.publish(root, out, parameters, outcome)
    errors = {name: error for name, error in sorted(outcome.items()) if error}
    ran = len(todo) - sum(path.stem in errors for path, _, _ in todo)
    for name, error in errors.items():
        print(f"FAILED {name}: {error}")
    print(
        f"{out.relative_to(root) / 'index.html'}: {ran} notebooks run, {len(fresh)} up to date, "
        f"{len(errors)} failed"
    )
    return errors


def choose(root, only):
    """The paths of the notebooks to bring up to date, in order."""
    paths = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise UsageError(f"no notebook named NN_*.ipynb in {root / 'notebooks'}")
    for wish in only:
        if not any(matches(path, wish) for path in paths):
            known = ", ".join(path.stem for path in paths)
            raise UsageError(f"--only {wish}: no such notebook; there are {known}")
    return [path for path in paths if not only or any(matches(path, wish) for wish in only)]


def matches(path, wish):
    return path.stem == wish.removesuffix(".ipynb") or path.stem.split("_")[0] == wish


@contextlib.contextmanager
def locked(tmp):
    """An empty working folder; refuses when another build of the same profile holds it."""
    tmp.parent.mkdir(parents=True, exist_ok=True)
    with open(tmp.with_suffix(".lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another build of the {tmp.name} report is running") from None
        shutil.rmtree(tmp, ignore_errors=True)  # of a killed build
        tmp.mkdir()
        try:
            yield tmp
        finally:
            shutil.rmtree(tmp, ignore_errors=True)


def plan(paths, root, out, parameters, again):
    """([(path, notebook, fingerprint) to run], {name: None if up to date, else its fault})."""
    todo, outcome = [], {}
    for path in paths:
        try:
            nb = run_notebooks.read(path)
        except NotebookError as error:
            outcome[path.stem] = str(error)
            continue
        prepared = (cache_root() / "data").glob("*/about.json")
        print_of = store.fingerprint(nb, root, parameters, prepared)
        state, _ = store.kept_run(out, path.stem)
        if not again and state and state["fingerprint"] == print_of:
            outcome[path.stem] = None
        else:
            todo.append((path, nb, print_of))
    return todo, outcome


def run_all(todo, outcome, root, out, tmp, parameters):
    """Run what is to be run, one after the other: each notebook may use every core."""
    total = sum(len(nb.cells) + 2 for _, nb, _ in todo)  # papermill adds one, the runner another
    with tqdm(total=total, unit="cell", disable=not todo, dynamic_ncols=True) as bar:
        done = 0
        for path, nb, print_of in todo:
            try:
                run_one(path, nb, print_of, root, out, tmp / path.stem, parameters, bar)
                outcome[path.stem] = None
                outcome |= publish.publish(root, out, parameters, outcome, only=path.stem)
            except (NotebookError, ResultError, PageError) as error:
                outcome[path.stem] = str(error)
            except Exception as error:  # not foreseen, and still no reason to stop the others
                what = run_notebooks.last_line(error)
                outcome[path.stem] = f"{type(error).__name__}: {what}"
            if outcome[path.stem]:
                bar.set_postfix_str(f"failed: {path.stem}")
            done += len(nb.cells) + 2
            bar.update(done - bar.n)


def run_one(path, nb, print_of, root, out, work, parameters, bar):
    """One notebook to a finished run among the kept ones, or an exception and nothing changed."""
    failed = root / "reports" / "failed" / path.name
    failed.unlink(missing_ok=True)
    bar.set_description_str(f"{path.stem} · starting")
    run_notebooks.check_runnable(nb, path, parameters)
    results = work / "results"
    (results / "figures").mkdir(parents=True)

    def watch(cell_id):
        bar.set_description_str(f"{path.stem} · {cell_id}")
        bar.update()

    start = time.perf_counter()
    try:
        run_notebooks.execute(
            nb,
            work / "notebook.ipynb",
            parameters,
            path.parent,
            results,
            watch,
            CELL_SECONDS[parameters["profile"]],
        )
        publish.check_run(path.stem, work)
    except Exception:
        keep_failed(work / "notebook.ipynb", failed)
        raise
    seconds = round(time.perf_counter() - start, 1)
    about = {"fingerprint": print_of, "built": time.strftime("%Y-%m-%d"), "seconds": seconds}
    store.keep_run(out, path.stem, work, {**about, **parameters})


def keep_failed(reached, failed):
    if reached.exists():
        failed.parent.mkdir(parents=True, exist_ok=True)
        os.replace(reached, failed)


if __name__ == "__main__":
    sys.exit(main())
