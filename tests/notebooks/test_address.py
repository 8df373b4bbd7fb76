"""The public address stands in pyproject.toml alone, and a notebook finds its way into Colab."""

import json
import subprocess
import sys
from pathlib import Path

import address
import pytest
from IPython.core.interactiveshell import InteractiveShell

ROOT = Path(__file__).resolve().parents[2]
HERE = "https://github.com/somebody/a-course"


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What the cell asks of the shell, in an empty folder; nothing is run."""
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda words, **how: commands.append((words, how)))
    monkeypatch.chdir(tmp_path)
    return commands


def run_cell(result, monkeypatch):
    """Run the cell as a notebook does, where course_lib is found or not; the restarts asked for."""
    restarts = []
    shell = InteractiveShell()
    kernel = type("Kernel", (), {"do_shutdown": lambda self, restart: restarts.append(restart)})
    shell.kernel = kernel()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: result)
    namespace = {"get_ipython": lambda: shell}
    exec(compile(address.colab_cell(HERE), "colab", "exec"), namespace)
    return restarts


def test_outside_colab_the_cell_does_nothing(asked, monkeypatch):
    assert "google.colab" not in sys.modules
    assert run_cell(None, monkeypatch) == [] and asked == []


def test_in_colab_it_fetches_and_installs_once_and_restarts(asked, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert run_cell(None, monkeypatch) == [True]
    assert HERE in asked[0][0] and asked[1] == (
        "sh course/notebooks/colab.sh",
        {"shell": True, "check": True},
    )
    asked.clear()
    assert run_cell("there", monkeypatch) == [] and asked == []


def test_the_pins_for_colab_leave_its_own_kernel_alone(tmp_path):
    """colab.sh hands every pin to pip but those of IPython and what it talks through."""
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\nfor word; do [ -f "$word" ] && cat "$word"; done; echo "$@"\n')
    fake.chmod(0o755)
    script, path = ROOT / "notebooks" / "colab.sh", f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(["sh", script], env={"PATH": path}, capture_output=True, text=True)
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    kept = [line for line in done.stdout.splitlines() if "==" in line]
    left = {line.split("==")[0] for line in pins if "==" in line and line not in kept}
    assert {"ipython", "ipykernel", "tornado", "pyzmq"} <= left
    assert not left & {"torch", "numpy", "anywidget", "matplotlib"} and len(kept) > 100
    assert done.stdout.splitlines()[-1].endswith("-e .")


def notebook(path, link):
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": f"# A\n\n{link}"},
        {"cell_type": "code", "id": "colab", "metadata": {}, "source": "old"},
        {"cell_type": "code", "id": "other", "metadata": {}, "source": "old"},
    ]
    path.write_text(json.dumps({"cells": cells}))


def test_the_address_is_written_into_link_and_cell_and_once_is_enough(tmp_path):
    path = tmp_path / "02_vae.ipynb"
    notebook(path, "[Open in Colab](https://old.org)")
    assert address.write_into(path, HERE)
    title, colab, other = ("".join(c["source"]) for c in json.loads(path.read_text())["cells"])
    assert title == (
        "# A\n\n[Open in Colab](https://colab.research.google.com/github/somebody/a-course"
        "/blob/main/notebooks/02_vae.ipynb)"
        " · [Read the page](https://somebody.github.io/a-course/02_vae.html)"
    )
    assert colab == address.colab_cell(HERE) and other == "old"
    before = path.read_bytes()
    assert not address.write_into(path, HERE) and path.read_bytes() == before


def test_an_address_that_is_none_is_said(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "gitlab.com/a/b"\n')
    with pytest.raises(ValueError, match="Repository is gitlab.com/a/b"):
        address.repository(tmp_path)
    assert address.repository().startswith("https://github.com/")
