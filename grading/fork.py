"""A line to this process's zygote, which lends a sandbox a kernel that has imported everything."""

import contextlib
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from grading import sandbox

PROGRAM = Path(__file__).with_name("zygote.py")
# It ends at once: the interpreter's own end makes triton list, in 30 lines, all that it leaked.
QUIETLY = "import atexit, os\natexit.register(os._exit, 0)"


def line(library, imports):
    """One end of a line; who has it as standard input and output, and sends back what comes, has
    a kernel forked into its namespaces. Before that the name of the connection file is sent.
    None where there is no zygote."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        for _ in range(2):
            zygote = orders(library, imports)
            with contextlib.suppress(ConnectionError):  # it was killed, or could not import
                socket.send_fds(zygote, [b"."], [theirs.fileno()])
                if zygote.recv(1):  # it has forked
                    return ours
            orders.cache_clear()
    return None


@cache
def orders(library, imports):
    """The socket by which a zygote that is ready is told; it ends when this one is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    how = sandbox.ENVIRONMENT | {"PYTHONPATH": library}
    words = [sys.executable, "-P", str(PROGRAM), f"{imports}\n{QUIETLY}"]
    with theirs:
        subprocess.Popen(words, stdin=theirs, cwd="/", env=how)
    ours.recv(1)  # however long its imports take, they are not a kernel's time
    return ours
