"""How a grading ends: with no process and no temporary file left, by Ctrl-C as well."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from multiprocessing import resource_tracker
from multiprocessing.util import Finalize
from pathlib import Path

import psutil


def own_temporary_folder():
    """One folder for all temporary files, of the workers too: removed when all else has ended, and
    after a kill by the next grader's sweep."""
    folder = tempfile.mkdtemp(prefix=f"g{os.getpid()}-", dir="/tmp")
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=-200)


def end_by_ctrl_c():
    """Ctrl-C reaches every process of a terminal: it is held back here, and so in all that are
    started from here, while one thread waits for it."""
    resource_tracker.ensure_running()  # when it starts, Python lets the signal through again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=stop, daemon=True).start()


def stop():
    """Wait for Ctrl-C, and end with all that was started; as after a kill, what is graded stays."""
    signal.sigwait({signal.SIGINT})
    own = [process.pid for process in psutil.Process().children(recursive=True)]
    signalled(own, signal.SIGSTOP)  # so that none of them reports that another one has ended
    for number in (os.getpid(), *own):
        for path in Path("/tmp").glob(f"g{number}-*"):
            shutil.rmtree(path, ignore_errors=True)
    words = "grading: stopped; what was graded is kept, start it again to go on"
    print(words, file=sys.stderr, flush=True)
    signalled(own, signal.SIGKILL)
    os._exit(130)


def signalled(numbers, what):
    for number in numbers:
        with contextlib.suppress(OSError):  # it has just ended
            os.kill(number, what)
