"""The notebooks as they are committed, executed: python reports/committed.py (make notebooks)

Takes the outputs of reports/quick/notebooks/NN.ipynb over into notebooks/NN.ipynb, without what a
reader cannot use (states of widgets, parameters that were put in, times), and writes what they were
made of into the notebook's metadata: a digest of its cells and of the shipped weights it opened.
"""

import json
import sys
from pathlib import Path

import execute
import inputs
import nbformat
import pictures
import store
from packed import packed
from pages import WIDGET

from course_lib.atomic import Unreadable, file_digest, write_text
from course_lib.paths import weights_root

ROOT = Path(__file__).resolve().parents[1]
# The two digits of each notebook in the new form: those that are committed executed.
EXECUTED = ("01", "02", "03", "04", "05", "06", "07", "08", "09")
BYTES = 1_500_000  # a notebook, as a repository's web page still shows it
SCRIPTS = (WIDGET, "application/javascript")


class StaleError(Exception):
    """A notebook whose outputs cannot be taken over: one line that says why and what to do."""


def main(words=None, root=ROOT):
    words = sys.argv[1:] if words is None else words
    names = [name for name in store.notebooks(root) if name[:2] in EXECUTED]
    if words == ["names"]:
        print(*(name[:2] for name in names))
        return 0
    try:
        texts = {name: taken_over(root, name) for name in names}
    except (StaleError, Unreadable, execute.NotebookError, OSError) as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    for name, text in texts.items():
        write_text(root / "notebooks" / f"{name}.ipynb", text)
        print(f"notebooks/{name}.ipynb: {len(text.encode()):,} bytes")
    return 0


def taken_over(root, name):
    """The text of a committed notebook with the outputs of its last quick run."""
    path = root / "notebooks" / f"{name}.ipynb"
    part = store.read_part(root / "reports" / "quick", name)
    if part is None:
        raise StaleError(f"{name} has no quick run; make report ONLY={name[:2]} makes one")
    quick = root / "reports" / "quick"
    ran = execute.read(quick / "notebooks" / f"{name}.ipynb")
    ran = pictures.restored(ran, quick / "figures")
    nb = with_outputs(execute.read(path), ran, name)
    weights = shipped(part["about"].get("opened", {}))
    nb.metadata["course"] = {"cells": inputs.cells_digest(path), "weights": weights}
    text = nbformat.writes(nb) + "\n"
    check_size(name, nb, len(text.encode()))
    return text


def with_outputs(nb, ran, name):
    """The notebook with the outputs that its executed copy `ran` has in cells of the same text."""
    made = {cell["id"]: cell for cell in ran.cells if cell.cell_type == "code"}
    count = 0
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        if cell["id"] not in made or made[cell["id"]].source != cell.source:
            raise StaleError(f"{name}: cell {cell['id']} changed after its run; make report again")
        cell.metadata.pop("execution", None)
        count += bool(cell.source.strip())
        cell.execution_count = count if cell.source.strip() else None
        cell.outputs = [o for o in map(kept, made[cell["id"]].outputs) if o]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    nb.metadata.pop("widgets", None)
    return nb


def kept(output):
    """The output as it is committed, or None: of an explorer its first picture is left."""
    data = output.get("data", {})
    if not any(kind in data for kind in SCRIPTS):
        return packed(output)
    for kind in SCRIPTS:
        data.pop(kind, None)
        output.metadata.pop(kind, None)
    return packed(output) if data.keys() - {"text/plain"} else None


def shipped(opened):
    """{run: sha256 of its weights} of those among the opened runs that ship with the course."""
    digests = {}
    for name, digest in sorted(opened.items()):
        weights = weights_root() / f"{name}.safetensors"
        if weights.exists():
            digests[name] = file_digest(weights)
            if digest != digests[name]:
                raise StaleError(
                    f"{name} was opened from the cache, and other weights ship: delete its folder "
                    "in cache/runs and make the report again"
                )
    return digests


def check_size(name, nb, size):
    if size <= BYTES:
        return
    sizes = {c["id"]: len(json.dumps(c["outputs"])) for c in nb.cells if c.cell_type == "code"}
    largest = sorted(sizes, key=sizes.get, reverse=True)[:3]
    where = ", ".join(f"{cell} {sizes[cell]:,}" for cell in largest)
    raise StaleError(
        f"{name} has {size:,} bytes, more than {BYTES:,}; the largest outputs: {where}"
    )


def faults(path):
    """What makes a committed notebook stale or too large, a line each."""
    nb = json.loads(path.read_text(encoding="utf-8"))
    about = nb["metadata"].get("course")
    if about is None:
        return ["it is not committed executed: make notebooks"]
    lines = []
    if about["cells"] != inputs.cells_digest(path):
        lines.append("its cells changed after its outputs were made: make notebooks")
    for name, digest in about["weights"].items():
        weights = weights_root() / f"{name}.safetensors"
        if not weights.exists() or file_digest(weights) != digest:
            lines.append(f"the weights {name} changed after its outputs were made: make notebooks")
    if path.stat().st_size > BYTES:
        lines.append(f"it has {path.stat().st_size:,} bytes, more than {BYTES:,}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
