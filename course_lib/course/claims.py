"""What the sources claim, and what became of each claim: reports/claims.toml, a table a question.

    ["2.3"]
    source = "S1"
    claim = "Ten pairs; no number."
    ["2.3".quick]
    verdict = "not comparable"
    reason = "the source gives no number"
    ["2.3".full]
    finding = "On CelebA the test MSE is {mse:.4f}."
    bounds = {mse = [0.0050, 0.0062]}
    verdict = "not comparable"
    reason = "other test pictures"

A verdict is somebody's judgement, written by hand, with its one reason. `finding` is the answer of
the full profile, its numbers by name, and `bounds` are the values between which it holds.
"""

import tomllib

from course_lib.course.protocol import VERDICTS
from course_lib.paths import claims_file

PROFILES = ("quick", "full")
QUESTION = {"source": "", "claim": "", "figure": "", "title": ""}
PROFILE = {"finding": "", "bounds": {}, "verdict": "no claim", "reason": "", "short": ""}


class ClaimError(ValueError):
    """A table of claims.toml that cannot be used: one line that says which and why."""


def load():
    """All tables, {question: table}, checked; a table a profile in each."""
    try:
        tables = tomllib.loads(claims_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimError(f"{claims_file().name}: {error}") from None
    return {question: _checked(question, table) for question, table in tables.items()}


def of(question, profile):
    """What is written of a question for a profile: every key of QUESTION and of PROFILE."""
    table = load().get(question, {})
    shared = {key: table.get(key, default) for key, default in QUESTION.items()}
    return shared | PROFILE | table.get(profile, {})


def outside(bounds, numbers):
    """A line for each number that lies outside its bounds (low, high), or that is missing."""
    lines = []
    for name, (low, high) in bounds.items():
        value = numbers.get(name)
        if value is None:
            lines.append(f"{name} was not measured")
        elif not low <= value <= high:
            lines.append(f"{name} is {value:.4g}, and the answer rests on {low:g} to {high:g}")
    return lines


def _checked(question, table):
    where = f'{claims_file().name}, ["{question}"]'
    _keys(where, table, {*QUESTION, *PROFILES})
    for profile in PROFILES:
        part = table.get(profile, {})
        _keys(f"{where}.{profile}", part, PROFILE)
        if part and part.get("verdict") not in VERDICTS:
            words = ", ".join(VERDICTS)
            raise ClaimError(f"{where}.{profile}: the verdict must be one of {words}")
        if part.get("verdict") not in (None, "no claim") and not part.get("reason", "").strip():
            raise ClaimError(f"{where}.{profile}: a verdict needs its reason, in one sentence")
        for name, pair in part.get("bounds", {}).items():
            if not (isinstance(pair, list) and len(pair) == 2 and pair[0] <= pair[1]):
                raise ClaimError(f"{where}.{profile}: bounds of {name} must be [low, high]")
    return table


def _keys(where, table, known):
    if not isinstance(table, dict):
        raise ClaimError(f"{where} must be a table")
    if unknown := sorted(set(table) - set(known)):
        raise ClaimError(f"{where}: there is no key {unknown[0]}; known: {', '.join(known)}")
