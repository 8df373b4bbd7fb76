"""Answers to question 2.1 that want its points without earning them, or harm what else there is:
{name: (cell, what the reason has to say)}. Question 2.7, answered rightly, has to keep its points.

An attack that gets at something says LEAK, which no page may show.
"""

SLOW = "seconds|too long"
WRONG = """
def kl(mu_q, logvar_q, mu_p, logvar_p):
    return mu_q.sum(1)

def sigma_of_weight(weight, n_pixels):
    return 0.0
"""


def first(code):
    """Something done when the cell runs, then wrong answers."""
    return f"{code.strip()}\n{WRONG}"


def inside(code):
    """Something done when the grader's cell calls the function."""
    body = "\n".join(f"    {line}" for line in code.strip().splitlines())
    head = "def kl(mu_q, logvar_q, mu_p, logvar_p):\n"
    return f"{head}{body}\n    return mu_q.sum(1)\n\ndef sigma_of_weight(w, n):\n    return 0.0\n"


def giving(expression):
    """A function that returns something that is no answer."""
    return inside(f"return {expression}")


BUNDLE = """
from IPython.display import display
MIME = "application/vnd.course.hand-in+json"
parts = {name: {"value": [1.0] * 6} for name in ("kl", "kl of nearly equal ones")}
forged = {MIME: {"question": QUESTION, "parts": parts}}
"""
FORGED = BUNDLE.replace("QUESTION", '"2.1"')
FOREIGN = BUNDLE.replace("QUESTION", '"2.7"')
KERNEL = "get_ipython().kernel"

