"""The first version's `keep` and `answer`, with prose put together by code: what notebooks 03 to 08
use until they are rewritten in the form of 01 and 02 (course.results)."""

import json

from IPython.display import Markdown, display

from course_lib.atomic import write_json
from course_lib.course.protocol import PROTOCOL, VERDICTS
from course_lib.course.results import plain, question_of, show_figure
from course_lib.paths import results_folder


def keep(name, figure=None, alt="", caption="", table=None, numbers=None, protocol=None, title=""):
    """Show a result and hand it to the report under `name` ("q2-3-test-mse": question 2.3).

    figure: a Figure with `alt`, a sentence for those who cannot see it. table: a DataFrame.
    numbers: {name: value}. protocol: what `protocol(...)` returned: the data, the run, the unit.
    """
    question = question_of(name)
    numbers = {key: plain(value) for key, value in (numbers or {}).items()}
    if set(PROTOCOL) - set(protocol or {}):
        lacking = ", ".join(sorted(set(PROTOCOL) - set(protocol or {})))
        raise ValueError(f"keep('{name}'): the protocol lacks {lacking}; use protocol(...)")
    if not str(protocol["unit"]).strip():
        raise ValueError(
            f"keep('{name}'): the protocol's unit is empty; say 'none' if there is none"
        )
    if figure is not None and not alt.strip():
        raise ValueError(f"keep('{name}'): a figure needs alt=, a sentence that says what it shows")
    for column in () if table is None else table.select_dtypes("number"):
        plain(table[column])
    record = {
        "kind": "result",
        "name": name,
        "question": question,
        "title": title or caption,
        "figure": f"figures/{name}.png" if figure is not None else None,
        "alt": alt,
        "caption": caption,
        "numbers": numbers,
        "units": dict.fromkeys(numbers, protocol["unit"]),
        "table": None if table is None else json.loads(table.to_json(orient="records")),
        "protocol": protocol,
    }
    if figure is not None:
        show_figure(name, figure, alt)
    if table is not None:
        display(table.style.format(precision=4).hide(axis="index"))
    display(Markdown(_legend(caption, numbers, protocol)))
    write_json(results_folder() / f"{name}.json", record)


def answer(question, title, text, ours="", claim="", source="", verdict="no claim", figure=None):
    """Show the answer to a question and hand it to the report's card.

    text: Markdown whose numbers were put in by code. ours: our result in a few words. claim and
    source: what the source says. verdict: one of VERDICTS. figure: the kept result of the card.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is '{verdict}'; it must be one of {', '.join(VERDICTS)}")
    number = question_of(question)
    record = {
        "kind": "answer",
        "question": number,
        "title": title,
        "answer": text,
        "ours": ours,
        "claim": claim,
        "source": source,
        "verdict": verdict,
        "figure": figure,
    }
    display(Markdown(f"**Answer {number}.** {text}"))
    if claim:
        display(Markdown(f"*Claim ({source}): {claim} Ours: {ours} Verdict: **{verdict}**.*"))
    write_json(results_folder() / f"answer-{question}.json", record)


def _legend(caption, numbers, protocol):
    """Caption, numbers and protocol under a result."""
    parts = [f"*{caption}*"] if caption else []
    if numbers:
        parts.append("; ".join(f"{k} = {_short(v)}" for k, v in numbers.items()))
    facts = "; ".join(
        f"{k} {str(v)[:12] if 'sha256' in k else v}" for k, v in protocol.items() if v != ""
    )
    parts.append(f"<small>Protocol: {facts}</small>")
    return "\n\n".join(parts)


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
