"""How a hostile answer to question 2.1 is put together: right in form, wrong in its numbers."""

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
