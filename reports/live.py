"""Explorers that move in a page: from what a run left of them to the scripts beside the page.

A page on a disk may not fetch a file, so everything in reports/<profile>/live/ is a script that
hands something over: `explorers.give("name", content)`. Files are named by their content; a page
names those that it was made with, and explorers of one net share its tensors.
"""

import functools
import gzip
import hashlib
import json
from pathlib import Path

import numpy as np

from course_lib.atomic import read_json

FILES = Path(__file__).parent / "browser"
# By its path: the package would import PyTorch, seconds for every page.
VIEWS = Path(__file__).resolve().parents[1] / "course_lib" / "course" / "views"
RUNTIME = FILES / "onnxruntime-web"
PARTS = ("loading", "controls", "drawing", "explorers")  # of the first of these:
OFFERED = "return { give, shown, views };\n"
SCRIPTS = ("explorers.js", "onnxruntime.js", "wasm.js")  # of every site that has an explorer
FIRST = 0x3400  # of 2**15 letters in a row that are ordinary ones; loading.js counts from it, too
# Bytes as they lie in live/, where text() makes 16 of 15. Of the whole site: published.py.
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
        files[f"{file}.js"] = given(file, text(content), "utf-16")
    return files | {live["expected"]: (folder / live["expected"]).read_bytes()}


def given(name, content, encoding="utf-8"):
    """A script that hands over. UTF-16 begins with a mark that browsers heed before all else."""
    return f"explorers.give({json.dumps(name)}, {content});\n".encode(encoding)


def text(content):
    """Bytes that begin with no 0 as a string in a script: a letter for 15 bits, two bytes each in
    UTF-16. base64 would need a quarter more, and a browser longer to read it."""
    content = bytes(-len(content) % 15) + content  # 15 bytes are 8 letters
    bits = np.unpackbits(np.frombuffer(content, np.uint8)).reshape(-1, 15)
    letters = np.packbits(np.pad(bits, ((0, 0), (1, 0)))).view(">u2") + FIRST
    return f'"{letters.astype("<u2").tobytes().decode("utf-16-le")}"'


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
    runtime = runtime.partition("\n//# sourceMappingURL")[0]
    runtime = f"{runtime}\n{given('onnxruntime', glue).decode()}"
    wasm = text((RUNTIME / "ort-wasm-simd-threaded.wasm.gz").read_bytes())
    contents = code.encode(), runtime.encode(), given("wasm", wasm, "utf-16")
    return dict(zip(SCRIPTS, contents, strict=True))


@functools.cache
def style():
    """What the views look like, as in JupyterLab."""
    return (VIEWS / "views.css").read_text(encoding="utf-8")
