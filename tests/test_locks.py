"""Locks: one process at a time, gone with the process, on file systems that are particular."""

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from course_lib import atomic

HOLD = """if True:
    import sys, pathlib
    from course_lib import atomic
    with atomic.locked(pathlib.Path(sys.argv[1])):
        print(flush=True)
        input()"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a" / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_lock_that_another_process_holds_is_busy_at_once(tmp_path, other):
    with pytest.raises(atomic.Busy, match="lock: another process"), atomic.locked(
        tmp_path / "a" / "lock"
    ):  # fmt: skip
        pytest.fail("both hold it")
    assert (tmp_path / "a" / "lock").exists()


def test_a_lock_is_free_when_its_process_was_killed(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with atomic.locked(tmp_path / "a" / "lock"):
        assert (tmp_path / "a" / "lock").exists()
    assert not (tmp_path / "a" / "lock").exists(), "nothing is left behind"


def test_whoever_opened_a_lock_before_it_was_removed_does_not_hold_it(tmp_path, monkeypatch):
    """The holder removes the file; one that had opened it must not lock the removed one."""
    path, flock, calls = tmp_path / "lock", fcntl.flock, []

    def late(fd, how):
        if not calls:  # between opening and locking the holder ends
            path.unlink()
        calls.append(how)
        return flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    command = [sys.executable, "-c", HOLD, str(path)]
    try:
        with atomic.locked(path):
            done = subprocess.run(command, input="", text=True, capture_output=True)
            assert "Busy" in done.stderr, "it holds the removed file"
    except atomic.Busy:
        pass  # to be told to wait is as right
    assert calls, "the lock was not tried"


def test_a_lock_works_where_reading_alone_may_not_lock(tmp_path, monkeypatch):
    """NFS refuses an exclusive lock on a descriptor that may not write."""
    flock = fcntl.flock

    def nfs(fd, how):
        writes = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if how & fcntl.LOCK_EX and not writes:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", nfs)
    with atomic.locked(tmp_path / "lock"):
        pass


def test_an_error_inside_frees_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic.locked(tmp_path / "lock"):
        raise ZeroDivisionError
    with atomic.locked(tmp_path / "lock"):
        pass


def test_an_error_names_the_file_that_was_being_written(tmp_path):
    with pytest.raises(OSError, match="full") as error, atomic.naming(tmp_path / "a file"):
        raise OSError(errno.ENOSPC, "full")
    assert error.value.filename == str(tmp_path / "a file")
    with pytest.raises(atomic.Busy, match="its own words"), atomic.naming(tmp_path / "a file"):
        raise atomic.Busy("its own words")
