"""Ctrl-C ends a grading and all that it has started, in one line; what was graded is kept."""

import os
import signal
import subprocess
import sys
import time

import psutil

from grading import fork, sandbox

GRADER = """
import subprocess, sys, time
from grading import ending
ending.end_by_ctrl_c()
child = "import time; print('ready', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep(600)
"""
LINE = b"grading: stopped; what was graded is kept, start it again to go on\n"


def test_ctrl_c_says_one_line_and_leaves_no_child():
    words = [sys.executable, "-c", GRADER]
    own = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    with subprocess.Popen(words, **own) as process:
        assert process.stdout.readline() == b"ready\n"  # the child has inherited what it should
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to each of them
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said == LINE
    assert children and all(ended(child) for child in children)


def ended(process):
    """Whether it has ended, or does within some seconds; whoever adopted it may not look."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_a_zygote_lives_through_a_ctrl_c_and_ends_with_its_line(tmp_path, monkeypatch):
    started = []
    whole = fork.subprocess.Popen
    monkeypatch.setattr(fork.subprocess, "Popen", lambda *a, **k: started.append(whole(*a, **k)))
    monkeypatch.setattr(sandbox, "ENVIRONMENT", {"HOME": str(tmp_path)})
    line = fork.orders.__wrapped__("", "import math")
    started[0].send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert started[0].poll() is None
    line.close()
    assert started[0].wait(timeout=30) == 0
