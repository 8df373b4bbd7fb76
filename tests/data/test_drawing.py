"""A drawing is brought to the middle and to the size of MNIST's digits."""

import pytest
import torch

from course_lib import data
from course_lib.data.drawing import centred

AT = torch.arange(28.0)


def centre(x):
    """Row and column of the centre of mass, and how many rows and columns hold half of the most."""
    ink = x[0, 0]
    rows, columns = ink.sum(1), ink.sum(0)
    middle = [(t * AT).sum() / t.sum() for t in (rows, columns)]
    return middle, [int((t > t.max() / 2).sum()) for t in (rows, columns)]


@pytest.mark.parametrize("box", [(0, 5, 0, 3), (10, 28, 20, 27), (2, 26, 2, 26), (13, 15, 5, 15)])
def test_a_rectangle_anywhere_comes_to_the_middle_with_20_pixels(box):
    top, bottom, left, right = box
    drawn = torch.zeros(1, 1, 28, 28)
    drawn[..., top:bottom, left:right] = 1
    made = centred(drawn)
    middle, size = centre(made)
    assert made.shape == drawn.shape and 0 <= made.min() and made.max() <= 1
    assert middle == pytest.approx([13.5, 13.5], abs=0.3)
    assert max(size) == pytest.approx(20, abs=2)
    height, width = bottom - top, right - left
    assert (size[0] > size[1]) == (height > width)


def test_nothing_drawn_stays_nothing():
    assert centred(torch.zeros(1, 1, 28, 28)).abs().max() == 0


def test_a_digit_of_mnist_hardly_changes():
    for picture in data.pixels(data.load("mnist", "test", 20).x):
        made = centred((picture > 0.5).float()[None])
        assert centre(made)[0] == pytest.approx([13.5, 13.5], abs=0.8)
        assert torch.corrcoef(torch.stack([made.flatten(), picture.flatten()]))[0, 1] > 0.6
