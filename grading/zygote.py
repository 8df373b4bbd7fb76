"""Import torch and the students' library once, and fork a kernel for each submission into its own
sandbox: where most of a kernel's time goes is paid once.

bubblewrap makes the sandbox, as for any other program, and starts `cat` in it. A fork of this
process joins cat's namespaces, takes its user and its limits, gives up every capability, and runs
nothing of a student before it has found itself locked in like cat. No kernel is forked from one
that has run anything, so that nothing is shared but memory that neither can change.

This file runs as a program, and sees neither the grader nor what it compares with.
"""

import ctypes
import fcntl
import gc
import os
import resource
import signal
import socket
import struct
import sys

from ipykernel.kernelapp import IPKernelApp

NAMESPACES = ("cgroup", "ipc", "uts", "net", "pid", "mnt", "user")
OWNER_OF_NAMESPACE = 0xB701  # NS_GET_USERNS
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 4, 24, 38
LOCKED = ("Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:")
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
libc = ctypes.CDLL(None, use_errno=True)


def serve(imports):
    """Import, then fork for each line that comes in by standard input; end when that ends, and not
    by a Ctrl-C that is the grader's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exec(imports, {})
    gc.freeze()  # what is never collected is never copied
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as orders:
        orders.send(b".")
        while (order := socket.recv_fds(orders, 1, 1))[0]:
            if os.fork() == 0:
                orders.close()  # a fork that outlives this process is not to pass for it
                os.close(0)
                lend(order[1][0])
            os.close(order[1][0])
            orders.send(b".")


def lend(number):
    """In a fork: join the sandbox at the other end of a line, and live as long as its kernel."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        line = socket.socket(fileno=number)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        file = line.recv(4096).decode()
        cat = Holder(line)
        cat.join()
        kernel = os.fork()  # in cat's namespace of processes, unlike this one
        if kernel == 0:
            code = run(cat, file)
        os.waitpid(kernel, 0)
    finally:
        os._exit(code)


class Holder:
    """The process `cat` in a sandbox that is ready, as this machine sees it."""

    def __init__(self, line):
        self.pid, self.uid, self.gid = echo(line)
        place = f"/proc/{self.pid}"
        self.opened = {n: os.open(f"{place}/ns/{n}", os.O_RDONLY) for n in NAMESPACES}
        with open(f"{place}/status") as file:
            ids = next(line.split() for line in file if line.startswith("NSpid:"))
        self.inside = int(ids[-1])  # its number in its own namespace
        with open(f"{place}/environ", "rb") as file:
            lines = os.fsdecode(file.read()).split("\0")
        self.environment = dict(text.split("=", 1) for text in lines if text)
        echo(line)  # it still lives: its number was its own all the time

    def join(self):
        """Its namespaces. Those of an ordinary user belong to a namespace of users, inside which
        bubblewrap has made a second one."""
        own = namespaces("self")
        for handle in (fcntl.ioctl(self.opened["mnt"], OWNER_OF_NAMESPACE), *self.opened.values()):
            if os.fstat(handle).st_ino not in own:
                checked(libc.setns(handle, 0))

    def become(self):
        """Its user, limits and environment, without any right beyond."""
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        if os.geteuid() != self.uid:
            os.setgroups([])
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        for which in LIMITS:
            resource.setrlimit(which, resource.prlimit(self.inside, which))
        checked(libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)))
        checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        checked(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))  # else /proc/self would be root's
        os.environ.clear()
        os.environ.update(self.environment)


def echo(line):
    """(pid, uid, gid) of the process that sends back what it is sent."""
    line.send(b".")
    text, extra, *_ = line.recvmsg(1, socket.CMSG_SPACE(12))
    if text != b".":
        raise ConnectionError("the sandbox is gone")
    return struct.unpack("3i", extra[0][2])


def namespaces(process):
    return [os.stat(f"/proc/{process}/ns/{name}").st_ino for name in NAMESPACES]


def rights(process):
    """What a process may do, to be compared."""
    with open(f"/proc/{process}/status") as status, open(f"/proc/{process}/limits") as limits:
        lines = [line for line in status if line.startswith(LOCKED)]
        return lines, limits.read(), namespaces(process)


def checked(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run(cat, file):
    """The kernel, in the sandbox, with nothing open that was open outside."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # the grader holds it back
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    for mode in (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY):
        os.open("/dev/null", mode)
    os.chdir("/tmp")
    cat.become()
    if rights("self") != rights(cat.inside):
        return 1
    IPKernelApp.launch_instance(argv=["-f", file])
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
