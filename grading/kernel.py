"""The kernel that nbval drives: in the sandbox, over unix sockets, with an end to every wait."""

import os
import sys
import time
from pathlib import Path

import nbval.kernel
import zmq
from jupyter_client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from grading import sandbox

MOST_BYTES = 8 << 20  # of one message; a longer one closes its connection
MOST_MESSAGES = 5000  # of one cell
MOST_WRITTEN = 1 << 20  # in the folder of the sockets, which is on this machine's disk


class Gone(Exception):
    """The kernel died, floods us or cannot be stopped: nothing more can come from it."""


class Client(BlockingKernelClient):
    def _create_connected_socket(self, channel, identity=None):
        self.context.setsockopt(zmq.MAXMSGSIZE, MOST_BYTES)  # sockets made from here on have it
        return super()._create_connected_socket(channel, identity)


def managed(folder, library, unsafe, line):
    """A KernelManager class whose kernels run in the sandbox, their sockets in `folder`: forked by
    a zygote at the other end of a line, or where that is None, from nothing."""

    class Sandboxed(KernelManager):
        def __init__(self, **given):
            file = os.path.join(folder, "k.json")
            super().__init__(**given, transport="ipc", connection_file=file)
            self.client_factory = Client

        @property
        def kernel_spec(self):
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            argv = ["cat"] if line else argv
            more = {"PYTHONPATH": str(library)}
            if unsafe:
                argv = ["env", *(f"{name}={value}" for name, value in more.items()), *argv]
            else:
                readable = [*sandbox.interpreter(), library]
                argv = sandbox.command(argv, readable, folder, more=more)
            # A signal would end bwrap, not the cell.
            return KernelSpec(argv=argv, language="python", interrupt_mode="message")

        async def _async_launch_kernel(self, kernel_cmd, **given):
            if line:
                line.send(self.connection_file.encode())
                given |= {"stdin": line, "stdout": line}
            await super()._async_launch_kernel(kernel_cmd, **given)
            if line:
                line.close()

        def write_connection_file(self, **given):
            super().write_connection_file(**given)
            if os.geteuid() == 0 and not unsafe:  # the kernel reads it, and makes sockets beside it
                for path in (folder, self.connection_file):
                    os.chown(path, sandbox.uid(), sandbox.uid())

    return Sandboxed


def get_message(self, stream, timeout=None, plain=nbval.kernel.RunningKernel.get_message):
    """nbval's own waits for a dead kernel, and listens to a flood, without end."""
    end = time.monotonic() + (timeout or 60)
    self.heard = getattr(self, "heard", 0) + 1
    if self.heard > MOST_MESSAGES:
        raise Gone("it sends messages without end")
    while True:
        if time.monotonic() > getattr(self, "deadline", end):
            raise Gone("it takes too long and cannot be interrupted")
        if written(Path(self.km.connection_file).parent) > MOST_WRITTEN:
            raise Gone("it writes where only sockets belong")
        try:
            return plain(self, stream, min(0.5, max(0.01, end - time.monotonic())))
        except nbval.kernel.Empty:
            if not self.km.is_alive():
                raise Gone(
                    "the kernel died: it was ended from inside, or took too much memory"
                ) from None
            if time.monotonic() > end:
                raise


def written(folder):
    return sum(entry.stat(follow_symlinks=False).st_size for entry in os.scandir(folder))


def install(folder, library, unsafe, line):
    """From now on nbval starts its kernel here."""
    nbval.kernel.KernelManager = managed(str(folder), library, unsafe, line)
    nbval.kernel.RunningKernel.get_message = get_message
