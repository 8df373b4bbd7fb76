"""How a page says what a notebook left as it was: numbers, dates, folded code, printed lines."""

import itertools
import re
from datetime import date

from course_lib.course.protocol import PROTOCOL

PARAMETERS = {"injected-parameters": "Parameters of this run", "parameters": "Parameters"}
# The last word of a cell's id, and what such a cell holds.
KINDS = {
    "colab": "For Colab",
    "setup": "Setup",
    "settings": "Settings",
    "check": "Check",
    "staff": "Staff check",
}
TITLE = re.compile(r"# ([A-Z](?!.*\. ).{,68})")  # a comment that can stand over a folded cell
OPENED = re.compile(r"(shipped|kept) (run|measurement) .*: opened \(.*\)")


def number(value):
    """A measured number as people read it; the full one is in results.json."""
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def day(text):
    """2026-11-27 -> 27 November 2026."""
    when = date.fromisoformat(text)
    return f"{when.day} {when:%B %Y}"


def duration(seconds):
    """194.4 -> 3 min 14 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def gigabytes(n_bytes):
    """1514000000 -> 1.5 GB of memory."""
    return f"{n_bytes / 1e9:.1f} GB of memory"


def budget(about):
    """How much of its epochs a page was trained for: 0.31, chosen to fit into 60 minutes."""
    within = f", chosen to fit into {about['minutes']:g} minutes" if about.get("minutes") else ""
    return f"{about['budget']}{within}"


def short(name):
    """A notebook's name as people say it: 06_acgan -> 06 ACGAN."""
    said = re.sub(r"(ac)?gan|c?vae", lambda found: found[0].upper(), name.replace("_", " "))
    return said.replace("infoGAN", "InfoGAN").replace("multilevel", "multi-level")


def ordered(protocol):
    """A protocol's (key, value) pairs, the agreed keys first."""
    keys = [key for key in PROTOCOL if key in protocol]
    return [(key, protocol[key]) for key in [*keys, *sorted(set(protocol) - set(keys))]]


def summary(cell):
    """What stands in place of a code cell that is folded: what it is for, and its length."""
    tags, lines = cell.metadata.get("tags", []), cell.source.strip().splitlines()
    for tag, text in PARAMETERS.items():
        if tag in tags:
            return text
    length = counted(len(lines), "line")
    return f"{purpose(cell)}, {length}" + " (not run in this profile)" * ("skip-execution" in tags)


def purpose(cell):
    """Of a cell: its kind by its id, else its first comment, where that can be a title."""
    kind = KINDS.get(cell.get("id", "").rsplit("-", 1)[-1])
    title = TITLE.fullmatch(cell.source.strip().splitlines()[0])
    return kind or (f"Code: {title[1].rstrip('.:')}" if title else "Code")


def printed(text):
    """The parts of what a cell printed, [(summary, text)]: lines that say which kept runs and
    measurements were opened are to be folded under a summary, all others have none."""
    parts, is_opened = [], lambda line: bool(OPENED.match(line))
    for opened, lines in itertools.groupby(text.splitlines(), is_opened):
        lines = list(lines)
        parts.append((opened_in_words(lines) if opened else "", "\n".join(lines)))
    return parts


def opened_in_words(lines):
    """What the lines opened, as in "3 trained nets and 1 measurement opened"."""
    kinds = [OPENED.match(line)[2] for line in lines]
    counts = {"trained net": kinds.count("run"), "measurement": kinds.count("measurement")}
    return " and ".join(counted(n, noun) for noun, n in counts.items() if n) + " opened"


def counted(n, noun):
    return f"{n} {noun}{'s' * (n != 1)}"
