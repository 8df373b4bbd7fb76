"""A notebook rehearsed: run with a few steps in place of each training, to see what it would take.

What is trained is thrown away: the cache is a copy of links, so kept runs are found and none is
made. Rendered pictures and finished comparisons stay.
"""

import json
import math
import os
import shutil
import time
from typing import NamedTuple

import execute
import progress
from nbclient.exceptions import CellExecutionError, DeadKernelError

from course_lib import atomic
from course_lib.paths import cache_root


class Rehearsal(NamedTuple):
    """trainings: those that the notebook asks for, in order, as training/rehearsal.py notes them.
    rest: the seconds that all else takes. failed: the cells that an untrained model broke."""

    trainings: list
    rest: float
    failed: list


class OutOfTime(Exception):
    """A rehearsal that had not ended when its time was over."""


def rehearse(root, name, parameters, until=math.inf):
    """The Rehearsal of a notebook with these parameters. Raises NotebookError where it cannot run,
    atomic.Busy where a build runs it, OutOfTime where a cell would begin after `until`, a time of
    time.perf_counter."""
    work = root / "reports" / ".tmp" / parameters["profile"] / name
    with atomic.locked(work.with_suffix(".lock")):
        shutil.rmtree(work, ignore_errors=True)  # of a killed run
        try:
            (work / "results" / "figures").mkdir(parents=True)
            link_cache(work / "cache")
            return run(root, name, parameters, work, until)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def link_cache(place):
    """A cache in which everything kept is found, and whatever is written stays here."""
    place.mkdir()
    for folder in ("runs", "outcomes"):
        if (cache_root() / folder).is_dir():
            shutil.copytree(cache_root() / folder, place / folder, copy_function=os.symlink)
    for folder in ("data", "checked"):  # a set that is made is made for good
        (cache_root() / folder).mkdir(parents=True, exist_ok=True)
        (place / folder).symlink_to(cache_root() / folder)


def run(root, name, parameters, work, until):
    written = execute.read(root / "notebooks" / f"{name}.ipynb")
    execute.check_runnable(written, parameters)
    nb = execute.prepared(written, parameters, "the end")
    notes, failed = work / "notes", []
    notes.touch()
    client = execute.client_of(nb, root, lambda line: None)
    begun = time.perf_counter()
    with (
        progress.bar(written, f"{name}, rehearsal") as (watch, _),
        client.setup_kernel(env=environment(root, work, notes)),
    ):
        for place, cell in enumerate(nb.cells):
            if time.perf_counter() > until:
                raise OutOfTime
            watch(cell["id"])
            try:
                client.execute_cell(cell, place)
            except CellExecutionError:
                failed.append(f"{cell['id']} ({execute.cell_fault(cell)})")
            except DeadKernelError as error:
                raise execute.NotebookError(f"cell {cell['id']}: {error}") from None
    noted = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
    rest = time.perf_counter() - begun + sum(facts.get("rest", 0.0) for facts in noted)
    return Rehearsal(marked([facts for facts in noted if "training" in facts]), rest, failed)


def marked(trainings):
    """The same, each marked whether it stood in the list before: it is not trained `again`."""
    seen = [training["training"] for training in trainings]
    return [t | {"again": t["training"] in seen[:i]} for i, t in enumerate(trainings)]


def environment(root, work, notes):
    """Of a run, without asserts: they are about trained models."""
    return execute.environment(root, work) | {
        "COURSE_CACHE": str(work / "cache"),
        "COURSE_REHEARSAL": str(notes),
        "PYTHONOPTIMIZE": "1",
    }
