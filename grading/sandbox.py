"""A command without network, files, processes or identity of this machine, by bubblewrap.

Real root needs no user namespace and becomes a user whom nobody else is; any other user stays
itself in a namespace. Only what is named is mounted: the interpreter, its packages, the students'
library.
"""

import functools
import os
import site
import subprocess
import sys
from pathlib import Path

MOST_MEMORY, MOST_FILE, MOST_TMP = 3 << 30, 16 << 20, 64 << 20  # bytes
LIMITS = ["--core=0", f"--fsize={MOST_FILE}", "--nofile=256", "--nproc=64", f"--data={MOST_MEMORY}"]
ENVIRONMENT = {
    "HOME": "/tmp",
    "USER": "student",
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "COURSE_CACHE": "/tmp/cache",
}


def command(argv, readable=(), shared=None, seconds=120, more=None):
    """argv in the sandbox. readable: paths to mount read-only. shared: a folder to write to.
    seconds: of processor time. more: further environment variables."""
    root = os.geteuid() == 0
    words = ["bwrap", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += [f"--unshare-{kind}" for kind in ("pid", "net", "ipc", "uts", "cgroup-try")]
    words += capabilities() if root else ["--unshare-user", "--disable-userns"]
    words += system() + mounts([Path(p) for p in readable], Path(shared) if shared else None)
    for name, value in {**ENVIRONMENT, **(more or {})}.items():
        words += ["--setenv", name, value]
    words += ["--chdir", "/tmp", "--", *(as_nobody() if root else [])]
    return [*words, "prlimit", *LIMITS, f"--cpu={seconds}", "--", *argv]


def capabilities():
    """What setpriv needs to give up everything, this included."""
    return [word for cap in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{cap}")]


def uid():
    """A user for this process's kernel alone: a limit on processes is one of all that a user runs,
    so that a fork bomb would starve the kernels beside it."""
    return 2_000_000_000 + os.getpid()


def as_nobody():
    words = [f"--reuid={uid()}", f"--regid={uid()}", "--clear-groups"]
    return ["setpriv", *words, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]


def system():
    words = []
    for path in ("/usr", "/etc/ld.so.cache", "/etc/fonts"):
        words += ["--ro-bind-try", path, path]
    for name in ("bin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):  # before what lies below: a tmpfs hides what it covers
        words += ["--perms", "1777", "--size", str(MOST_TMP), "--tmpfs", path]
    return words


def mounts(readable, shared):
    binds = [("--ro-bind", path) for path in readable] + ([("--bind", shared)] if shared else [])
    given = {Path("/"), Path("/tmp"), Path("/usr")}
    words = []
    for parent in sorted({p for _, path in binds for p in path.parents} - given):
        words += ["--perms", "0755", "--dir", str(parent)]  # bwrap's own would be 0700
    return words + [word for how, path in binds for word in (how, str(path), str(path))]


def interpreter():
    """The folders that this Python needs, and nothing else of the machine."""
    found = [sys.base_prefix, sys.prefix, *site.getsitepackages()]
    return [p for p in dict.fromkeys(found) if not Path(p).is_relative_to("/usr")]


@functools.cache  # it takes a second or two
def missing():
    """Why no sandbox can be had here; an empty text where one can."""
    if sys.platform != "linux":
        return "bubblewrap needs Linux"
    argv = [sys.executable, "-c", "import torch"]
    try:
        done = subprocess.run(
            command(argv, interpreter()), capture_output=True, text=True, timeout=300
        )
    except FileNotFoundError:
        return "bubblewrap is not installed (apt-get install bubblewrap)"
    except subprocess.TimeoutExpired:
        return "a program in the sandbox did not end"
    return done.stderr.strip()[-300:] if done.returncode else ""
