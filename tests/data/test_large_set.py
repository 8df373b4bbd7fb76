"""A prepared set of 200,000 pictures (2.5 GB) opens without being read."""

import gc
import os
from pathlib import Path

import pytest

from benchmarks import made_set
from course_lib import data
from course_lib.paths import cache_root

MB = 1_000_000
linux = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="needs Linux's /proc")


def in_proc(file, name):
    """The number behind a name in one of this process's files of /proc."""
    lines = Path(f"/proc/self/{file}").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def read_and_resident():
    """Bytes that this process has read by now, and those that it holds in memory."""
    gc.collect()
    return in_proc("io", "rchar"), 1024 * in_proc("status", "VmRSS")


@linux
def test_opening_reads_next_to_nothing_and_maps_the_file_into_memory():
    name = made_set.make("large", 200_000)
    file = cache_root() / "data" / name / "train_x.npy"
    assert os.stat(file).st_size > 2400 * MB
    before = read_and_resident()
    x = data.load(name).x
    read, resident = (b - a for a, b in zip(before, read_and_resident(), strict=True))
    assert len(x) == 200_000 and read < MB and resident < 20 * MB
    assert str(file) in Path("/proc/self/maps").read_text()


@linux
def test_what_is_read_of_a_set_would_be_noticed():
    name = made_set.make("smaller", 4000)
    x = data.load(name).x
    before = read_and_resident()[1]
    whole = x.clone()
    assert len(whole) == 4000 and read_and_resident()[1] - before > 40 * MB
