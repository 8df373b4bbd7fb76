"""What is kept between builds: finished runs, their fingerprints, and the merged results.

A finished run is a folder of its own; the small state file that points to it is replaced last, in
one step, so a build killed at any moment leaves either the old run or the new one, whole.
"""

import hashlib
import json
import math
import os
import re
import shutil

VERDICTS = ("reproduced", "beaten", "refuted", "not comparable", "no claim", "open")
RESULT_KEYS = {
    "kind": str,
    "name": str,
    "question": str,
    "title": str,
    "numbers": dict,
    "units": dict,
}
ANSWER_KEYS = {
    "kind": str,
    "question": str,
    "title": str,
    "answer": str,
    "ours": str,
    "claim": str,
    "source": str,
    "verdict": str,
}


class ResultError(Exception):
    """A kept result that breaks the contract: one line that names the file and the key."""


def write_atomic(path, content):
    """Write str or bytes so that `path` is at every moment whole: the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with open(part, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def write_json(path, content):
    write_atomic(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path):
    """The content of `path`, or None when it is missing or damaged (then it is made again)."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def fingerprint(nb, root, parameters, prepared=()):
    """sha256 over all that a run depends on: the cells, our two packages, the parameters, and which
    data are `prepared` (their about.json files), since a notebook takes MNIST where it finds it."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode())
    for cell in nb.cells:
        tags = cell.metadata.get("tags", [])
        digest.update(json.dumps([cell.get("id"), cell.cell_type, cell.source, tags]).encode())
    for path in sorted(prepared):
        digest.update(path.parent.name.encode() + b"\0" + path.read_bytes())
    for package in ("course_lib", "data_scripts"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def runs_folder(out):
    return out / "notebooks" / ".runs"


def kept_run(out, name):
    """(state, folder) of the last good run of a notebook, or (None, None)."""
    state = read_json(runs_folder(out) / f"{name}.json")
    if not isinstance(state, dict) or "folder" not in state:
        return None, None
    folder = runs_folder(out) / state["folder"]
    return (state, folder) if (folder / "notebook.ipynb").exists() else (None, None)


def keep_run(out, name, work, state):
    """Move the finished run in `work` among the kept ones, then point the state file at it."""
    folder = runs_folder(out) / f"{name}-{os.urandom(4).hex()}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(work, folder)
    write_json(runs_folder(out) / f"{name}.json", {**state, "folder": folder.name})
    drop_strays(out)
    return folder


def drop_strays(out):
    """Delete runs that no state file points to: replaced ones, and those of a killed build."""
    folders = [path for path in runs_folder(out).glob("*") if path.is_dir()]
    states = [read_json(path) or {} for path in runs_folder(out).glob("*.json")]
    pointed = {state.get("folder") for state in states}
    for folder in folders:
        if folder.name not in pointed:
            shutil.rmtree(folder)


def load_results(folder, notebook):
    """The kept results and answers of one run, as two lists sorted by name, checked."""
    results, answers = [], []
    for path in sorted(folder.glob("*.json")):
        item = read_json(path)
        if not isinstance(item, dict):
            raise ResultError(f"result {path.name} is not JSON")
        check_item(item, path.name, int(notebook.split("_")[0]))
        item["protocol"] = item.get("protocol") or {}  # a bare picture may have none
        check_figure(item, folder, path.name)
        (answers if item["kind"] == "answer" else results).append({**item, "notebook": notebook})
    return results, sorted(answers, key=lambda answer: question_key(answer["question"]))


def check_item(item, file, chapter):
    keys = ANSWER_KEYS if item.get("kind") == "answer" else RESULT_KEYS
    for key, kind in keys.items():
        if not isinstance(item.get(key), kind):
            raise ResultError(f"result {file}: {key!r} is missing or not a {kind.__name__}")
    if not re.fullmatch(rf"{chapter}\.\d+", item["question"]):
        raise ResultError(f"result {file}: question {item['question']} is of another notebook")
    if item["kind"] == "answer" and item["verdict"] not in VERDICTS:
        raise ResultError(f"result {file}: verdict {item['verdict']!r} is none of {VERDICTS}")
    if item.get("numbers") and not item.get("protocol"):
        raise ResultError(f"result {file}: numbers without a protocol say nothing")
    slug = f"q{item['question'].replace('.', '-')}"
    if item["kind"] == "result" and not re.fullmatch(rf"{slug}(-[a-z0-9-]+)?", item["name"]):
        raise ResultError(f"result {file}: the name {item['name']!r} does not start with {slug}")
    for key, value in item.get("numbers", {}).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ResultError(f"result {file}: the number {key!r} is {value}")


def check_figure(item, folder, file):
    figure = item.get("figure")
    if item["kind"] == "result" and figure:
        if not (folder / figure).exists():
            raise ResultError(f"result {file}: the figure {figure} was not saved")
        if not (item.get("alt") or "").strip():
            raise ResultError(f"result {file}: the figure {figure} has no alt text")


def question_key(question):
    return tuple(int(part) for part in question.split("."))
