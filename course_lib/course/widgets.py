"""Explorers: sliders over a pure function from values to a figure."""

import inspect

import ipywidgets as widgets
from IPython.display import display

from course_lib.course import figures


def explore(draw, **ranges):
    """Sliders over a pure draw(**values) -> Figure; draw() is called once, plainly.

    ranges: name = (low, high) for a slider of floats or ints, or a list of choices. The first value
    is draw's own default. Returns the panel, whose children[:-1] are the controls.
    """
    for name, limits in ranges.items():
        if not isinstance(limits, list) and not limits[0] < limits[1]:
            raise ValueError(f"explore: {name} goes from {limits[0]} to {limits[1]}")
    start = {name: p.default for name, p in inspect.signature(draw).parameters.items()}
    controls = {name: _control(name, limits, start[name]) for name, limits in ranges.items()}
    picture = widgets.Image(value=figures.png(draw()), format="png")

    def redraw(_):
        picture.value = figures.png(draw(**{name: c.value for name, c in controls.items()}))

    for control in controls.values():
        control.observe(redraw, "value")
    panel = widgets.VBox([*controls.values(), picture])
    display(panel)
    return panel


def _control(name, limits, value):
    """A described control that takes the keyboard: arrows move it, its number can be typed."""
    label = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(limits, list):  # a Dropdown would leave the arrow keys to JupyterLab
        return widgets.SelectionSlider(options=limits, value=value, **label)
    low, high = limits
    if isinstance(low, int) and isinstance(high, int):
        return widgets.IntSlider(value, low, high, **label)
    return widgets.FloatSlider(value, min=low, max=high, step=(high - low) / 40, **label)
