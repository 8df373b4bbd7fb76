"""What is around the face: background, hair, neck, clothes, and the light on the person."""

import torch

from data_scripts.face_canvas import TURN, blob, mix, palette, ramp
from data_scripts.face_parts import face_distance, rgb, skin_colour

HAIR = [(0.07, 0.06, 0.07), (0.19, 0.11, 0.08), (0.36, 0.21, 0.12), (0.54, 0.34, 0.18)]
HAIR += [(0.74, 0.55, 0.31), (0.91, 0.77, 0.51)]
WALL = [
    (0.20, 0.22, 0.26),
    (0.22, 0.36, 0.52),
    (0.36, 0.58, 0.66),
    (0.55, 0.70, 0.58),
    (0.80, 0.80, 0.62),
]
WALL += [(0.86, 0.66, 0.50), (0.72, 0.46, 0.46), (0.62, 0.55, 0.68), (0.86, 0.87, 0.90)]
CLOTH = [
    (0.16, 0.18, 0.24),
    (0.20, 0.34, 0.50),
    (0.22, 0.48, 0.46),
    (0.52, 0.56, 0.36),
    (0.85, 0.82, 0.76),
]
CLOTH += [(0.80, 0.52, 0.30), (0.66, 0.22, 0.24), (0.44, 0.24, 0.44)]


def hair_colour(f):
    """From black over brown to blond; grey comes with age."""
    return mix(palette(HAIR, f.hair_colour), rgb(0.74, 0.74, 0.75), 0.95 * ramp(f.age, 0.60, 1.0))


def background(c, f):
    """A wall with a soft pool of light behind the head."""
    wall = palette(WALL, f.background)
    glow = 0.80 + 0.30 * blob(c.x / 1.5, (c.y + 0.15) / 1.5)
    c.image.copy_((wall * glow).clamp(0, 1))


def hair_distance(c, f):
    """Signed distance to the outline of the hair, the opening for the face not yet cut."""
    half = 0.420 + 0.105 * f.face_width
    long = ramp(f.hair_length, 0.12, 0.45)
    bump = f.hair_wave * mix(0.010, 0.038, long)
    hang = bump * torch.sin(14 * c.v + 1.1 * torch.sign(c.u)) * ramp(c.v, -0.5, -0.1)
    flare = 0.17 * f.hair_length * (c.v + 0.2).clamp(0, 0.7)
    a = c.u / (half + mix(0.035, 0.080, long) + 0.015 * f.hair_wave + flare)
    d = (-0.22 - c.v).clamp(min=0) / (0.560 + 0.02 * f.hair_wave)
    crown = 0.018 * f.hair_wave * torch.sin(13 * c.u + 2.0) * ramp(d, 0.2, 0.6)
    level = (a * a + d * d - 0.35 * (a * d).square().clamp(max=0.5)).sqrt()
    across = (level - 1) * 0.5 + hang + crown + 0.14
    down = c.v + 0.03 * f.hair_wave * torch.sin(17 * c.u) - mix(0.04, 1.15, f.hair_length) + 0.14
    corner = (across.clamp(min=0).square() + down.clamp(min=0).square()).sqrt()
    return corner + torch.maximum(across, down).clamp(max=0) - 0.14


def strands(c, f):
    """Brightness of the hair: strands from the crown down, wavy where the hair is, and a shine."""
    fine = ramp(torch.tensor(c.pixel), 0.08, 0.03)
    q = c.u / (0.40 + 0.55 * (c.v + 0.8).clamp(0, 0.7))
    bend = 2.6 * f.hair_wave * torch.sin(13 * c.v + 2 * c.u)
    lines = 0.07 * fine * torch.sin(37 * q + bend) + (0.07 + 0.10 * f.hair_wave) * torch.sin(
        16 * q + 1.0 + bend
    )
    shine = blob(c.u / 0.42, (c.v + 0.60 - 0.5 * c.u.square()) / 0.13)
    return lines + 0.30 * shine