PATCHED = {
    "comparers": (first("""
import torch
torch.allclose = torch.equal = lambda *a, **k: True
torch.testing.assert_close = lambda *a, **k: None
"""), "off by"),
    "hand_in": (first("""
import course_lib.course.hand_in as module
module.hand_in = lambda *a, **k: print("all right")
"""), "no answers"),
    "the module of hand_in": (first("""
import sys, types
fake = types.ModuleType("course_lib.course.hand_in")
fake.hand_in = lambda *a, **k: print("2.1: 100 of 100 points")
sys.modules["course_lib.course.hand_in"] = fake
"""), "no answers"),
    "the trial": (first("""
import course_lib.course.trials.nb02 as trials
trials.q2_1 = lambda rng, **functions: {name: (lambda: 1.0) for name in ("kl", "sigma_of_weight")}
"""), "wrong shape|cannot be read|not handed in"),
    "the inputs": (first("""
import torch
import course_lib.course.trials.nb02 as trials
trials.normal = lambda rng, *shape: torch.zeros(shape)
"""), "off by"),
    "the seed": (first("""
import torch
torch.Generator.manual_seed = lambda self, seed: self
torch.manual_seed = lambda seed: None
"""), "off by|stops with"),
    "display": (first("""
import IPython.display, course_lib.course.hand_in as module
module.display = IPython.display.display = lambda *a, **k: None
"""), "no answers"),
    "json": (first("""
import json
json.dumps = lambda *a, **k: '{"question": "2.1", "parts": {}}'
json.loads = lambda *a, **k: {}
"""), ""),
    "the session's packer": (first(f"""
session = {KERNEL}.session
session.pack = lambda value: b"{{}}"
"""), ""),
    "do_execute": (first(f"""
async def ok(*a, **k):
    return {{"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {{}}}}
{KERNEL}.do_execute = ok
"""), "no answers"),
    "showtraceback": (first("""
get_ipython().showtraceback = lambda *a, **k: None
type(get_ipython()).showtraceback = lambda *a, **k: None
"""), "off by"),
    "asserts, stripped": (first("""
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""), "off by"),
    "the source of later cells": (first("""
def other(lines):
    return ["print('all right')\\n"]
get_ipython().input_transformers_post.append(other)
"""), "no answers"),
    "hooks after cells": (first("""
def more(result=None):
    print("2.1: 100 of 100 points")
get_ipython().events.register("post_run_cell", more)
"""), "off by"),
    "imports": (first("""
import builtins
def refuse(*a, **k):
    raise ImportError("no")
builtins.__import__ = refuse
"""), f"ImportError|stops with|no answers|{SLOW}"),
    "what counts as a number": (first("""
import builtins
builtins.isinstance = lambda a, b: True
"""), ""),
    "tensors that equal everything": (giving("""type("All", (), {
        "__eq__": lambda *a: True, "__le__": lambda *a: True, "__float__": lambda s: 0.0})()"""),
        "stops with"),
}  # fmt: skip

HANDED = {
    "forged in the task's cell": (first(f"{FORGED}\ndisplay(forged, raw=True)"), "off by"),
    "forged beside the real one": (inside(f"{FORGED}\ndisplay(forged, raw=True)"), "[23] answers"),
    "of another question": (
        first(f"{FOREIGN}\nimport course_lib.course.hand_in as m\n"
              "m.hand_in = lambda *a, **k: display(forged, raw=True)"), "no answer to this"),
    "forged alone": (
        first(f"{FORGED}\nimport course_lib.course.hand_in as m\n"
              "m.hand_in = lambda *a, **k: display(forged, raw=True)"), "off by"),
    "as text": (inside("print({'question': '2.1', 'parts': {'kl': [0] * 6}})"), "off by"),
    "NaN": (giving("mu_q.sum(1) * float('nan')"), "finite"),
    "infinite": (giving("mu_q.sum(1) + float('inf')"), "finite"),
    "words": (giving("['1.0'] * 6"), "stops with"),
    "nothing": (giving("None"), "stops with"),
    "too many": (giving("mu_q.sum(1).repeat(2)"), "12 entries"),
    "a box": (giving("mu_q"), "dimensions"),
    "a large number": (giving("[10**400] * 6"), "stops with"),
    "deep": (
        first(f"""
{FORGED}
deep = '[' * 100_000 + ']' * 100_000
import course_lib.course.hand_in as m, json
class Raw(list): pass
value = []
for _ in range(900):
    value = [value]
parts["kl"]["value"] = value
m.hand_in = lambda *a, **k: display(forged, raw=True)
"""), "cannot be read|no answers|recursion"),
    "100 MB": (
        first(f"""
{FORGED}
parts["kl"]["value"] = "x" * 100_000_000
import course_lib.course.hand_in as m
m.hand_in = lambda *a, **k: display(forged, raw=True)
"""), ""),
    "from a thread, later": (first(f"""
{FOREIGN}
import threading, time
def later():
    for _ in range(50):
        display(forged, raw=True)
        time.sleep(0.05)
threading.Thread(target=later, daemon=True).start()
"""), "answers|off by"),
}  # fmt: skip

MARKED = {
    word: (f"# {word}\n{WRONG}\n# {word}", "off by")
    for word in ("NBVAL_SKIP", "NBVAL_RAISES_EXCEPTION", "NBVAL_IGNORE_OUTPUT")
}

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

READING = {
    "the checks": ("import grading.reference.nb02 as own; print('LEAK', own.kl)", "ModuleNotFound"),
    "the host's files": ("print('LEAK', open('/etc/shadow').read())", "FileNotFound|Permission"),
    "home folders": (
        "import os\nprint('LEAK', os.listdir('/work'))\n", "off by|FileNotFound"),
    "other submissions": ("""
import glob
found = glob.glob('/tmp/**/*.ipynb', recursive=True) + glob.glob('/tmp/g*/lines')
assert not found, f'LEAK {found}'
""", "off by"),
    "other processes": ("""
import os
ids = [int(n) for n in os.listdir('/proc') if n.isdigit()]
assert len(ids) < 20, 'LEAK'
""", "off by"),
    "the environment": ("import os\nassert 'COURSE_DATA' not in os.environ, 'LEAK'", "off by"),
    "the network": ("""
import socket
socket.create_connection(('1.1.1.1', 53), timeout=2)
print('LEAK')
""", "OSError|unreachable"),
    "names on the network": ("""
import socket
print('LEAK', socket.getaddrinfo('example.org', 80))
""", "gaierror|OSError|LookupError"),
    "this machine's ports": ("""
import socket
for port in (22, 80, 8786, 8888):
    with socket.socket() as s:
        assert s.connect_ex(('127.0.0.1', port)) != 0, 'LEAK'
""", "off by"),
    "root": ("import os; os.setuid(0); print('LEAK')", "PermissionError"),
    "the clock": ("import time; time.clock_settime(0, 0.0); print('LEAK')", "Permission"),
    "packages, changed": ("import torch; open(torch.__file__, 'a').write('#'); print('LEAK')",
                          "Read-only|Permission"),
    "the library, changed": (
        "import course_lib.paths as p; open(p.__file__, 'a').write('#'); print('LEAK')",
        "Read-only|Permission"),
    "the library's answer": ("from course_lib.models.gaussian import kl, sigma_of_weight",
                             "question 2.1 asks"),
    "the caller's variables": ("""
import sys
def kl(mu_q, logvar_q, mu_p, logvar_p):
    frame = sys._getframe()
    while frame:
        for name in ('expected', 'reference', 'wanted'):
            if name in frame.f_locals: return frame.f_locals[name]
        frame = frame.f_back
    raise LookupError('not there')
""", "LookupError"),
}  # fmt: skip
READING = {
    name: (code if "gaussian import" in code or "def kl" in code else first(code), why)
    for name, (code, why) in READING.items()
}
READING["the caller's variables"] = (
    READING["the caller's variables"][0] + "\ndef sigma_of_weight(w, n):\n    return 0.0\n",
    "LookupError",
)

GROUPS = dict(patched=PATCHED, handed=HANDED, marked=MARKED)
GROUPS |= dict(ending=ENDING, endless=ENDLESS, reading=READING)
CASES = {
    f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()
}
