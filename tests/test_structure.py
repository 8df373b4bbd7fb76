"""Files and functions stay short, and names say what they hold; the order of imports is held by
import-linter (`make lint`), whose rules are in pyproject.toml."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "course_lib").rglob("*.py"), *(ROOT / "data_scripts").glob("*.py")])


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_star_no_relative_import_no_misc_drawer_and_no_long_file(path):
    text = path.read_text()
    result = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]
    assert not any(alias.name == "*" for node in result for alias in node.names)
    assert not any(node.level for node in result)
    assert path.stem not in {"utils", "util", "helpers", "misc"}
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=name)
def test_functions_are_short(path):
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if f.end_lineno - f.lineno >= 50] == []


def lint(folder):
    script = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([script, "--no-cache"], cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("models/vae.py", "from course_lib.evaluation import judge"),
        ("models/vae.py", "from course_lib.models import gan"),
        ("data/sets.py", "def f():\n    from course_lib.training import runs"),
        ("paths.py", "from data_scripts import common"),
    ],
)
def test_the_rules_see_an_import_upwards_or_sideways(file, line, tmp_path):
    for package in ("course_lib", "data_scripts"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "course_lib" / file, "a") as text:
        text.write(f"\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1 and "BROKEN" in done.stdout
