"""Explorers: controls over a pure function from values to pictures.

def moved(face, first):                       # tensors of shape (1,)
    z = mu[face] + first * axes[0]
    return net.decode(z)                      # pictures (N, C, H, W) in [0, 1]

explore(moved, name="q2-7-latents", alt="A face, moved.", face=(0, 23), first=(-4.0, 4.0))
"""

import os
import types

from IPython.display import display

from course_lib.atomic import write_bytes, write_json
from course_lib.course import explorer_checks, results, views
from course_lib.course import ranges as of_ranges
from course_lib.course.panel import Panel
from course_lib.paths import results_folder


def explore(
    pictures,
    name=None,
    alt="",
    grid=None,
    view=None,
    x=None,
    y=None,
    points=None,
    groups=None,
    bars=None,
    seen="",
    live="net",
    **ranges,
):
    """Controls over pictures(**values), a function of tensors; returns the panel, shown.

    pictures: takes tensors (1,), float32 for ranges of floats, int64 for ints and choices (the
    index), bool for ticks; returns pictures (N, C, H, W) in [0, 1]. ranges: name = (low, high), a
    list of choices, or (False, True). name: its question and a word, "q2-7-latents". alt: what the
    first picture shows, for those who cannot see it. grid: for figures.image_grid. seen: which
    pictures the net has learned from, in words. view: "plane" (of the ranges x and y, with points
    and groups), "area" (mask=(height, width), drawn) or "map" (of points). bars: dict(names=[...],
    title="nats"), for numbers that are returned with the pictures. live: how it moves in a page
    without a kernel, "net", "frames" or None. More on all of them: docs/explorers.md.

    Without a name: draw(**values) takes plain values and returns a Figure, which is shown as it is.
    What `pictures` reads by name is bound now: a name that a later cell uses again does not change
    the panel. An error is shown in the picture's place and goes with the next move that works.
    """
    steps = of_ranges.FEWER if live == "frames" else of_ranges.STEPS
    about = of_ranges.described(pictures, ranges, view, name is not None, steps)
    explorer_checks.call(pictures, name, alt, view, about, x, y)
    panel = Panel(bound(pictures), about, name, grid)
    bars = bars and bars | {"names": [str(one) for one in bars["names"]]}
    panel.add(view, x, y, points, groups, alt, bars)
    panel.start(alt)
    if name is not None:
        shown = {"alt": alt, "grid": grid, "view": view, "bars": bars, "seen": seen}
        shown |= {"axes": [x, y] if view == "plane" else None, "dots": views.dots(points, groups)}
        _keep(panel, shown, live)
    display(panel)
    return panel


def bound(function):
    """The function as it is now: the names that it and its notebook's functions read keep today's
    values."""
    names = dict(function.__globals__)

    def rebuilt(f):
        copy = types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, f.__closure__)
        copy.__kwdefaults__ = f.__kwdefaults__
        return copy

    for name, value in function.__globals__.items():
        if isinstance(value, types.FunctionType) and value.__globals__ is function.__globals__:
            names[name] = rebuilt(value)
    return rebuilt(function)


def _keep(panel, shown, live):
    """The first picture and what the controls are, and while a report is built what moves there."""
    folder, name = results_folder() / "explorers", panel.name
    write_bytes(folder / f"{name}.png", panel.start_picture)
    kept = {"kind": "explorer", "name": name, "question": results.question_of(name)}
    kept |= shown | {"picture": f"explorers/{name}.png", "ranges": panel.about, "live": None}
    if live and "COURSE_RESULTS" in os.environ:
        from course_lib.course.live import handed_over  # the exporter takes seconds to import

        kept["live"] = handed_over(panel.function, panel.about, name, live, folder / "live")
    write_json(folder / f"{name}.json", kept)
