"""Hand in: a task's functions are run on inputs that a seed decides, and what they give is shown as
data. A grader runs the same cell with a seed of its own, and its own functions on the same inputs.

What the inputs are stands in `trials`, a function a question: its parts are run one by one, so that
a mistake in one part leaves the points of the others.
"""

import importlib

import torch
from IPython.display import display

MIME = "application/vnd.course.hand-in+json"
LONGEST = 300  # characters of an error message


def hand_in(question, seed, **functions):
    """Show what the functions give for the inputs of this seed."""
    values = {name: attempted(part) for name, part in parts(question, seed, functions).items()}
    failed = [name for name, value in values.items() if "error" in value]
    lines = [f"{name}: {values[name]['error']}" for name in failed]
    lines.append(f"question {question}: {len(values) - len(failed)} of {len(values)} parts ran")
    shown = {MIME: {"question": question, "parts": values}, "text/plain": "\n".join(lines)}
    display(shown, raw=True)


def parts(question, seed, functions):
    """{name: a function without arguments that gives the value} of a question's parts."""
    notebook, number = question.split(".")
    trials = importlib.import_module(f"course_lib.course.trials.nb{int(notebook):02}")
    rng = torch.Generator().manual_seed(seed)
    return getattr(trials, f"q{notebook}_{number}")(rng, **functions)


def attempted(part):
    """{"value": nested lists of numbers} of a part, or {"error": what went wrong}."""
    try:
        torch.manual_seed(0)  # of what a function itself may draw
        return {"value": plain(part())}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:LONGEST]}


def plain(value):
    """A number, a tensor, an array, or a list or tuple of them, as JSON holds it."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return torch.as_tensor(value).detach().double().tolist()
