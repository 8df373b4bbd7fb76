"""Explorers: sliders over a pure function from values to a figure."""

import inspect
import types

import ipywidgets as widgets
from IPython.display import display

from course_lib.course import figures


def explore(draw, **ranges):
    """Sliders over a pure draw(**values) -> Figure; draw() is called once, plainly.

    ranges: name = (low, high) for a slider of floats or ints, or a list of choices. The first value
    is draw's own default. What draw reads by name is bound now: a name that a later cell uses again
    does not change the panel. An error in draw is shown in the picture's place, and goes with the
    next move that works. Returns the panel, whose children[:-1] are the controls.
    """
    for name, limits in ranges.items():
        if not isinstance(limits, list) and not limits[0] < limits[1]:
            raise ValueError(f"explore: {name} goes from {limits[0]} to {limits[1]}")
    start = {name: p.default for name, p in inspect.signature(draw).parameters.items()}
    controls = {name: _control(name, limits, start[name]) for name, limits in ranges.items()}
    draw = bound(draw)
    picture = widgets.Image(value=figures.png(draw()), format="png")
    panel = widgets.VBox([*controls.values(), picture])

    def redraw(_):
        try:
            picture.value = figures.png(draw(**{name: c.value for name, c in controls.items()}))
            shown = picture
        except Exception as error:  # else it would go to a log, and the old picture stay
            shown = widgets.Label(f"{type(error).__name__}: {error}", layout={"margin": "1em"})
        if panel.children[-1] is not shown:
            panel.children = (*controls.values(), shown)

    for control in controls.values():
        control.observe(redraw, "value")
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


def _control(name, limits, value):
    """A described control that takes the keyboard: arrows move it, its number can be typed."""
    label = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(limits, list):  # a Dropdown would leave the arrow keys to JupyterLab
        return widgets.SelectionSlider(options=limits, value=value, **label)
    low, high = limits
    if isinstance(low, int) and isinstance(high, int):
        return widgets.IntSlider(value, low, high, **label)
    return widgets.FloatSlider(value, min=low, max=high, step=(high - low) / 40, **label)
