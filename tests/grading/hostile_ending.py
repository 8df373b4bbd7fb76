"""Answers that end their kernel, or do not end themselves."""

from hostile_forms import SLOW, first, inside

ENDING = {
    "os._exit": (first("import os; os._exit(0)"), "died"),
    "os._exit, when called": (inside("import os; os._exit(0)"), "died"),
    "os._exit, by a timer": (first("""
import os, threading
threading.Timer(0.5, os._exit, [0]).start()
import time; time.sleep(2)
"""), "died"),
    "sys.exit": (first("import sys; sys.exit(0)"), "SystemExit|off by"),
    "SIGKILL": (first("import os; os.kill(os.getpid(), 9)"), "died"),
    "a segmentation fault": (first("import ctypes; ctypes.string_at(0)"), "died"),
    "all processes killed": (first("import os; os.kill(-1, 9)"), "died|off by|ProcessLookup"),
    "SIGSTOP": (first("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"), SLOW),
    "another program": (first("import os; os.execv('/usr/bin/sleep', ['sleep', '600'])"),
                        "seconds|too long|died"),
    "an exception that is none": (inside("raise KeyboardInterrupt"), "Keyboard|no answers"),
    "an exception that cannot be shown": (inside("""
class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no")
raise Silent()
"""), ""),
    "a message of 50 MB": (inside("raise ValueError('x' * 50_000_000)"), "ValueError|died|no answ"),
    "too deep": (inside("return kl(mu_q, logvar_q, mu_p, logvar_p)"), "RecursionError"),
}  # fmt: skip

ENDLESS = {
    "a loop": (inside("while True: pass"), SLOW),
    "a loop deaf to interrupts": (inside("""
while True:
    try:
        while True: pass
    except BaseException: pass
"""), SLOW),
    "a lock in C": (inside("""
import threading, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
lock = threading.Lock(); lock.acquire(); lock.acquire()
"""), SLOW),
    "waiting for input": (inside("input()"), "StdinNotImplementedError|stops with"),
    "printing": (inside("while True: print('x' * 1000, flush=True)"), f"without end|{SLOW}"),
    "displaying": (inside("""
from IPython.display import display
while True: display('x')
"""), f"without end|{SLOW}"),
    "forks": (inside("""
import os
while True:
    try: os.fork()
    except OSError: pass
"""), "seconds|too long|died|without end"),
    "threads": (first("""
import threading
def busy():
    while True: pass
for _ in range(20): threading.Thread(target=busy, daemon=True).start()
"""), "off by|seconds|too long|died"),
    "memory": (inside("""
held = []
while True: held.append(bytearray(1 << 26))
"""), "MemoryError|died|seconds"),
    "disk": (inside("""
import os
n = 0
while True:
    with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(1 << 20))
    n += 1
"""), "OSError|seconds"),
    "the folder of the sockets": (inside("""
import glob, os
folder = [f for f in glob.glob('/tmp/g*/k')][0]
n = 0
while True:
    with open(f'{folder}/{n}', 'wb') as file: file.write(bytes(1 << 20))
    n += 1
"""), "sockets|OSError|seconds"),
    "sockets, removed": (first("""
import glob, os
for name in glob.glob('/tmp/g*/k/*'): os.unlink(name)
"""), "off by|died|seconds|too long|no answers"),
    "a process left behind": (first("""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv('/usr/bin/sleep', ['sleep', '6000'])
    os._exit(0)
"""), "off by"),
}  # fmt: skip
