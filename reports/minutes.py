"""How large a share of the epochs fits into some minutes, for each page that is to be made.

Each notebook is rehearsed as the whole profile. Where that does not fit, those with something to
train are rehearsed with one epoch a training, and the time that is left is divided: every page gets
what it needs at least and an equal part of the rest, and what one does not use goes to the others.
"""

import math
import sys
import time
from typing import NamedTuple

import execute
from rehearse import OutOfTime, Rehearsal, rehearse

WHOLE, LEAST = 1.0, 0.001  # shares; the least is one epoch a training


class PlanError(Exception):
    """Why no share can be chosen: one line that says what to do."""


class Page(NamedTuple):
    """Two Rehearsals of a notebook; `least` is None where the whole leaves nothing to train."""

    whole: Rehearsal
    least: Rehearsal | None = None

    def seconds(self, share):
        """What the page would take at this share: what is kept of the whole is not trained."""
        if share == WHOLE:
            return seconds_of(self.whole.rest, map(cost, self.whole.trainings))
        if self.least is None:
            return math.inf
        pairs = zip(self.whole.trainings, self.least.trainings, strict=True)
        return seconds_of(self.least.rest, (cost_at(share, *pair) for pair in pairs))

    def cheapest(self):
        """The fewest seconds in which it can be made."""
        return min(self.seconds(WHOLE), self.seconds(LEAST))

    def share(self, seconds):
        """The largest share, in thousandths, that fits; the whole where it is the cheapest."""
        if self.seconds(WHOLE) <= seconds:
            return WHOLE
        return max(
            (n / 1000 for n in range(1, 1000) if self.seconds(n / 1000) <= seconds), default=LEAST
        )


def seconds_of(rest, costs):
    from course_lib.training.rehearsal import SAVING  # torch, which a build does not wait for

    return rest + SAVING * sum(costs)


def cost(training):
    return 0.0 if training["kept"] else training["epochs"] * training["epoch_seconds"]


def cost_at(share, whole, least):
    """Of a training whose epochs the share cuts, as results.choose does; of another its own."""
    if whole["again"]:
        return 0.0
    if whole["epochs"] == least["epochs"]:
        return cost(least)
    return max(1, round(share * whole["epochs"])) * least["epoch_seconds"]


def shares(root, profile, names, minutes, **more):
    """{name: share of the epochs} that should fit; said on stderr. more: further parameters of the
    notebooks. PlanError where not even one epoch of each training fits."""
    until = time.perf_counter() + 60 * minutes
    rehearsed = lambda name, budget: tried(
        root, name, {"profile": profile, "budget": budget} | more, until
    )
    pages = {name: Page(rehearsed(name, WHOLE)) for name in names}
    left = lambda: until - time.perf_counter()
    if sum(page.seconds(WHOLE) for page in pages.values()) > left():
        for name, (whole, _) in pages.items():
            if any(map(cost, whole.trainings)):
                pages[name] = checked(name, Page(whole, rehearsed(name, LEAST)))
    chosen = divided(pages, left(), minutes)
    for name, share in chosen.items():
        took = pages[name].seconds(share) / 60
        print(f"{name}: {share:g} of the epochs, about {took:.1f} minutes", file=sys.stderr)
    return chosen


def tried(root, name, parameters, until):
    """The rehearsal. A notebook that cannot run has nothing to train: the build says why."""
    try:
        rehearsal = rehearse(root, name, parameters, until)
    except execute.NotebookError:
        return Rehearsal([], 0.0, [])
    except OutOfTime:
        raise PlanError(
            f"{name}: the time was over while its trainings were tried out, so no share could be "
            "chosen; say more MINUTES, or BUDGET=0.01 in their place"
        ) from None
    for cell in rehearsal.failed:
        note = "failed in the rehearsal; what it trains is not counted"
        print(f"{name}: cell {cell} {note}", file=sys.stderr)
    return rehearsal


def checked(name, page):
    """The page, whose rehearsals must have asked for the same trainings."""
    whole, least = ([t["recipe"] for t in rehearsal.trainings] for rehearsal in page)
    if whole != least:
        raise PlanError(
            f"{name}: two rehearsals asked for {len(whole)} and {len(least)} trainings, so no "
            "share can be chosen; say BUDGET=0.1 in place of MINUTES"
        )
    return page


def divided(pages, left, minutes):
    """{name: share}, such that all pages together take no longer than `left` seconds."""
    least = {name: page.cheapest() for name, page in pages.items()}
    spare, chosen = left - sum(least.values()), {}
    if spare < 0:
        needed = math.ceil(minutes - spare / 60)
        raise PlanError(
            f"MINUTES={minutes:g} is too short: with one epoch of each training and what else "
            f"the notebooks do, it takes about {needed}"
        )
    for name in sorted(pages, key=lambda name: pages[name].seconds(WHOLE) - least[name]):
        part = least[name] + spare / (len(pages) - len(chosen))
        chosen[name] = pages[name].share(part)
        spare -= pages[name].seconds(chosen[name]) - least[name]
    return chosen
