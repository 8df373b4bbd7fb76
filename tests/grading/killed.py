"""A real grading of a made class, killed at random moments and started again each time, beside one
that nobody broke: no score may be lost, doubled or changed, and nothing may be left.

    python tests/grading/killed.py FOLDER [STUDENTS] [KILLS] [SEED]

Every fourth kill hits one worker alone, where there is one.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import made_class
import psutil


def start(folder, out):
    """The command, in a group of processes of its own."""
    words = [sys.executable, "-m", "grading", str(folder / "class"), "--out", str(out)]
    with open(folder / "log", "a") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)


def graded(out):
    return len(list(out.glob("students/*/record.json")))


def broken(folder, out, n, kills, chance):
    """Kill it `kills` times, as many at each stage of the class; returns who ever ran."""
    ran, process = set(), start(folder, out)
    for kill in range(kills):
        while graded(out) < kill * n // kills and process.poll() is None:
            ran |= family(process)
            time.sleep(0.1)
        wait(process, chance.uniform(0, 2 if kill % 5 else 20), ran)
        ran |= family(process)
        own = workers(process)
        alone = kill % 4 == 3 and own != []
        print(f"kill {kill + 1}, {graded(out)} of {n} graded: {'one worker' if alone else 'all'}")
        end(chance.choice(own) if alone else process.pid, alone)
        if not alone:
            process.wait()
            gone(ran)
            process = start(folder, out)
    while process.poll() is None:
        ran |= family(process)
        time.sleep(0.1)
    assert process.returncode == 0, (folder / "log").read_text()[-2000:]
    return ran


def wait(process, seconds, ran):
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        ran |= family(process)
        time.sleep(0.1)


def family(process):
    try:
        own = psutil.Process(process.pid)
        return {own, *own.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def workers(process):
    """The numbers of Dask's processes, in order."""
    return sorted(p.pid for p in family(process) if "spawn_main" in words_of(p))


def words_of(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def end(number, alone):
    try:
        (os.kill if alone else os.killpg)(number, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended
        pass


def gone(ran):
    """Nothing of a killed grading runs on."""
    _, left = psutil.wait_procs(ran, timeout=20)
    assert not left, left


def said(out):
    """All that is known of a class but when it was graded, and by which seed."""
    with open(out / "grades.csv", newline="") as file:
        table = list(csv.DictReader(file))
    results = {}
    for path in sorted(out.glob("students/*/results.json")):
        read = json.loads(path.read_text())
        tests = [(t["name"], t.get("score"), t["max_score"]) for t in read["tests"]]
        results[path.parent.name] = (read["score"], tests)
    return {"grades": table, "results": results, "marking": (out / "marking.csv").read_text()}


def main(folder, n=24, kills=20, seed=0):
    folder, chance = Path(folder), random.Random(seed)
    made_class.write(folder / "class", int(n))
    mounts = Path("/proc/self/mounts").read_text()
    assert start(folder, folder / "whole").wait() == 0, (folder / "log").read_text()[-2000:]
    ran = broken(folder, folder / "broken", int(n), int(kills), chance)
    gone(ran)
    one, other = said(folder / "whole"), said(folder / "broken")
    assert one.keys() == other.keys() and len(one["grades"]) == int(n)
    for kind in one:
        assert one[kind] == other[kind], f"{kind} differ: {folder}"
    left = [p for own in ran for p in Path("/tmp").glob(f"g{own.pid}-*")]
    assert not left and Path("/proc/self/mounts").read_text() == mounts, left
    print(f"{n} students, {kills} kills: the same scores, nothing left")


if __name__ == "__main__":
    main(*sys.argv[1:])
