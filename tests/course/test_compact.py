"""Smaller PNG files: alike to the eye, and to the bit where there are many colours."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.course import figures
from course_lib.course.compact import LARGEST, MEAN, compact


def levels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=np.int16)


def faces():
    """Smooth coloured pictures: tens of thousands of colours."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    one = lambda i: torch.stack([x, y * i / 8, (x * y + i / 8) % 1])
    return figures.png(figures.image_grid(torch.stack([one(i) for i in range(16)]), scale=1.5))


def digits():
    return figures.png(figures.image_grid(torch.rand(8, 1, 28, 28)))


def chart():
    values = {name: np.sin(np.arange(40) / 5 + i) for i, name in enumerate("abc")}
    return figures.png(figures.lines(np.arange(40), values, "epoch", "nats", title="A chart"))


@pytest.mark.parametrize("draw", [faces, digits])
def test_pictures_keep_every_level(draw):
    before = draw()
    after = compact(before)
    assert np.array_equal(levels(before), levels(after)) and len(after) < len(before)


def test_a_chart_becomes_a_palette_and_no_level_moves_visibly():
    before, after = chart(), compact(chart())
    assert Image.open(io.BytesIO(after)).mode == "P" and len(after) < 0.6 * len(before)
    error = np.abs(levels(before) - levels(after))
    assert error.max() <= LARGEST and error.mean() <= MEAN


def test_a_palette_that_would_be_seen_is_not_taken():
    """4,096 colours far apart: 256 cannot stand for them."""
    r, g, b = np.meshgrid(*[np.arange(0, 256, 17, dtype=np.uint8)] * 3)
    file = io.BytesIO()
    Image.fromarray(np.stack([r, g, b], -1).reshape(64, 64, 3)).save(file, "PNG", compress_level=0)
    after = compact(file.getvalue())
    assert Image.open(io.BytesIO(after)).mode == "RGB"
    assert np.array_equal(levels(file.getvalue()), levels(after))


def test_equal_pictures_are_equal_files_and_none_grows():
    assert compact(chart()) == compact(chart())
    once = compact(chart())
    assert len(compact(once)) <= len(once)


def test_what_is_transparent_becomes_white():
    file = io.BytesIO()
    Image.new("RGBA", (200, 200), (255, 0, 0, 0)).save(file, "PNG", compress_level=0)
    assert levels(compact(file.getvalue())).min() == 255
