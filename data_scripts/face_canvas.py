"""The canvas of the face renderer: coordinates, soft coverage and palettes. All tensors are float32.

A canvas holds n square pictures at once. Lengths are in half pictures: x runs from -1 (left) to 1
(right), y from -1 (top) to 1 (bottom). Three frames are kept for every pixel:
    x, y   the picture: background and body live here
    u, v   the head: tilt (roll) undone, and the outline's sideways shift under a turn
    s, v   the skin: the turn (yaw) undone too, so that eyes and mouth are drawn as seen from the front
"""

import math

import torch

TILT = math.radians(12)  # head_tilt = 1
TURN = math.radians(26)  # head_turn = 1
PIVOT = 0.5  # the neck: a tilted head turns about (0, PIVOT)


class Canvas:
    """n pictures being painted. `image` is (n, 3, rows, size) in [0, 1]; fields are (n, 1, rows, size)."""

    def __init__(self, image, fields, pixel, drop=0.0):
        self.image, self.fields, self.pixel, self.drop = image, fields, pixel, drop
        self.x, self.y, self.u, self.v, self.s, self.skin, self.body = fields

    def rows(self, top, bottom):
        """The rows from y = top to y = bottom, as a canvas that shares this one's memory."""
        first = max(0, math.floor((top + self.drop + 1) / self.pixel))
        last = math.ceil((bottom + self.drop + 1) / self.pixel)
        cut = slice(first, max(first + 1, last))
        return Canvas(self.image[:, :, cut], [a[:, :, cut] for a in self.fields], self.pixel)

    def lowered(self, drop):
        """The same canvas for a part that is painted `drop` lower on the head than its usual place."""
        fields = [a - drop if a is self.v else a for a in self.fields]
        return Canvas(self.image, fields, self.pixel, drop)

    def fill(self, distance, soft=0.0):
        """Coverage in [0, 1] of the region distance < 0, its edge one pixel wide, or `soft` if wider."""
        return (0.5 - distance / max(soft, self.pixel)).clamp_(0, 1)

    def stroke(self, distance, half_width):
        """Coverage of a line of that half width. A line thinner than a pixel fades instead of thickening."""
        wide = half_width.clamp(min=self.pixel / 2)
        return self.fill(distance.abs() - wide) * (half_width / wide)

    def paint(self, colour, cover):
        """Lay `colour`, (n, 3, 1, 1) or per pixel, over the picture where cover is 1."""
        self.image.lerp_(colour.expand_as(self.image), cover.expand_as(self.image))

    def shade(self, amount):
        """Scale brightness by 1 + amount, (n, 1, rows, size)."""
        self.image.mul_(1 + amount)


def blob(dx, dy):
    """A soft round spot: 1 at the centre, 0 from radius 1 on."""
    return (1 - dx * dx - dy * dy).clamp_(min=0).square_()


def ramp(a, low, high):
    """0 below low, 1 above high, smooth between."""
    t = ((a - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, weight):
    """a where weight is 0, b where it is 1."""
    return a + (b - a) * weight


def palette(colours, position):
    """Colours (n, 3, 1, 1) at position (n, 1, 1, 1) in [0, 1] along a list of evenly spaced colours."""
    table = torch.tensor(colours, dtype=torch.float32, device=position.device)
    place = position.flatten() * (len(colours) - 1)
    left = place.floor().clamp(0, len(colours) - 2).long()
    return mix(table[left], table[left + 1], (place - left)[:, None])[:, :, None, None]


def blank(tilt, turn, size):
    """An unpainted canvas for heads of that tilt and turn, each (n, 1, 1, 1) in [-1, 1]."""
    n, line = (
        len(tilt),
        (torch.arange(size, dtype=torch.float32, device=tilt.device) + 0.5) * (2 / size) - 1,
    )
    x, y = line.expand(n, 1, size, size), line[:, None].expand(n, 1, size, size)
    cos, sin = torch.cos(TILT * tilt), torch.sin(TILT * tilt)
    u = cos * x + sin * (y - PIVOT)
    v = PIVOT - sin * x + cos * (y - PIVOT)
    cos, sin = torch.cos(TURN * turn), torch.sin(TURN * turn)
    u = u - sin * (0.10 + 0.08 * v.clamp(0, 0.6))
    depth = 0.40 * (1 - (u / 0.8).clamp(-0.95, 0.95).square()).sqrt()
    s = cos * u - sin * depth
    image = torch.zeros(n, 3, size, size, device=tilt.device)
    return Canvas(image, [x, y, u, v, s, torch.zeros_like(u), torch.zeros_like(u)], 2 / size)