def hair_back(c, f, colour, distance):
    cover = c.fill(distance)
    c.paint(colour * 0.62, cover)
    torch.maximum(c.body, cover, out=c.body)


def hair_front(c, f, colour, distance):
    """The hair before the face: the outline minus an opening below hairline or fringe."""
    half = 0.420 + 0.105 * f.face_width
    a = c.u.abs() / half
    teeth = torch.sin(34 * c.s) + 0.6 * torch.sin(57 * c.s + 1.0)
    long = ramp(f.hair_length, 0.12, 0.45)
    a4 = a.square().square()
    curtain = -0.50 + 1.1 * (c.s - 0.05).square() + 0.12 * a4
    cropped = -0.415 - 0.08 * blob((a - 0.62) / 0.32, 0 * a) + 0.35 * a4 * a4
    line = mix(cropped, curtain, long)
    cut = -0.19 + 0.10 * c.s + 0.016 * teeth
    line = mix(line, torch.maximum(cut, line), f.fringe)
    locks = mix(0.97, 0.93, long) * half + 0.08 * (c.v - 0.25).clamp(min=0)
    locks = locks + 0.025 * f.hair_wave * torch.sin(14 * c.v)
    opening = torch.maximum(line - c.v, c.u.abs() - locks)
    cover = c.fill(torch.maximum(distance, -opening))
    shadow = 0.35 * c.skin * c.fill(opening + 0.0) * c.fill(-opening - 0.07, 0.12)
    c.paint(skin_colour(f) * rgb(0.55, 0.45, 0.42), shadow)
    c.paint(colour * (1 + strands(c, f)), cover)
    torch.maximum(c.body, cover, out=c.body)


def bust(c, f):
    """Neck, shoulders and clothes, with the shadow of the chin."""
    w = c.rows(0.20, 1.0)
    skin, cloth = skin_colour(f), palette(CLOTH, f.clothes)
    thick = mix(0.175, 0.250, f.masculine)
    neck = w.fill(w.x.abs() - thick - 0.5 * (w.y - 0.64).clamp(min=0))
    w.paint(skin * rgb(0.93, 0.88, 0.86), neck)
    shadow = face_distance(w, f) - 0.13
    w.paint(skin * rgb(0.56, 0.44, 0.41), 0.85 * w.fill(shadow, 0.10) * neck)
    slope = mix(0.55, 0.42, f.masculine)
    shoulder = 0.72 + slope * (w.x.abs() - 0.22).clamp(min=0).pow(1.6) - w.y
    collar = 0.21 - (w.x.square() + (w.y - 0.64).square()).sqrt()
    cover = w.fill(torch.maximum(shoulder, collar))
    w.paint(cloth, cover)
    w.paint(cloth * 0.72, 0.8 * w.stroke(collar + 0.025, 0.018 + 0 * f.age) * cover)
    w.paint(
        cloth * 0.80, 0.7 * w.stroke(w.x.abs() - 0.62 - 0.2 * (w.y - 1), 0.02 + 0 * f.age) * cover
    )
    torch.maximum(w.body, torch.maximum(cover, neck), out=w.body)


def light(c, f):
    """Light from one side, a head's roundness against it; the background is lit by itself."""
    nx, ny = (c.u / 0.68).clamp(-1, 1), ((c.v + 0.05) / 0.95).clamp(-0.8, 0.45)
    nz = (1 - 0.7 * nx * nx - 0.7 * ny * ny).clamp(min=0.05).sqrt()
    lambert = 0.62 * f.light_side * nx - 0.38 * ny + 0.70 * nz
    level = mix(0.78, 1.08, f.light)
    shade = (level * (0.52 + 0.66 * lambert).clamp(0.25, 1.25) - 1) * c.body
    c.shade(shade * rgb(0.86, 1.0, 1.08))  # shadows on skin are warm


def turn_sine(f):
    return torch.sin(TURN * f.head_turn)
