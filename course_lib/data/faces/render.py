"""Rendered colour faces with known factors: any number, any size, from a seed.

    people = sample_factors(1000, seed=0)               # float32 (1000, F), see factors
    images = render(people, size=64)                    # uint8 (1000, 3, 64, 64)
    near = render(sample_uniform(1000, seed=0), 32, "close-up")
    strange = outliers(1000, seed=0, family="upside_down")

Nothing is random but the factors. Every one can be set alone, whatever the others are: that beards
sit on masculine faces mostly is a matter of sampling, not of rendering. A sheet of faces, or of one
factor swept from low to high, is written by

    python -m course_lib.data.faces --n 64 --seed 0 --out sheet.png
    python -m course_lib.data.faces --n 8 --factor smile --framing close-up --out smile.png
"""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import torch
import torch.nn.functional as F

from course_lib.data.faces import hair, parts
from course_lib.data.faces.canvas import DTYPE, EXTENT, PORTRAIT, TURN, blank, blob, palette
from course_lib.data.faces.factors import COLUMN, checked, sample_factors

# From 23 to 77 % of a portrait's width and 30 to 84 % of its height: brows to chin.
CLOSE_UP = (-0.54 * EXTENT, -0.40 * EXTENT, 1.08 * EXTENT)
FRAMINGS = {"portrait": (PORTRAIT, 1), "close-up": (CLOSE_UP, 2)}  # window, finer by
FAMILIES = ("upside_down", "swapped_parts", "no_face")
CHUNK = 64  # faces painted at once: the fields of a chunk stay in the processor's cache


def render(factors, size=64, framing="portrait"):
    """The faces of a table of factors (n, F): uint8 (n, 3, size, size), RGB.

    A close-up shows brows to chin. Its window is painted at twice the size, every pixel of which is
    then the mean of exactly four: no pixel of the picture is cut or weighted, as it would be in a
    crop of a larger picture, whose box falls between pixels.
    """
    if framing not in FRAMINGS:
        raise ValueError(f"unknown framing {framing!r}: choose one of {', '.join(FRAMINGS)}")
    return _in_chunks(checked(factors), size, _paint_face, *FRAMINGS[framing])


def _in_chunks(factors, size, paint, window=PORTRAIT, finer=1):
    if size < 8:
        raise ValueError(f"size is {size}: a face needs at least 8 pixels a side")
    pixels = torch.empty(len(factors), 3, size, size, dtype=torch.uint8)
    step = max(1, CHUNK * 64 * 64 // (finer * size) ** 2)

    def work(rows, out):
        f = _person(rows)
        canvas = blank(f.head_tilt, f.head_turn, finer * size, window)
        paint(canvas, f)
        image = F.avg_pool2d(canvas.image.clamp_(0, 1), finer)
        out.copy_(image.mul_(255).round_())

    _spread(work, factors.split(step), pixels.split(step))
    return pixels


def _person(rows):
    """The factors by name, each (n, 1, 1, 1), and what many parts need of them."""
    rows = rows.to(DTYPE)
    f = SimpleNamespace(**{k: rows[:, i, None, None, None] for k, i in COLUMN.items()})
    f.half = 0.420 + 0.105 * f.face_width
    f.skin, f.hair = hair.skin_colour(f), hair.hair_colour(f)
    f.turn = torch.sin(TURN * f.head_turn)
    return f


def _spread(work, *pieces):
    """Call `work` on each chunk, a thread for each of torch's (at most 4).

    Chunks side by side beat torch's own threads, which would meet after each of a thousand
    short operations: many times slower where another program uses a core.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(threads, 4)) as pool:
            for _ in pool.map(work, *pieces):
                pass
    finally:
        torch.set_num_threads(threads)


def _paint_face(c, f):
    _paint(c, f, _features)


def _paint_swapped(c, f):
    """Eyes where the mouth belongs, mouth where the eyes belong."""
    _paint(c, f, lambda c, f: _features(c, f, swap=parts.MOUTH_Y - parts.EYE_Y))


def _paint_blank_head(c, f):
    _paint(c, f, lambda c, f: None)


def _paint(c, f, features):
    """The layers from back to front; `features` paints what is on the skin."""
    c.edge.copy_(parts.face_distance(c, f))
    c.skin.copy_(c.fill(c.edge))
    outline = hair.hair_distance(c, f)
    hair.background(c, f)
    hair.hair_back(c, f, outline)
    hair.bust(c, f)
    parts.ears(c, f)
    head = c.columns(0.75)
    parts.face(head, f)
    features(head, f)
    c.put(head)
    hair.hair_front(c, f, outline)
    hair.light(c, f)


def _features(c, f, swap=0.0):
    eye_level, mouth_level = (c.lowered(swap), c.lowered(-swap)) if swap else (c, c)
    parts.cheeks(c, f)
    parts.wrinkles(c, f)
    parts.beard(c, f)
    parts.nose(c, f)
    parts.mouth(mouth_level, f)
    parts.sockets(eye_level, f)
    parts.eyes(eye_level, f)
    parts.brows(eye_level, f)
    parts.glasses(eye_level, f)


def outliers(n, seed, family, size=64):
    """n pictures that are no ordinary faces, uint8 (n, 3, size, size), of one of FAMILIES.

    upside_down: faces turned over. swapped_parts: eyes and mouth have changed places.
    no_face: by turns a head without features, and things before a wall.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}: choose one of {', '.join(FAMILIES)}")
    factors = sample_factors(n, seed)
    if family == "upside_down":
        return render(factors, size).flip(2)
    if family == "swapped_parts":
        return _in_chunks(factors, size, _paint_swapped)
    images = _in_chunks(factors, size, _paint_blank_head)
    if n > 1:
        images[1::2] = _in_chunks(factors[1::2], size, _paint_things)
    return images


def _paint_things(c, f):
    """A wall and three round or square things, their places and colours taken from the factors."""
    hair.background(c, f)
    looks = (
        (f.face_width, f.hair_wave, f.hair),
        (f.nose_size, f.hair_length, parts.lip_colour(f)),
    )
    looks += ((f.lip_size, f.fringe, palette(hair.CLOTH, f.clothes)),)
    for i, (place, grow, colour) in enumerate(looks):
        dx, dy = c.x - (1.4 * place - 0.7), c.y - (0.65 - 0.55 * i * (1 - 0.3 * grow))
        r = 0.18 + 0.25 * grow
        edge = (dx.abs() ** 4 + dy.abs() ** 4) ** 0.25 if i == 1 else (dx * dx + dy * dy).sqrt()
        c.paint(colour, c.fill(edge - r))
        c.paint(
            colour * 0.6 + 0.4, 0.6 * blob((dx + 0.3 * r) / (0.6 * r), (dy + 0.3 * r) / (0.6 * r))
        )
