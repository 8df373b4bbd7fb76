"""Outside the student's process: is what was handed in right? Our own functions run on the same
inputs, and the numbers are compared. What was handed in is read, and never run."""

import importlib
import math

import torch

from course_lib.course import hints
from course_lib.course.hand_in import MIME, attempted, parts

CLOSE, OF_MEDIAN = 1e-3, 1e-5  # relative to each value, and to the values' median
LONGEST = 300  # characters of a reason


def judge(question, functions, seed, outputs):
    """{part: "" where it is right, else the reason} of the outputs of a hand-in cell."""
    trial = Trial(question, functions, seed)
    try:
        handed = bundle(question, outputs)
    except ValueError as error:
        return dict.fromkeys(trial.expected, str(error)[:LONGEST])
    return {name: trial.fault(name, handed.get(name))[:LONGEST] for name in trial.expected}


def bundle(question, outputs):
    """What one cell handed in for this question, {part: anything}; ValueError where it did not."""
    sent = [o["data"][MIME] for o in outputs or () if MIME in o.get("data", {})]
    if len(sent) != 1:
        raise ValueError(f"{len(sent) or 'no'} answers were handed in, not one")
    if not isinstance(sent[0], dict) or sent[0].get("question") != question:
        raise ValueError("what was handed in is no answer to this question")
    if not isinstance(sent[0].get("parts"), dict):
        raise ValueError("what was handed in has no parts")
    return sent[0]["parts"]


class Trial:
    """A question's trial with one seed, and what our own functions give in it."""

    def __init__(self, question, functions, seed):
        notebook = int(question.split(".")[0])
        self.reference = importlib.import_module(f"grading.reference.nb{notebook:02}")
        self.question, self.seed = question, seed
        self.functions = {name: getattr(self.reference, name) for name in functions}
        self.expected = {n: part() for n, part in parts(question, seed, self.functions).items()}

    def fault(self, name, handed):
        """Why a part is wrong, as text; empty where it is right."""
        if not isinstance(handed, dict):
            return "this part was not handed in"
        if "error" in handed:
            return f"it stops with {str(handed['error'])}"
        try:
            pairs = matched(handed.get("value"), plain(self.expected[name]))
        except (ValueError, OverflowError) as error:
            return f"what was handed in cannot be read: {error}"
        compared = self.compared(name)
        pairs = [(compared(found), compared(expected)) for found, expected in pairs]
        wrong = [pair for pair in pairs if not self.excess(name, *pair) <= 1]
        return self.reason(name, *wrong[0]) if wrong else ""

    def compared(self, name):
        """What is compared of a part: a function, of the value that was handed in or expected."""
        return getattr(self.reference, "COMPARED", {}).get(name, lambda value: value)

    def excess(self, name, found, expected):
        close = getattr(self.reference, "TOLERANCE", {}).get(name, CLOSE)
        return excess(found, expected, close, getattr(self.reference, "ROUNDING", {}).get(name, 0))

    def reason(self, name, found, expected):
        far = f"off by up to {(found - expected).abs().max():.2g}"
        return f"{far}. {hints.kind(found, expected, self.mistakes(name, expected))}"

    def mistakes(self, name, expected):
        """{what goes wrong: what this part would give} of the slips that we know."""
        known = getattr(self.reference, "MISTAKES", {})
        slips = [(f, text, slip) for f in self.functions for text, slip in known.get(f, {}).items()]
        shapes = {t.shape for t in flat(plain(self.expected[name]))}
        result = {}
        for function, text, slip in slips:
            part = parts(self.question, self.seed, self.functions | {function: slip})[name]
            given = attempted(part).get("value")
            leaves = [t for t in flat(given) if t.shape in shapes] if given else []
            leaves = [self.compared(name)(t) for t in leaves]
            leaves = [t for t in leaves if t.shape == expected.shape]
            shown = [t for t in leaves if self.excess(name, t, expected) > 1]
            if shown:
                result[text] = shown[0]
        return result


def plain(value):
    return attempted(lambda: value)["value"]


def flat(value):
    """Nested lists as float64 tensors: one where they are a box, else one an entry."""
    try:
        return [torch.tensor(value, dtype=torch.float64)]
    except (ValueError, TypeError):
        return [tensor for entry in value for tensor in flat(entry)]


def matched(handed, expected):
    """[(found, expected)] in float64, found having exactly the expected shapes; ValueError else."""
    try:
        wanted = torch.tensor(expected, dtype=torch.float64)
    except (ValueError, TypeError):  # entries of several shapes
        if not isinstance(handed, list) or len(handed) != len(expected):
            raise ValueError(f"expected {len(expected)} results") from None
        return [pair for a, b in zip(handed, expected, strict=True) for pair in matched(a, b)]
    return [(torch.tensor(numbers(handed, wanted.shape), dtype=torch.float64), wanted)]


def numbers(value, shape):
    """Nested lists of finite numbers in exactly this shape, as they are; ValueError else."""
    if not shape:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ValueError("not a finite number, or more dimensions than asked for")
        return float(value)
    if not isinstance(value, list) or len(value) != shape[0]:
        n = len(value) if isinstance(value, list) else "no list of"
        raise ValueError(f"{n} entries, where {shape[0]} are expected: a wrong shape?")
    return [numbers(entry, shape[1:]) for entry in value]


def excess(found, expected, close=CLOSE, rounding=0.0):
    """The largest error as a share of what is allowed there: right is at most 1 (and no NaN).

    rounding: an error that any value may have, of a difference of two large numbers.
    """
    if not expected.numel():
        return 0.0
    small = max(OF_MEDIAN * float(expected.abs().median()), rounding, 1e-12)
    return float(((found - expected).abs() / (close * expected.abs() + small)).max())
