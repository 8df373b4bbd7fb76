"""Answers that hand in something else, and nbval's own markers."""

from hostile_forms import FOREIGN, FORGED, WRONG, first, giving, inside

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
