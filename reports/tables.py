"""reports/full/RESULTS.md and the README's table of results: python reports/tables.py

Both are made of claims.toml and the kept full report, whose index and results.json are brought up
to date first: after an edit of claims.toml this is the one command (make results).
"""

import sys
from pathlib import Path

import index
from markup import PageError

from course_lib.atomic import Busy, Unreadable, write_text
from course_lib.course.claims import WORDS, ClaimError

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
HEAD = """\
# Results beside the sources' claims

Made by `make results` from [claims.toml](../claims.toml) and [results.json](results.json); the
[pages](index.html) show figures and protocols, [docs/results.md](../../docs/results.md) says how
the full runs were made. A verdict is a judgement written by hand, with its reason.
"""


def main(root=ROOT):
    try:
        answers = index.publish(root, "full")["answers"]
        readme = root / "README.md"
        text = with_table(readme.read_text(encoding="utf-8"), front_table(answers))
        write_text(root / "reports" / "full" / "RESULTS.md", results_page(answers))
        write_text(readme, text)
    except (ClaimError, Unreadable, Busy, PageError, OSError) as error:
        print(f"results: {error}", file=sys.stderr)
        return 1
    return 0


def results_page(answers):
    """RESULTS.md: every question in one table, and below it what was found, in sentences."""
    rows = [(q, claim_of(a), a["ours"], judged(a)) for q, a in answers.items()]
    parts = [HEAD, table(("no.", "the source claims", "measured here", "verdict"), rows)]
    parts += ["## What was found\n"]
    for question, answer in answers.items():
        parts.append(f"**{question} · {answer['title']}.** {answer['answer']}\n")
    return "\n".join(parts)


def front_table(answers):
    """The README's table, of the questions that have `front` in claims.toml."""
    rows = []
    for question, answer in answers.items():
        if answer["front"]:
            for text in (answer["claim"], answer["ours"]):
                if len(text.split()) > WORDS:
                    raise ClaimError(f"{question}: more than {WORDS} words in '{text}'")
            rows.append((question, claim_of(answer), answer["ours"], answer["verdict"]))
    return table(("", "claim", "ours", "verdict"), rows)


def with_table(text, new):
    """The text with `new` between its two marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ClaimError(f"README.md needs {BEGIN} and {END}, once each, in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{new}{END}{rest.split(END)[1]}"


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell(c) for c in line)} |\n" for line in lines)


def cell(text):
    """In one line, and no bar that would end it."""
    return " ".join(str(text).split()).replace("|", "\\|")


def claim_of(answer):
    return f"{answer['source']}: {answer['claim']}" if answer["claim"] else "–"


def judged(answer):
    if answer["verdict"] == "no claim":
        return "–"
    return f"**{answer['verdict']}** {answer['reason']}".strip()


if __name__ == "__main__":
    sys.exit(main())
