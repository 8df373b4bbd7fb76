"""Explorers: controls over a pure function from values to pictures.

def moved(face, first):                       # tensors of shape (1,)
    z = mu[face] + first * axes[0]
    return net.decode(z)                      # pictures (N, C, H, W) in [0, 1]

explore(moved, name="q2-7-latents", alt="A face, moved.", face=(0, 23), first=(-4.0, 4.0))
"""

import types

from IPython.display import display

from course_lib.atomic import write_bytes, write_json
from course_lib.course import explorer_checks, results
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
    **ranges,
):
    """Controls over pictures(**values), a function of tensors; returns the panel, shown.

    pictures: takes tensors, for each range of floats (1,) float32, for ints and choices (the index)
    (1,) int64, and returns pictures (N, C, H, W) in [0, 1]. ranges: name = (low, high) or a list of
    choices. name: its question and a word, "q2-7-latents". alt: what the first picture shows, for
    those who cannot see it. grid: how pictures are laid out, for figures.image_grid.

    view="plane": x and y name two ranges of floats, which become a plane to drag in, too; points
    (N, 2) are its dots, groups (N,) their colours. view="area": the reader draws the mask on the
    first of the pictures; mask=(height, width), and it arrives as (1, 1, H, W), 1 where drawn.

    Without a name: draw(**values) takes plain values and returns a Figure, which is shown as it is.

    What `pictures` reads by name is bound now: a name that a later cell uses again does not change
    the panel. An error is shown in the picture's place and goes with the next move that works.
    """
    about = of_ranges.described(pictures, ranges, view, by_index=name is not None)
    explorer_checks.call(pictures, name, alt, view, about, x, y)
    panel = Panel(bound(pictures), about, name, grid)
    if view == "plane":
        panel.add_plane(x, y, points, groups)
    if view == "area":
        panel.add_area(alt)
    panel.start(alt)
    if name is not None:
        _keep(panel, alt, grid, view, [x, y] if view == "plane" else None)
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


def _keep(panel, alt, grid, view, axes):
    """The first picture and what the controls are, for the report."""
    folder = results_folder() / "explorers"
    name = panel.name
    write_bytes(folder / f"{name}.png", panel.start_picture)
    kept = {
        "kind": "explorer",
        "name": name,
        "question": results.question_of(name),
        "alt": alt,
        "picture": f"explorers/{name}.png",
        "ranges": panel.about,
        "grid": grid,
        "view": view,
        "axes": axes,
    }
    write_json(folder / f"{name}.json", kept)
