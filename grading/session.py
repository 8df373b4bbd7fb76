"""One kernel, from start to end, in a process of its own: pytest with nbval runs the cells, and
every verdict is written down at once, so that whatever happens next cannot take it away."""

import json
import multiprocessing.connection
import os
import resource
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import nbformat
import nbval.plugin  # noqa: F401  imported once, before the processes fork
import pytest

from course_lib.course.hand_in import MIME
from grading import kernel, verdict

START = 120  # seconds for the imports, which are staff's
MOST_MEMORY = 6 << 30
MOST_SHOWN = 20_000  # characters of a cell's outputs that are kept for the feedback


def run(folder, cells, about, line):
    """Run `cells`, dicts of question, part, source, in a new kernel; verdicts go to `folder`.

    about: seed, seconds (a cell), library, unsafe, functions ({question: names}). line: to a zygote
    that forks the kernel, or None.
    """
    # The grader's Ctrl-C ends this process with it; a cell that takes too long gets the signal too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    folder = Path(folder)
    with open(folder / "log", "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    (folder / "k").mkdir(mode=0o700)
    kernel.install(folder / "k", about["library"], about["unsafe"], line)
    nbformat.write(notebook(cells), folder / "nb.ipynb")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # nbval alone
    words = ["-q", "-p", "nbval.plugin", "-p", "no:cacheprovider", "--nbval-lax"]
    words += ["-p", "no:unraisableexception"]  # it collects garbage ten times, of all imports
    words += [f"--rootdir={folder}", "-c", "/dev/null"]
    words += [f"--nbval-kernel-startup-timeout={START}", f"--junitxml={folder / 'junit.xml'}"]
    pytest.main([*words, str(folder / "nb.ipynb")], plugins=[Watch(folder, about)])
    sys.stdout.flush()
    os._exit(0)  # nothing of this process is needed any more, whatever its threads think


def end_with_parent(folder):
    """The grader was killed: nothing of this kernel stays, its sandbox ends with this process."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def notebook(cells):
    nb = nbformat.v4.new_notebook()
    for i, cell in enumerate(cells):
        made = nbformat.v4.new_code_cell(cell["source"], id=f"c{i}")
        made.metadata["grading"] = {"question": cell["question"], "part": cell["part"]}
        nb.cells.append(made)
    return nb


class Watch:
    """A pytest plugin: limits a cell, and points for what verdict.py confirms."""

    def __init__(self, folder, about):
        self.folder, self.about, self.errors = folder, about, {}

    def note(self, kind, **line):
        with open(self.folder / "lines", "a") as file:
            file.write(json.dumps({"kind": kind, **line}) + "\n")

    def pytest_collection_modifyitems(self, items):
        for item in items:
            item.grading = item.cell.metadata["grading"]
            item.options.clear()  # NBVAL_ markers in a student's text
            item.user_properties += [("question", item.grading["question"])]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        q, part, running = item.grading["question"], item.grading["part"], item.parent.kernel
        seconds = START if part == "setup" else self.about["seconds"]
        item.config.option.nbval_cell_timeout = seconds
        patience = min(8, 2 * seconds)  # until a kernel that was interrupted has to be quiet
        running.heard, running.deadline = 0, time.monotonic() + seconds + patience
        try:
            yield
        except Exception as error:
            if part == "setup":  # staff's alone, before anything of a student: not their fault
                pytest.exit(str(error), 3)
            self.note("outputs", **item.grading, outputs=shown(item.test_outputs))
            if ended(error, item):
                self.judged(q, reason=self.ending(error, item, seconds))
                pytest.exit("the kernel is gone", 3)  # the others get a new one
            self.errors.setdefault(q, first_error(item.test_outputs, error))
            if part == "hand-in":
                self.judged(q, reason=self.errors[q])
            raise
        self.note("outputs", **item.grading, outputs=shown(item.test_outputs))
        if part == "hand-in":
            self.compare(q, item.test_outputs)

    def compare(self, q, outputs):
        faults = verdict.judge(q, self.about["functions"][q], self.about["seed"], outputs)
        earlier = self.errors.get(q)  # a task cell that stopped explains more than what follows
        self.judged(q, parts={n: f and (earlier or f) for n, f in faults.items()})
        if any(faults.values()):
            pytest.fail("; ".join(f"{n}: {f}" for n, f in faults.items() if f), pytrace=False)

    def judged(self, question, parts=None, reason=""):
        self.note("verdict", question=question, parts=parts or {}, reason=reason)

    def ending(self, error, item, seconds):
        if item.parent.timed_out and not isinstance(error, kernel.Gone):
            return f"it takes more than {seconds:g} seconds"
        return str(error)[:300]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        report.nodeid = f"{item.grading['question']}::{item.grading['part']}"
        return report


def ended(error, item):
    gone = isinstance(error, kernel.Gone) or item.parent.timed_out
    return gone or not item.parent.kernel.is_alive()


def first_error(outputs, error):
    said = [o for o in outputs or () if o.output_type == "error"]
    return f"it stops with {said[0].ename}: {said[0].evalue}"[:300] if said else str(error)[:300]


def shown(outputs):
    """The text of a cell's outputs, for the feedback page: never HTML, never what was handed in."""
    texts = []
    for output in outputs or ():
        data = output.get("data", {})
        if output.output_type == "error":
            texts.append(f"{output.ename}: {output.evalue}")
        elif MIME not in data:
            texts.append(output.get("text") or data.get("text/plain") or "")
    return "\n".join(str(text)[:MOST_SHOWN] for text in texts)[:MOST_SHOWN]
