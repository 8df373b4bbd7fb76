"""Explorers in a reader's hands: an error is seen, and names stay what they were."""

import pytest
import torch

from course_lib.course import figures, widgets


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(widgets, "display", lambda panel: None)


def picture(value):
    return figures.image_grid(torch.full((1, 1, 8, 8), float(value)))


def notebook(source):
    """The names after running cells' text, as in a notebook: one dictionary for all."""
    names = {"picture": picture, "explore": widgets.explore}
    exec(source, names)
    return names


CELLS = """
brightness = 0.25

def scaled(z):
    return brightness + z

def draw(z=0.0):
    return picture(scaled(z))

panel = explore(draw, z=(0.0, 0.5))
"""


def test_a_name_used_again_by_a_later_cell_does_not_change_the_panel():
    names = notebook(CELLS)
    exec("brightness = 'text'\ndef scaled(z):\n    return 9", names)
    panel = names["panel"]
    panel.children[0].value = 0.5
    assert panel.children[-1].value == figures.png(picture(0.75))


def test_an_error_after_a_move_is_shown_in_the_pictures_place_and_goes_again():
    def draw(z=0.0):
        if z > 0.4:
            raise ValueError(f"no face at {z}")
        return picture(z)

    panel = widgets.explore(draw, z=(0.0, 0.5))
    slider, before = panel.children
    slider.value = 0.5
    assert panel.children[-1].value == "ValueError: no face at 0.5"
    slider.value = 0.25
    assert panel.children[-1] is before and before.value == figures.png(picture(0.25))
