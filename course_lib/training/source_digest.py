"""One digest of the code that can decide a run's weights: a quick look before anything is opened.

It is coarse on purpose: all of a recipe's module and of every module of course_lib that it imports.
Where it differs, fingerprint.py finds out whether the behaviour does.
"""

import ast
import functools
import hashlib
import importlib.util
import inspect
import sys
import textwrap
from pathlib import Path

PACKAGE = "course_lib"
LOOP = f"{PACKAGE}.training.loop"  # no recipe imports it, and it trains them all


def source_digest(function):
    """sha256 of the module of `function`, of all modules of course_lib behind its imports, and of
    the training loop. Comments, docstrings and layout do not count.

    Of a function that is written in a notebook or a script only its own text counts.
    """
    module = sys.modules[function.__module__]
    if module.__name__.split(".")[0] != PACKAGE:
        return _sha256(_own_text(function))
    reached = {}
    for name in (module.__name__, LOOP):
        _reach(name, reached)
    return _sha256("\n".join(f"{name}\n{reached[name]}" for name in sorted(reached)))


def _own_text(function):
    text = textwrap.dedent(inspect.getsource(function))
    try:
        return bare(text)
    except SyntaxError:  # a lambda in the middle of a call
        return text


def _reach(name, reached):
    """Into `reached`, {module: code}: a module of course_lib and all that it imports."""
    path = _file(name)
    if path is None or name in reached:
        return
    reached[name], imported = _read(path, path.stat().st_mtime_ns)
    for other in imported:
        _reach(other, reached)


@functools.cache
def _file(name):
    """The file of a module, None where `name` is no module (but a function in one, say)."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None


@functools.lru_cache(maxsize=256)
def _read(path, changed):
    """A file's bare code, and the names in course_lib that it imports. changed: its time stamp."""
    text, imported = path.read_text(encoding="utf-8"), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {m if _file(m) else node.module for m in modules}
    return bare(text), sorted(imported)


def bare(text):
    """The code without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(getattr(body[0].value, "value", None), str):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
