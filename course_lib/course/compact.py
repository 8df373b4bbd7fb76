"""Smaller PNG files, for figures kept with a notebook: lossless where eyes would see a change."""

import io

import numpy as np
from PIL import Image

MOST_COLOURS = 8192  # a chart has some hundreds, a grid of photographs tens of thousands
EXACT = 128  # of 256: a chart's frequent colours, which stay as they are
LARGEST, MEAN = 12, 0.25  # errors in levels of 255: single pixels at the edges of letters and lines


def compact(picture):
    """PNG bytes -> PNG bytes that are no larger and show the same, without transparency.

    Up to 256 colours become a palette, exactly. A chart's colours, of which there are more only
    because edges are smoothed, become one too where no level moves by more than LARGEST. Pictures
    of many colours keep every level.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    image = Image.alpha_composite(white, image).convert("RGB")
    small = _written(_with_palette(image) or image)
    return small if len(small) < len(picture) else picture


def _with_palette(image):
    """The image in at most 256 colours, or None where that would be seen."""
    pixels = np.asarray(image, dtype=np.int32)
    codes = pixels @ [1 << 16, 1 << 8, 1]
    colours, place, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if len(colours) > MOST_COLOURS:
        return None
    colours = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1)
    chosen = _palette(colours[np.argsort(-counts, kind="stable")])
    nearest = np.abs(colours[:, None] - chosen[None]).max(2).argmin(1)
    error = np.abs(colours - chosen[nearest])
    if error.max() > LARGEST or error.mean(1) @ counts / counts.sum() > MEAN:
        return None
    made = Image.fromarray(nearest[place].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    made.putpalette(chosen.astype(np.uint8).tobytes())
    return made


def _palette(colours):
    """At most 256 of the colours (N, 3): the first, and then always the one farthest from all."""
    chosen = colours[:EXACT]
    far = np.abs(colours[:, None] - chosen[None]).max(2).min(1)
    while len(chosen) < min(256, len(colours)):
        new = colours[far.argmax()]
        chosen = np.concatenate([chosen, new[None]])
        far = np.minimum(far, np.abs(colours - new).max(1))
    return chosen


def _written(image):
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
