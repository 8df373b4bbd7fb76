"""Run the notebooks' own checks of tasks, without the trainings around them:  make check

    python -m course_lib.course.check [02 ...]

Each check runs with the task's functions and the few statements that both need. It says what kind
of mistake a wrong result looks like, never the value.
"""

import ast
import contextlib
import io
import re
import sys
import traceback

import nbformat

from course_lib.course import slices
from course_lib.paths import REPOSITORY

CHECK = re.compile(r"q(\d+)-(\d+)-task-check")
DEFINED = re.compile(r"^(?:def|class) +(\w+)|^(\w+) *=", re.MULTILINE)


def main(words=None, folder=REPOSITORY / "notebooks"):
    words = sys.argv[1:] if words is None else words
    results, paths = [], sorted(folder.glob("*.ipynb"))
    for word in words:
        if not any(path.stem.startswith(word) for path in paths):
            print(unknown(word, [path.stem for path in paths]), file=sys.stderr)
            return 2
    for path in paths:
        if not words or path.stem.startswith(tuple(words)):
            results += [show(*result) for result in checked(path)]
    print(f"{sum(results)} of {len(results)} checks pass")
    return 0 if results and all(results) else 1


def unknown(word, names):
    """That no notebook is called so, and which ones may be meant."""
    meant = [name[:2] for name in names if word.strip("0") in name] or [name[:2] for name in names]
    return f"no notebook begins with {word}; write {' or '.join(meant)}"


def show(question, fault):
    print(f"{question:5} {fault or 'right'}", flush=True)
    return not fault


def checked(path):
    """(question, what is wrong or "") of every check in a saved notebook."""
    before = []
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != "code":
            continue
        match = CHECK.fullmatch(cell.get("id", ""))
        if match:
            yield f"{match[1]}.{match[2]}", fault(before, cell.source, path.parent)
        before += statements(cell)


def statements(cell):
    """Those of a cell; where it is no Python, one that says so to each check that needs it."""
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        place = f"cell {cell.get('id', '')}, line {error.lineno}"
        said = f"{place}: {error.msg}: {(error.text or '').strip()}"
        names = {name for pair in DEFINED.findall(cell.source) for name in pair if name}
        return [(names, set(), f"raise SyntaxError({said!r})")]
    except (ValueError, RecursionError, MemoryError):
        pass  # slices leaves it out
    return slices.statements([cell.source])


def fault(before, source, folder):
    """Why a check does not pass; empty where it does."""
    needed = "\n".join(slices.needed(before, source))
    space = {"__name__": "check"}
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(folder):
            exec(compile(needed, "before", "exec"), space)
            exec(compile(source, "check", "exec"), space)
    except NotImplementedError:
        return "not answered yet"
    except Exception as error:
        return f"not yet: {in_words(error, source)}"
    return ""


def in_words(error, source):
    """The hint of a failed check, or the line that does not hold."""
    text = " ".join(str(error).split())[:300]
    frames = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "check"]
    line = source.splitlines()[frames[-1] - 1].strip() if frames else ""
    if isinstance(error, AssertionError):
        hint = text.removeprefix("Not yet. ")
        return hint if hint != text else f"this does not hold: {line}  {text}".strip()
    return f"{type(error).__name__}: {text}" + (f", at: {line}" if line else "")


if __name__ == "__main__":
    sys.exit(main())
