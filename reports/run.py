"""Run one notebook and publish it: python reports/run.py quick 02_vae (make does so, when it must).

What comes out is whole or is not there: a run that did not end, results that break their contract
and a page that cannot be drawn change nothing. What was reached then lies in reports/failed/, and
the last good page stays.
"""

import contextlib
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

import execute
import index
import live
import pages
import pictures
import progress
import store
import wording
from execute import NotebookError
from markup import PageError
from store import ResultError

from course_lib import atomic, paths
from course_lib.course import claims

ROOT = Path(__file__).resolve().parents[1]
CELL_SECONDS = {"quick": 900, "full": None}  # a quick cell that takes longer hangs


def main(argv=None, root=ROOT):
    profile, name = argv or sys.argv[1:]
    try:
        if paths.REPOSITORY != root:
            fault = f"course_lib is that of {paths.REPOSITORY}; `make install` in {root} mends it"
        else:
            fault = run(root, profile, name)
    except atomic.Busy:
        fault = "another build is running it; wait for it to end"
    except (atomic.Unreadable, PageError, claims.ClaimError, OSError) as error:
        fault = str(error)
    except KeyboardInterrupt:
        print(f"{name}: stopped; finished notebooks are kept, run again to go on", file=sys.stderr)
        return 130
    if fault:
        print(f"FAILED {name}: {fault}", file=sys.stderr)
    return 1 if fault else 0


def run(root, profile, name):
    """Run the notebook and bring the report up to date; returns why it failed, or None."""
    work = root / "reports" / ".tmp" / profile / name
    with atomic.locked(work.with_suffix(".lock")):
        shutil.rmtree(work, ignore_errors=True)  # of a killed run
        (work / "results" / "figures").mkdir(parents=True)
        try:
            fault = attempt(root, profile, name, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    try:
        index.publish(root, profile)
    except claims.ClaimError as error:  # of any notebook: this one's own fault comes first
        fault = f"{fault}; and {error}" if fault else str(error)
    return fault


def attempt(root, profile, name, work):
    """Run, check, publish; returns the fault, if there was one, and keeps what was reached."""
    fault = None
    try:
        publish_run(root, profile, name, work)
    except (
        NotebookError,
        ResultError,
        PageError,
        live.LiveError,
        atomic.Unreadable,
        OSError,
    ) as error:
        fault = str(error)
    except Exception as error:  # not foreseen, and the index still says so
        fault = f"{type(error).__name__}: {store.last_line(error)}"
    line, notebook = (store.failed_path(root, profile, name, s) for s in (".txt", ".ipynb"))
    for path in (line, notebook):
        path.unlink(missing_ok=True)
    if fault:
        atomic.write_text(line, fault + "\n")
        if (work / "notebook.ipynb").exists():
            os.replace(work / "notebook.ipynb", notebook)
    return fault


def publish_run(root, profile, name, work):
    """Run, and put what came out in its place."""
    out = root / "reports" / profile
    inputs = out / "notebooks" / f"{name}.inputs"
    made_from = inputs.stat().st_mtime_ns
    parameters = atomic.read_json(inputs)["parameters"]
    given = {key: parameters[key] for key in ("profile", "budget")}
    nb, seconds = execute_watched(root, name, work, given)
    if "minutes" in parameters:
        nb.metadata["budget"] = wording.budget(parameters)
    results, answers = store.load_results(work / "results", name)
    moving, live_files = live.taken(work / "results", name)
    html, shown = pages.page(nb, name, store.notebooks(root), moving)
    figures = shown | taken_figures(work / "results", results)
    title, questions = pages.outline(nb, name)
    about = {"title": title, "questions": questions, "figures": sorted(figures), **parameters}
    about["opened"] = store.opened(work / "results")
    about |= {"live": moving, "live_files": sorted(live_files)}
    about |= {"built": time.strftime("%Y-%m-%d"), "seconds": seconds, "memory": most_memory()}
    part = {"about": about, "results": results, "answers": answers}
    nb.metadata.pop("widgets", None)  # megabytes for sliders that nobody answers
    pictures.refer(nb, name)
    executed = out / "notebooks" / f"{name}.ipynb"
    contents = {out / "figures" / file: picture for file, picture in figures.items()}
    contents |= {out / "live" / file: content for file, content in live_files.items()}
    contents[out / f"{name}.html"] = html.encode()
    contents[out / "results" / f"{name}.json"] = json.dumps(part, indent=1).encode()
    # Not by nbformat, which writes a line for each string: nobody compares these.
    contents[executed] = json.dumps(nb, separators=(",", ":"), ensure_ascii=False).encode()
    with index.publishing(root, profile):
        write_together(contents)
        # As old as what it was made from: make runs what is older than its inputs.
        os.utime(executed, ns=(made_from, made_from))


def taken_figures(folder, results):
    """{file: bytes} of the kept figures as they lie beside a page; the results name them so."""
    for result in results:
        if result.get("figure"):
            result["figure"] = pictures.file_name(result["figure"])
    kept = ((path.name, path.read_bytes()) for path in index.figures(folder))
    return {pictures.file_name(name): pictures.stored(content) for name, content in kept}


def write_together(contents):
    """Write {path: bytes}: all to one side first, so that a full disk changes nothing, and then to
    their places in this order."""
    with contextlib.ExitStack() as stack:
        for path, content in reversed(contents.items()):  # the last one entered is left first
            stack.enter_context(atomic.replacing(path)).write_bytes(content)


def execute_watched(root, name, work, parameters):
    """(the executed notebook, the seconds that it took), with a bar that names each cell and a line
    for each net that is trained."""
    nb = execute.read(root / "notebooks" / f"{name}.ipynb")
    execute.check_runnable(nb, parameters)
    limit = CELL_SECONDS[parameters["profile"]]
    start = time.perf_counter()
    with progress.bar(nb, name) as (watch, tell):
        nb = execute.execute(nb, root, work, parameters, watch, tell, limit)
    return nb, round(time.perf_counter() - start, 1)


def most_memory():
    """The most memory, bytes, that a process begun here has held: of a kernel, which has ended."""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


if __name__ == "__main__":
    sys.exit(main())
