"""A kernel that is forked is locked in like one that is started, and knows no more."""

import json
import os
import subprocess
import sys

import pytest

from grading import fork, grade, sandbox, work

WHY = sandbox.missing()
if WHY:
    print(f"no kernel is forked here: {WHY}")
pytestmark = pytest.mark.skipif(bool(WHY), reason=f"no sandbox: {WHY}")
SEEN = """
import gc, json, os, sys, types
from glob import glob
def lines(name, chosen=("",)):
    with open(f"/proc/self/{name}") as file:
        return [line for line in file if line.startswith(chosen)]
rights = ("Groups", "Cap", "NoNewPrivs", "Seccomp:", "Sig", "Shd", "Umask", "TracerPid")
places = [os.readlink(path) for path in glob("/proc/self/fd/*") if os.path.islink(path)]
own = ("/tmp/.ipython", "/dev/null", "pipe:", "socket:", "anon_inode:")
modules = [m for m in gc.get_objects() if isinstance(m, types.ModuleType)]
print(json.dumps({
    "rights": lines("status", rights), "limits": lines("limits"), "network": lines("net/dev"),
    "mounts": sorted(" ".join(m.split()[4:6]) for m in lines("mountinfo") if "/k " not in m),
    "files": [place for place in places if not place.startswith(own)],
    "root": sorted(os.listdir("/")), "tmp": sorted(n[:1] for n in os.listdir("/tmp")),
    "here": os.getcwd(), "environment": sorted(os.environ.items()),
    "path": [place for place in sys.path if place],
    "grader": sorted(m.__name__ for m in modules if m.__name__.startswith("grading")),
    "uids": len({os.getuid(), os.geteuid(), *os.getresgid()}), "session": os.getsid(0) != 0,
}))
"""


def seen(line):
    """What a kernel sees of itself."""
    about = {"seed": 1, "seconds": 20, "library": str(work.library()), "unsafe": False}
    cells = [{"question": "", "part": "setup", "source": "import course_lib"}]
    cells += [{"question": "2.1", "part": "task", "source": SEEN}]
    notes = grade.session(cells, about | {"functions": {}}, line)
    return json.loads(notes[-1]["outputs"])


def test_a_fork_has_no_right_file_or_memory_that_a_new_kernel_has_not():
    line = fork.line(str(work.library()), "import course_lib")
    forked, new = seen(line), seen(None)
    assert forked.pop("files") == [] and forked["grader"] == []
    new.pop("files")  # its output goes to the grader's log
    assert forked == new


@pytest.mark.parametrize("lives", [False, True])
def test_a_zygote_that_was_killed_is_replaced(lives, monkeypatch):
    """Also where a fork of it lives on, which waits for the sandbox of its kernel."""
    started = []
    whole = fork.subprocess.Popen
    monkeypatch.setattr(fork.subprocess, "Popen", lambda *a, **k: started.append(whole(*a, **k)))
    library = str(work.library())
    first = fork.line(library, f"import math  # {lives}")
    if not lives:
        first.close()
    os.kill(started[0].pid, 9)
    started[0].wait()
    again = fork.line(library, f"import math  # {lives}")
    assert seen(again)["grader"] == [] and len(started) == 2
    first.close()


def test_where_no_fork_can_be_had_a_kernel_is_started(monkeypatch):
    about = {"seed": 1, "seconds": 20, "library": str(work.library()), "unsafe": False}
    monkeypatch.setattr(grade, "imports", lambda names: "raise SystemExit('no')")
    cells = [{"question": "", "part": "setup", "source": "1"}]
    cells += [{"question": "2.1", "part": "task", "source": "print('it ran')"}]
    _, shown = grade.in_kernel(cells, about | {"functions": {}, "names": ()})
    assert shown[0]["outputs"].strip() == "it ran"


def test_where_the_staffs_imports_fail_nobody_loses_points(monkeypatch):
    monkeypatch.setattr(fork, "line", lambda library, imports: None)
    about = {"seed": 1, "seconds": 20, "library": str(work.library()), "unsafe": False}
    cells = [{"question": "", "part": "setup", "source": "import nowhere"}]
    cells += [{"question": "2.1", "part": "task", "source": "1"}]
    with pytest.raises(RuntimeError, match="no kernel"):
        grade.in_kernel(cells, about | {"functions": {}, "names": ()})


def test_a_zygote_ends_without_a_word_whatever_its_imports_would_say():
    loud = "import atexit; atexit.register(print, 'nanobind: leaked 4 instances!')"
    script = f"from grading import fork; fork.orders('', {loud!r}).close()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
