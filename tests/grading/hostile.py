"""Answers to question 2.1 that want its points without earning them, or harm what else there is:
{name: (cell, what the reason has to say)}. Question 2.7, answered rightly, has to keep its points.

An attack that gets at something says LEAK, which no page may show.
"""

from hostile_ending import ENDING, ENDLESS
from hostile_handed import HANDED, MARKED
from hostile_patched import PATCHED
from hostile_reading import READING

GROUPS = dict(patched=PATCHED, handed=HANDED, marked=MARKED)
GROUPS |= dict(ending=ENDING, endless=ENDLESS, reading=READING)
CASES = {
    f"{group}: {name}": case for group, cases in GROUPS.items() for name, case in cases.items()
}
