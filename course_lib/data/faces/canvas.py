"""The canvas of the face renderer: coordinates, soft coverage, palettes.

All is float64. Processors differ in the last digits of a sine or a root; of 24 million bytes
painted in float32 that moved up to thirty by one level, so that the data had another digest.

A canvas holds n square pictures at once, of the same window: PORTRAIT is x from -EXTENT (left) to
EXTENT (right), y from -EXTENT (top) to EXTENT (bottom); a head is about 1 wide and 1.4 high. Each
pixel has three frames:
    x, y   the picture: background and body live here
    u, v   the head: tilt (roll) undone, and the outline's sideways shift under a turn
    s, v   the skin: the turn (yaw) undone too: eyes and mouth are drawn as seen from the front
"""

import math

import torch

DTYPE = torch.float64
EXTENT = 0.91
PORTRAIT = (-EXTENT, -EXTENT, 2 * EXTENT)  # left, top and side of the window, in x and y
TILT = math.radians(12)  # head_tilt = 1
TURN = math.radians(25)  # head_turn = 1
PIVOT = 0.5  # the neck: a tilted head turns about (0, PIVOT)


class Canvas:
    """n pictures being painted.

    image is (n, 3, rows, columns) in [0, 1]; x, y are (1, 1, rows, columns), the other fields
    (n, 1, rows, columns): u, v, s as above, edge the signed distance to the face's outline, skin
    and body the coverage of face and person so far. `pixel` is the side of a pixel, left and top
    are the window's, `first` the number of rows of the window above this canvas.
    """

    def __init__(self, image, fields, pixel, left, top, first=0, drop=0.0):
        self.image, self.fields, self.pixel = image, fields, pixel
        self.left, self.top, self.first, self.drop = left, top, first, drop
        self.x, self.y, self.u, self.v, self.s, self.edge, self.skin, self.body = fields

    def rows(self, top, bottom):
        """The rows from y = top to y = bottom, as a canvas that shares this one's memory."""
        start = max(0, math.floor((top + self.drop - self.top) / self.pixel) - self.first)
        stop = math.ceil((bottom + self.drop - self.top) / self.pixel) - self.first
        cut = slice(start, max(start + 1, stop))
        fields = [a[:, :, cut] for a in self.fields]
        return self._part(self.image[:, :, cut], fields, self.first + start, self.drop)

    def _part(self, image, fields, first, drop):
        return Canvas(image, fields, self.pixel, self.left, self.top, first, drop)

    def columns(self, half):
        """A copy of the columns from x = -half to half, for `put` to bring back."""
        side = max(0, int((-self.left - half) / self.pixel))
        cut = slice(side, self.image.shape[3] - side)
        fields = [a[..., cut].contiguous() for a in self.fields]
        fields[-2] = fields[-2].clone()  # skin: a part may grow it before `put`
        image = torch.empty_like(self.image[..., cut], memory_format=torch.contiguous_format)
        return self._part(image, fields, self.first, self.drop)

    def put(self, part):
        """Lay a painted copy of the middle columns over the picture where its skin is."""
        side = (self.image.shape[3] - part.image.shape[3]) // 2
        cut = slice(side, self.image.shape[3] - side)
        self.skin[..., cut] = part.skin
        self.cover(self.skin)
        self.image[..., cut].lerp_(part.image, part.skin.expand_as(part.image))

    def lowered(self, drop):
        """The same canvas for a part that is painted `drop` lower on the head than usual."""
        fields = [a - drop if a is self.v else a for a in self.fields]
        return self._part(self.image, fields, self.first, drop)

    def fill(self, distance, soft=0.0):
        """Coverage, 0 to 1, of the region distance < 0; its edge is one pixel, or `soft`, wide."""
        return torch.rsub(distance, 0.5, alpha=1 / max(soft, self.pixel)).clamp_(0, 1)

    def stroke(self, distance, half_width):
        """Coverage of a line of that half width; one thinner than a pixel fades."""
        if not torch.is_tensor(half_width):
            wide = max(half_width, self.pixel / 2)
            return self.fill(distance.abs().sub_(wide)).mul_(half_width / wide)
        wide = half_width.clamp(min=self.pixel / 2)
        return self.fill(distance.abs() - wide).mul_(half_width / wide)

    def paint(self, colour, cover):
        """Lay `colour`, (n, 3, 1, 1) or per pixel, over the picture where cover is 1."""
        self.image.lerp_(colour.expand_as(self.image), cover.expand_as(self.image))

    def cover(self, cover):
        """Count the pixels of `cover` as the person's: light falls on them."""
        torch.maximum(self.body, cover, out=self.body)


def blob(dx, dy=None):
    """A soft round spot: 1 at the centre, 0 from radius 1 on. Without dy, a soft upright band."""
    r = dx * dx
    if dy is not None:
        r = torch.addcmul(r, dy, dy)
    return torch.rsub(r, 1).clamp_(min=0).square_()


def ramp(a, low, high):
    """0 below low, 1 above high, smooth between."""
    t = (a - low).mul_(1 / (high - low)).clamp_(0, 1)
    return (3 - 2 * t).mul_(t).mul_(t)


def mix(a, b, weight):
    """a where weight is 0, b where it is 1."""
    return a + (b - a) * weight


def rgb(red, green, blue):
    """One colour for every picture, (1, 3, 1, 1)."""
    return torch.tensor([red, green, blue], dtype=DTYPE)[None, :, None, None]


def palette(colours, position):
    """Colours (n, 3, 1, 1) at position (n, 1, 1, 1) in [0, 1] along evenly spaced ones."""
    table = torch.tensor(colours, dtype=DTYPE, device=position.device)
    place = position.flatten() * (len(colours) - 1)
    left = place.floor().clamp(0, len(colours) - 2).long()
    return mix(table[left], table[left + 1], (place - left)[:, None])[:, :, None, None]


def blank(tilt, turn, size, window=PORTRAIT):
    """An unpainted canvas, size x size pixels of the window, for heads of that tilt and turn, each
    (n, 1, 1, 1) in [-1, 1]."""
    n, (left, top, side) = len(tilt), window
    pixel = side / size
    line = (torch.arange(size, dtype=DTYPE, device=tilt.device) + 0.5) * pixel
    x = (line + left).expand(1, 1, size, size).contiguous()
    y = (line + top)[:, None].expand(1, 1, size, size).contiguous()
    cos, sin = torch.cos(TILT * tilt), torch.sin(TILT * tilt)
    u = cos * x + sin * (y - PIVOT)
    v = PIVOT - sin * x + cos * (y - PIVOT)
    cos, sin = torch.cos(TURN * turn), torch.sin(TURN * turn)
    u = u - sin * (0.14 + 0.14 * v.clamp(0, 0.6))
    bulge = (1 - (u / 0.8).clamp(-0.95, 0.95).square()).sqrt()
    s = cos * u - sin * bulge * (0.31 - 0.18 * v.clamp(0, 0.6))
    image = torch.zeros(n, 3, size, size, dtype=DTYPE, device=tilt.device)
    fields = [x, y, u, v, s, *(torch.zeros_like(u) for _ in range(3))]
    return Canvas(image, fields, pixel, left, top)
