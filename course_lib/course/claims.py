"""What the sources claim, and what became of each claim: reports/claims.toml, a table a question.

    ["2.3"]
    source = "S1"
    claim = "Ten pairs; no number."
    front = true
    ["2.3".quick]
    verdict = "not comparable"
    reason = "The source gives no number."
    ["2.3".full]
    finding = "On CelebA the test MSE is {mse:.4f}."
    bounds = {mse = [0.0050, 0.0062]}
    short = "MSE {mse:.4f} on CelebA"
    verdict = "not comparable"
    reason = "The only published value is of other pictures."

A verdict is somebody's judgement, written by hand, with its one reason. `finding` is the answer of
the full profile, its numbers by name, `bounds` are the values between which it holds, and `short`
is our result in a table's cell. `front` puts the question into the README's table; `figure` names
the result whose picture stands on the question's card.
"""

import string
import tomllib

from course_lib.course.protocol import VERDICTS
from course_lib.paths import claims_file

PROFILES = ("quick", "full")
QUESTION = {"source": "", "claim": "", "figure": "", "title": "", "front": False}
PROFILE = {"finding": "", "bounds": {}, "verdict": "no claim", "reason": "", "short": ""}
WORDS = 12  # a cell of a short table


class ClaimError(ValueError):
    """A table of claims.toml that cannot be used: one line that says which and why."""


def load(path=None):
    """All tables, {question: table}, checked; a table a profile in each. None: the course's own."""
    path = path or claims_file()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ClaimError(f"{path.name}: {error}") from None
    for question, table in tables.items():
        _check(f'{path.name}, ["{question}"]', table)
    return tables


def of(question, profile, tables=None):
    """What is written of a question for a profile: every key of QUESTION and of PROFILE."""
    table = (load() if tables is None else tables).get(question, {})
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


def filled(where, text, numbers):
    """The text with its {named} numbers put in; a ClaimError names a field without a number."""
    if unknown := sorted(fields(text) - set(numbers)):
        raise ClaimError(f"{where}: the text asks for {', '.join(unknown)}, not given")
    return text.format(**numbers)


def fields(text):
    """The names of the numbers that a text asks for."""
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


def joined(kept, profile, tables=None):
    """A kept answer with what claims.toml says of it now: claim, verdict, reason, ours, notes.

    kept: what results.answer wrote, {"question", "answer", "numbers", ...}; an answer of the first
    version has its own claim and verdict, which stand where claims.toml has none.
    """
    number = kept["question"]
    claim = of(number, profile, tables)
    bounds, short, finding = (claim.pop(key) for key in ("bounds", "short", "finding"))
    if "verdict" in kept:
        return _first_version(kept, claim, short, tables, profile)
    numbers = kept["numbers"]
    text = kept["answer"] if profile == "quick" else filled(f"answer {number}", finding, numbers)
    text = text or "Nothing has been written about this profile yet."
    ours = filled(f"{number}, short", short, numbers)
    notes = outside(bounds, numbers)
    return kept | claim | {"answer": text, "ours": ours, "notes": notes}


def in_words(answer):
    """A joined answer as Markdown, in a block that a page can find again when a verdict changes."""
    parts = [f"**Answer {answer['question']}.** {answer['answer']}"]
    for note in answer["notes"]:
        parts.append(f"**This run differs:** {note}, so the answer does not hold for it.")
    if answer["claim"]:
        parts.append(f"*What {answer['source']} says:* {answer['claim']}")
    if answer["verdict"] != "no claim":
        parts.append(f"*Verdict:* **{answer['verdict']}**. {answer['reason']}")
    start = f'<div class="answer" data-question="{answer["question"]}">'
    return "\n\n".join([start, *parts, "</div>"])


def _first_version(kept, claim, short, tables, profile):
    own = (load() if tables is None else tables).get(kept["question"], {})
    changes = {key: claim[key] for key in ("source", "claim", "figure") if claim[key]}
    if profile in own:
        changes |= {"verdict": claim["verdict"], "reason": claim["reason"]}
    if short and not fields(short):  # it kept no number by name
        changes["ours"] = short
    return {"reason": ""} | kept | changes | {"numbers": {}, "notes": [], "front": claim["front"]}


def _check(where, table):
    _keys(where, table, QUESTION | dict.fromkeys(PROFILES, {}))
    for profile in PROFILES:
        part, here = table.get(profile, {}), f"{where}.{profile}"
        _keys(here, part, PROFILE)
        if part and part.get("verdict") not in VERDICTS:
            raise ClaimError(f"{here}: the verdict must be one of {', '.join(VERDICTS)}")
        if part.get("verdict") not in (None, "no claim") and not part.get("reason", "").strip():
            raise ClaimError(f"{here}: a verdict needs its reason, in one sentence")
        if len(part.get("short", "").split()) > WORDS:
            raise ClaimError(f"{here}: short has more than {WORDS} words")
        for name, pair in part.get("bounds", {}).items():
            if not _is_range(pair):
                raise ClaimError(f"{here}: bounds of {name} must be [low, high]")


def _is_range(pair):
    numbers = isinstance(pair, list) and [type(v) in (int, float) for v in pair] == [True, True]
    return numbers and pair[0] <= pair[1]


def _keys(where, table, known):
    """Refuse a key that is not known, and a value of another kind than its default."""
    if not isinstance(table, dict):
        raise ClaimError(f"{where} must be a table")
    for key, value in table.items():
        if key not in known:
            raise ClaimError(f"{where}: there is no key {key}; known: {', '.join(known)}")
        if type(value) is not type(known[key]):
            kind = {str: "text", bool: "true or false", dict: "a table"}[type(known[key])]
            raise ClaimError(f"{where}: {key} must be {kind}")
