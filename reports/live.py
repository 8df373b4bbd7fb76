"""Explorers that move in a page: from what a run left of them to the scripts beside the page.

A page on a disk may not fetch a file, so everything in reports/<profile>/live/ is a script that
hands something over: `explorers.give("name", content)`. Files are named by their content; a page
names those that it was made with, and explorers of one net share its tensors.
"""

import base64
import functools
import gzip
import hashlib
import json
from pathlib import Path

from course_lib.atomic import read_json

FILES = Path(__file__).parent / "browser"
# By its path: the package would import PyTorch, seconds for every page.
VIEWS = Path(__file__).resolve().parents[1] / "course_lib" / "course" / "views"
RUNTIME = FILES / "onnxruntime-web"
PARTS = ("loading", "controls", "drawing", "explorers")  # of the first of these:
OFFERED = "return { give, shown, views };\n"
SCRIPTS = ("explorers.js", "onnxruntime.js")  # of every site that has an explorer
# Bytes as they lie in live/, where base64 makes four of three. Of the whole site: published.py.
LIMITS = {
    "an explorer": 3_300_000,
    "a page": 6_500_000,
}


class LiveError(Exception):
    """An explorer that is too large: one line that names it, its bytes and what to do."""


def taken(folder, notebook):
    """What a run's explorers, in its results folder, become: ({explorer: what its page says of it},
    {file in live/: bytes})."""
    explorers, files = {}, {}
    for path in sorted((folder / "explorers").glob("*.json")):
        about = read_json(path)
        if about.get("live"):
            own = of_explorer(about, folder / "explorers" / "live")
            check(f"explorer {about['name']}", sum(map(len, own.values())), "an explorer")
            script = next(iter(own)).removesuffix(".js")
            explorers[about["name"]] = {
                "script": script,
                "seen": about["seen"],
                "alt": about["alt"],
            }
            files |= own
    check(f"page {notebook}", sum(map(len, files.values())), "a page")
    return explorers, files


def of_explorer(about, folder):
    """{file: bytes} of one explorer, its own script first; what a test compares is a picture."""
    live = about["live"]
    wanted = [live[key] for key in ("graph", "sheet") if key in live] + live.get("tensors", [])
    content = json.dumps(about, separators=(",", ":"))  # their order is the function's
    name = f"{about['name']}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    files = {f"{name}.js": given(name, content)}
    for file in wanted:
        content = (folder / file).read_bytes()
        content = content if file.endswith(".webp") else gzip.compress(content, mtime=0)
        files[f"{file}.js"] = given(file, json.dumps(text(content)))
    return files | {live["expected"]: (folder / live["expected"]).read_bytes()}


def given(name, content):
    return f"explorers.give({json.dumps(name)}, {content});\n".encode()


def text(content):
    return base64.b64encode(content).decode()


def check(what, size, limit):
    if size > LIMITS[limit]:
        raise LiveError(
            f"{what} takes {size / 1e6:.1f} MB, and {limit} may take {LIMITS[limit] / 1e6:.1f} MB: "
            'use a smaller net or shorter tables, or live="frames" with two controls at most'
        )


@functools.cache
def scripts():
    """{file: bytes} of what every explorer needs: controls and views, and ONNX Runtime Web."""
    code = "\n".join((FILES / f"{part}.js").read_text(encoding="utf-8") for part in PARTS)
    code = f'"use strict";\nconst explorers = (() => {{\n{code}{OFFERED}}})();\n'
    for path in sorted(VIEWS.glob("*.js")):
        module = path.read_text(encoding="utf-8").replace("export default", "return")
        code += f"explorers.views.{path.stem} = (() => {{\n{module}}})();\n"
    runtime = (RUNTIME / "ort.wasm.min.js").read_text(encoding="utf-8")
    glue = json.dumps((RUNTIME / "ort-wasm-simd-threaded.mjs").read_text(encoding="utf-8"))
    wasm = json.dumps(text((RUNTIME / "ort-wasm-simd-threaded.wasm.gz").read_bytes()))
    runtime = runtime.partition("\n//# sourceMappingURL")[0]
    runtime = f"{runtime}\nexplorers.give('onnxruntime', {{ glue: {glue}, wasm: {wasm} }});\n"
    return dict(zip(SCRIPTS, (code.encode(), runtime.encode()), strict=True))


@functools.cache
def style():
    """What the views look like, as in JupyterLab."""
    return (VIEWS / "views.css").read_text(encoding="utf-8")
