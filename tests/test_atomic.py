"""Files are whole or not there, with two writers and after a kill; locks end with their process."""

import json
import os
import subprocess
import sys
import time

import pytest

from course_lib import atomic

WRITER = """
import sys
from pathlib import Path
from course_lib.atomic import write_text
for i in range(500):
    write_text(Path(sys.argv[1]), sys.argv[2] * 20_000)
"""
HOLDER = """
import sys, time
from pathlib import Path
from course_lib.atomic import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def start(program, *words):
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_writers_at_once_never_fail_and_never_mix(tmp_path):
    path = tmp_path / "new" / "a.txt"
    writers = [start(WRITER, path, letter) for letter in "ab"]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            seen.add(path.read_text())
    assert [writer.communicate()[1] for writer in writers] == ["", ""]
    assert seen <= {"a" * 20_000, "b" * 20_000} and seen
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path, monkeypatch):
    atomic.write_text(tmp_path / "a.html", "old")

    def cut(*_):
        raise OSError(28, "disk full")

    monkeypatch.setattr(os, "replace", cut)
    with pytest.raises(OSError, match="disk full") as caught:
        atomic.write_text(tmp_path / "a.html", "new")
    assert caught.value.filename == str(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.html"]


def test_text_is_utf8_whatever_the_locale(tmp_path):
    program = "from pathlib import Path; from course_lib import atomic; p = Path('a.json')\n"
    program += "atomic.write_json(p, {'σ': '中'}); assert atomic.read_json(p) == {'σ': '中'}\n"
    program += "atomic.write_text(Path('a.txt'), 'σ · 中')"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", f"exec({program!a})"]  # the command itself in ASCII
    subprocess.run(command, cwd=tmp_path, env=os.environ | plain, check=True)
    assert (tmp_path / "a.txt").read_bytes() == "σ · 中".encode()
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"σ": "中"}


@pytest.mark.parametrize("content", [b"", b"<<<<<<< HEAD\n{}", b"\xff\xfe"])
def test_what_cannot_be_read_is_never_taken_for_empty(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(atomic.Unreadable, match="a.json: not readable as JSON"):
        atomic.read_json(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        atomic.read_json(tmp_path / "b.json")


def test_a_lock_is_refused_at_once_or_waited_for_and_ends_with_its_process(tmp_path):
    path = tmp_path / "new" / "a.lock"
    holder = start(HOLDER, path, 60)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(atomic.Busy, match="a.lock: another process holds this lock"):
        with atomic.locked(path):
            pass
    begun = time.monotonic()
    with pytest.raises(atomic.Busy):
        with atomic.locked(path, wait=0.3):
            pass
    assert time.monotonic() - begun >= 0.3
    holder.kill()
    with atomic.locked(path, wait=30):
        pass
    holder.communicate()


def test_a_lock_that_is_let_go_meanwhile_is_had(tmp_path):
    holder = start(HOLDER, tmp_path / "a.lock", 0.5)
    assert holder.stdout.readline() == "held\n"
    with atomic.locked(tmp_path / "a.lock", wait=30):
        pass
    assert holder.communicate()[1] == ""
