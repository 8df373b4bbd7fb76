"""Layers without circles, read from the imports: a module uses only what lies below it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / "course_lib").glob("*.py"))
SCRIPTS = sorted((ROOT / "data_scripts").glob("*.py"))
LAYERS = [
    {"gaussian", "logistic", "nets", "files"},
    {"data"},
    {"train"},
    {"ranks"},
    {"runs", "judge", "metrics", "figures", "likelihood", "duel"},
    {
        "anomalies",
        "audit",
        "modes",
        "ae",
        "vae",
        "cvae",
        "mlvae",
        "hvae",
        "levels",
        "gan",
    },  # a family never uses another family
    {"filling", "mlvae_pushed", "gan_seed", "acgan", "infogan"},  # what is built on one family
    {"notebook", "parallel"},
]
LAYER = {name: i for i, names in enumerate(LAYERS) for name in names}


def imports(path):
    """(package, module) of every import, also of those inside functions; module "" for none."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                package, _, module = alias.name.partition(".")
                yield package, module
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            package, _, module = node.module.partition(".")
            yield from ((package, module or alias.name) for alias in node.names)


def upward(path, layer=LAYER):
    """The modules of course_lib that this file imports and that do not lie below it."""
    used = {module for package, module in imports(path) if package == "course_lib"}
    return sorted(m for m in used if layer[m] >= layer[path.stem])


def test_every_module_has_a_layer():
    assert {p.stem for p in LIBRARY} == {"__init__", *LAYER}


@pytest.mark.parametrize("path", [p for p in LIBRARY if p.stem != "__init__"], ids=lambda p: p.stem)
def test_modules_import_only_from_below(path):
    assert upward(path) == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("from course_lib import gaussian, vae", ["vae"]),
        ("from course_lib.notebook import keep", ["notebook"]),
        ("def f():\n    import course_lib.ae", ["ae"]),
        ("from course_lib import train", []),
    ],
)
def test_the_rule_sees_an_import_upwards_or_sideways(text, bad, tmp_path):
    path = tmp_path / "ae.py"
    path.write_text(text)
    assert upward(path) == bad


def test_data_scripts_know_nothing_of_the_library():
    users = [p.name for p in SCRIPTS if "course_lib" in {package for package, _ in imports(p)}]
    assert users == []


@pytest.mark.parametrize("path", [*LIBRARY, *SCRIPTS], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_no_star_no_misc_drawer_and_no_long_file(path):
    found = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    assert not any(alias.name == "*" for node in found for alias in node.names)
    assert path.stem not in {"utils", "util", "helpers", "misc"}
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [*LIBRARY, *SCRIPTS], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_functions_are_short(path):
    functions = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
    assert [f.name for f in functions if f.end_lineno - f.lineno >= 40] == []
