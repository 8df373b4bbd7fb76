"""What notebooks leave in reports/<profile>/: where each file lies, and what a result must hold.

  01_a.html  figures/  results/01_a.json      a notebook's page, pictures, results and answers
  live/                                       scripts that make explorers move (live.py)
  notebooks/01_a.ipynb  01_a.inputs           as executed, and what that run was made from
  index.html  results.json                    made from all of these by index.py

A run's line of failure and the notebook as far as it came lie in reports/failed/<profile>/.
"""

import json
import math
import re

from course_lib.atomic import Unreadable, read_json
from course_lib.course.protocol import VERDICTS

NAME = re.compile(r"\d\d_\w+", re.ASCII)
TITLE = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
RESULT_KEYS = {
    "kind": str,
    "name": str,
    "question": str,
    "title": str,
    "numbers": dict,
    "units": dict,
}
ANSWER_KEYS = {"kind": str, "question": str, "answer": str, "numbers": dict, "notes": list}
# Of the first version, notebooks 03 to 08: it has its verdict in it and no numbers by name.
FIRST_ANSWER_KEYS = {
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


def failed_path(root, profile, name, suffix):
    """suffix: .txt for the line that says why, .ipynb for what was reached."""
    return root / "reports" / "failed" / profile / f"{name}{suffix}"


def notebooks(root):
    """The course's notebooks in order, {name: title}: those named NN_words.ipynb."""
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    return {path.stem: source_title(path) for path in paths if NAME.fullmatch(path.stem)}


def source_title(path):
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return title(
            ("".join(c["source"]) for c in cells if c["cell_type"] == "markdown"), path.stem
        )
    except (ValueError, KeyError, TypeError):  # refused when it is to run, by a line of its own
        return path.stem


def title(texts, name):
    """The first heading among the markdown `texts`, else the notebook's name."""
    match = TITLE.search("\n".join(texts))
    return match[1] if match else name


def read_part(out, name):
    """What a notebook's last good run left: {"about", "results", "answers"}, or None without one.

    Raises Unreadable where the file is there and damaged: it may be all that is left of hours.
    """
    path = out / "results" / f"{name}.json"
    try:
        part = read_json(path)
        return {key: part[key] for key in ("about", "results", "answers")}
    except FileNotFoundError:
        return None
    except (Unreadable, KeyError, TypeError) as error:
        raise Unreadable(
            f"{path} is damaged ({last_line(error)}): nothing was changed. Take it back from git, "
            f"or delete it and run {name[:2]} again"
        ) from None


def last_line(error):
    """An error in one line, for people."""
    lines = [line.strip() for line in ANSI.sub("", str(error)).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def load_results(folder, notebook):
    """The kept results and answers of one run, as two lists sorted by name, checked."""
    results, answers = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            item = read_json(path)
        except Unreadable:
            item = None
        if not isinstance(item, dict):
            raise ResultError(f"result {path.name} is not JSON")
        check_item(item, path.name, int(notebook.split("_")[0]))
        if item["kind"] == "result":
            item["protocol"] = item.get("protocol") or {}  # a bare picture may have none
        check_figure(item, folder, path.name)
        (answers if item["kind"] == "answer" else results).append({**item, "notebook": notebook})
    return results, sorted(answers, key=lambda answer: question_key(answer["question"]))


def opened(folder):
    """{run: sha256 of its weights} of the runs that a notebook opened, or trained."""
    paths = sorted((folder / "opened").glob("*"))
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def check_item(item, file, chapter):
    for key, kind in keys_of(item).items():
        if not isinstance(item.get(key), kind):
            raise ResultError(f"result {file}: {key!r} is missing or not a {kind.__name__}")
    if not re.fullmatch(rf"{chapter}\.\d+", item["question"]):
        raise ResultError(f"result {file}: question {item['question']} is of another notebook")
    if item["kind"] == "answer" and item.get("verdict", "open") not in VERDICTS:
        raise ResultError(f"result {file}: verdict {item['verdict']!r} is none of {VERDICTS}")
    if item["kind"] == "result" and item["numbers"] and not item.get("protocol"):
        raise ResultError(f"result {file}: numbers without a protocol say nothing")
    slug = f"q{item['question'].replace('.', '-')}"
    if item["kind"] == "result" and not re.fullmatch(rf"{slug}(-[a-z0-9-]+)?", item["name"]):
        raise ResultError(f"result {file}: the name {item['name']!r} does not start with {slug}")
    for key, value in item.get("numbers", {}).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ResultError(f"result {file}: the number {key!r} is {value}")


def keys_of(item):
    if item.get("kind") != "answer":
        return RESULT_KEYS
    return FIRST_ANSWER_KEYS if "verdict" in item else ANSWER_KEYS


def check_figure(item, folder, file):
    figure = item.get("figure")
    if item["kind"] == "result" and figure:
        if not (folder / figure).exists():
            raise ResultError(f"result {file}: the figure {figure} was not saved")
        if not (item.get("alt") or "").strip():
            raise ResultError(f"result {file}: the figure {figure} has no alt text")


def question_key(question):
    return tuple(int(part) for part in question.split("."))
