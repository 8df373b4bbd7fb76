"""Small notebooks that drive the report in tests, by make or within the process: no torch."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]

PARAMETERS = """\
profile: str = "quick"  # quick or full
seed: int = 0  # of every draw
budget: float = 1.0  # share of the profile's training epochs"""

# Lies beside the notebooks, where a kernel finds it: what keep and answer do, by hand.
BY_HAND = """
import base64, json, os, struct, zlib
from pathlib import Path
from IPython.display import Markdown, display

RESULTS = Path(os.environ["COURSE_RESULTS"])

def png(colour, width=640, height=200):
    rows = (b"\\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    long = lambda n: struct.pack(">I", n)
    chunks = [long(len(d)) + t + d + long(zlib.crc32(t + d)) for t, d in parts]
    return b"\\x89PNG\\r\\n\\x1a\\n" + b"".join(chunks)

def keep(name, question, colour, mse, seed=0, budget=1.0):
    picture = png(colour)
    (RESULTS / "figures" / f"{name}.png").write_bytes(picture)
    protocol = {"data": "mnist", "sha256": "ab" * 32, "split": "test", "n": 360, "scale": "[0,1]",
        "unit": "per value", "seed": seed, "budget": budget, "device": "cpu", "seconds": 0.1}
    result = {"kind": "result", "name": name, "question": question, "title": "A plain field",
        "figure": f"figures/{name}.png", "alt": f"A field of colour {colour}", "caption": "",
        "numbers": {"mse": mse}, "units": {"mse": "squared error per value, pixels in [0,1]"},
        "table": None, "protocol": protocol}
    (RESULTS / f"{name}.json").write_text(json.dumps(result))
    about = {"image/png": {"alt": result["alt"], "name": name}}
    display({"image/png": base64.b64encode(picture).decode()}, metadata=about, raw=True)

def answer(question, text, ours, claim, verdict, figure=None):
    slug = "q" + question.replace(".", "-")
    item = {"kind": "answer", "question": question, "title": "", "answer": text, "ours": ours,
        "claim": claim, "source": "S1" if claim else "", "verdict": verdict, "figure": figure}
    (RESULTS / f"answer-{slug}.json").write_text(json.dumps(item))
    display(Markdown(f"**Answer {question}.** {text}"))

def named(question, text, **numbers):
    words = text.format(**numbers)
    item = {"kind": "answer", "question": question, "answer": words, "numbers": numbers}
    item["notes"] = []
    slug = "q" + question.replace(".", "-")
    (RESULTS / f"answer-{slug}.json").write_text(json.dumps(item))
    block = f'<div class="answer" data-question="{question}">'
    display(Markdown(f"{block}\\n\\n**Answer {question}.** {words}\\n\\n</div>"))

def ran(name):
    with open("ran.log", "a") as file:
        file.write(name + "\\n")
"""


def question(number, colour=(60, 90, 160)):
    """The cells of one question, as {id: source}; markdown where the source starts with #."""
    slug = "q" + number.replace(".", "-")
    return {
        slug: f"## Question {number} · What is $z_1$?\n\n**Do.** It. **Predict first.** Which?",
        f"{slug}-fig": f"keep('{slug}-fig', '{number}', {colour}, 0.0123, seed, budget)",
        f"{slug}-answer": f"answer('{number}', 'It is $\\\\mu = 3$.', 'MSE 0.0123', '0.0131', "
        f"'beaten', '{slug}-fig')",
    }


def cells(name, *questions, **more):
    """A notebook's cells: title, parameters, setup, questions, and `more`, id=source (_ is -)."""
    made = {
        "title": f"# {name} on trial\n\n$$\\mathcal{{L}} = \\mathbb{{E}}[\\log p] - D$$",
        "parameters": PARAMETERS,
        "setup": f"from by_hand import answer, keep, named, ran\n\nprint()\nran('{name}')",
    }
    for number in questions:
        made |= question(number)
    return made | {key.replace("_", "-"): source for key, source in more.items()}


def write(root, name, sources, kernel="python3"):
    """notebooks/<name>.ipynb from {cell id: source}."""
    folder = root / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "by_hand.py").write_text(BY_HAND)
    nb = nbformat.v4.new_notebook()
    spec = {"name": kernel, "display_name": "Python 3", "language": "python"}
    nb.metadata["kernelspec"] = spec
    for cell_id, source in sources.items():
        text = source.startswith(("# ", "## "))
        cell = (nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell)(source)
        cell["id"] = cell_id
        if cell_id == "parameters":
            cell.metadata["tags"] = ["parameters"]
        nb.cells.append(cell)
    nbformat.write(nb, folder / f"{name}.ipynb")


def ran(root):
    """Names of the notebooks that ran since the last call, in order."""
    log = root / "notebooks" / "ran.log"
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


def place(root):
    """A checkout at `root`: library, docs, the report's programs and templates, the Makefile."""
    for folder in ("course_lib", "reports/templates"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copytree(ROOT / "docs" / "metrics", root / "docs" / "metrics")
    files = [*(ROOT / "reports").glob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "Makefile"]
    for path in files:
        shutil.copy(path, root / path.relative_to(ROOT))
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "matplotlibrc", root / "notebooks")
    (root / ".venv").symlink_to(sys.prefix)
    return root


def make(root, *words, **more):
    """A finished `make ...` there, with its rc, stdout and stderr; more: of the environment."""
    return _run(["make", "READY=", *words], root, more)


def python(root, words, **more):
    """A finished `python ...` there."""
    return _run([".venv/bin/python", *words.split()], root, more)


def _run(command, root, more):
    kept = environment(**more)
    return subprocess.run(command, cwd=root, env=kept, capture_output=True, encoding="utf-8")


def environment(**more):
    """This process's, less what a `make test` around it says to its own children."""
    of_make = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    of_make += ("ONLY", "BUDGET", "MINUTES", "AGAIN")
    kept = {key: value for key, value in os.environ.items() if key not in of_make}
    return kept | more


def to_run(root, profile="quick", *words):
    """The names of the notebooks that make would run now."""
    listed = python(root, " ".join(["reports/inputs.py", profile, *words]), PYTHONPATH=str(root))
    assert listed.returncode == 0, listed.stderr
    done = make(root, "--dry-run", *listed.stdout.split())
    return re.findall(rf"run.py {profile} (\w+)", done.stdout)


def wait_for(path, seconds=300):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.05)


def results(root, profile="quick"):
    """The content of the report's results.json there."""
    text = (root / "reports" / profile / "results.json").read_text(encoding="utf-8")
    return json.loads(text)


def page(root, name):
    return (root / "reports" / "quick" / name).read_text(encoding="utf-8")
