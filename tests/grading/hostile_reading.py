"""Answers that read what is not theirs, or write where they must not."""

from hostile_forms import first

READING = {
    "the checks": ("import grading.reference.nb02 as own; print('LEAK', own.kl)", "ModuleNotFound"),
    "the host's files": ("print('LEAK', open('/etc/shadow').read())", "FileNotFound|Permission"),
    "home folders, and what lies beside the interpreter": ("""
import os, sys
for place in (sys.prefix, sys.base_prefix, '/root/x', '/home/x'):
    while place != '/':
        place = os.path.dirname(place)
        seen = set(os.listdir(place)) if os.path.isdir(place) else set()
        assert not seen & {'.git', '.ssh', '.bashrc', 'Makefile', 'notebooks'}, 'LEAK'
""", "off by"),
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
