"""What is around the face: background, hair, neck, clothes, and the light on the person."""

import torch

from course_lib.data.faces.canvas import blob, mix, palette, ramp, rgb

SKIN = [(0.97, 0.84, 0.76), (0.94, 0.77, 0.66), (0.89, 0.69, 0.55), (0.75, 0.54, 0.39)]
SKIN += [(0.56, 0.37, 0.26), (0.42, 0.27, 0.19)]
HAIR = [(0.07, 0.06, 0.07), (0.19, 0.11, 0.08), (0.36, 0.21, 0.12), (0.54, 0.34, 0.18)]
HAIR += [(0.74, 0.55, 0.31), (0.91, 0.77, 0.51)]
WALL = [(0.20, 0.22, 0.26), (0.22, 0.36, 0.52), (0.36, 0.58, 0.66), (0.55, 0.70, 0.58)]
WALL += [(0.80, 0.80, 0.62), (0.86, 0.66, 0.50), (0.72, 0.46, 0.46), (0.62, 0.55, 0.68)]
WALL += [(0.86, 0.87, 0.90)]
CLOTH = [(0.16, 0.18, 0.24), (0.20, 0.34, 0.50), (0.22, 0.48, 0.46), (0.52, 0.56, 0.36)]
CLOTH += [(0.85, 0.82, 0.76), (0.80, 0.52, 0.30), (0.66, 0.22, 0.24), (0.44, 0.24, 0.44)]


def skin_colour(f):
    return palette(SKIN, f.skin_tone)


def hair_colour(f):
    """From black over brown to blond; grey comes with age."""
    return mix(palette(HAIR, f.hair_colour), rgb(0.68, 0.68, 0.69), 0.95 * ramp(f.age, 0.50, 0.95))


def background(c, f):
    """A wall with a soft pool of light behind the head."""
    glow = 0.80 + 0.30 * blob(c.x / 1.5, (c.y + 0.15) / 1.5)
    c.image.copy_(palette(WALL, f.background) * glow)


def hair_distance(c, f):
    """Signed distance to the outline of the hair, the opening for the face not yet cut."""
    long, wave = ramp(f.hair_length, 0.12, 0.45), f.hair_wave
    sway = torch.sin(14 * c.v + 1.1 * torch.sign(c.u)).mul_(ramp(c.v, -0.5, -0.1))
    width = f.half + mix(0.035, 0.080, long) + 0.015 * wave
    a = c.u / ((c.v + 0.2).clamp_(0, 0.7) * (0.17 * f.hair_length) + width)
    d = (-0.22 - c.v).clamp_(min=0) / (0.560 + 0.02 * wave)
    crown = torch.sin(13 * c.u + 2.0).mul_(ramp(d, 0.2, 0.6)) * (0.018 * wave)
    aa, dd = a.square_(), d.square_()
    level = (aa + dd).sub_((aa * dd).clamp_(max=0.5), alpha=0.35).sqrt_()
    across = level.mul_(0.5).sub_(0.36).add_(crown).add_(sway * (wave * mix(0.010, 0.038, long)))
    down = c.v + torch.sin(17 * c.u) * (0.03 * wave) + (0.14 - mix(0.04, 1.15, f.hair_length))
    corner = across.clamp(min=0).square_().add_(down.clamp(min=0).square_()).sqrt_()
    return torch.maximum(across, down).clamp_(max=0).add_(corner).sub_(0.14)


def hair_back(c, f, distance):
    cover = c.fill(distance)
    c.paint(f.hair * 0.62, cover)
    c.cover(cover)


def strands(c, f):
    """Brightness of the hair: strands from the crown down, wavy where the hair is, and a shine."""
    q = c.u / (c.v + 0.8).clamp_(0, 0.7).mul_(0.55).add_(0.40)
    bend = torch.sin(13 * c.v + 2 * c.u) * (2.6 * f.hair_wave)
    lines = torch.sin((16 * q).add_(bend).add_(1.0)) * (0.07 + 0.10 * f.hair_wave)
    fine = torch.sin((37 * q).add_(bend)).mul_(0.07 * min(1.0, max(0.0, 1.6 - 20 * c.pixel)))
    w = c.rows(-0.91, -0.30)
    shine = blob(w.u / 0.42, (w.v + 0.60 - 0.5 * w.u.square()) / 0.13)
    lines[:, :, : shine.shape[2]].add_(shine, alpha=0.22)
    return lines.add_(fine)


def hairline(c, f, long):
    """Height of the edge of the hair over the forehead: cropped, parted or a fringe."""
    a4 = (c.u / f.half).square_().square_()
    parted = (c.s - 0.05).square_().mul_(1.1).sub_(0.50).add_(a4, alpha=0.12)
    temple = blob(((c.u / f.half).abs_() - 0.62).mul_(1 / 0.32))
    cropped = (a4 * a4).mul_(0.35).sub_(0.415).sub_(temple, alpha=0.08)
    line = mix(cropped, parted, long)
    teeth = torch.sin(34 * c.s).add_(torch.sin(57 * c.s + 1.0), alpha=0.6)
    cut = teeth.mul_(0.016).add_(c.s, alpha=0.10).sub_(0.19)
    return mix(line, torch.maximum(cut, line), f.fringe)


def hair_front(c, f, distance):
    """The hair before the face: the outline minus an opening below hairline or fringe."""
    long = ramp(f.hair_length, 0.12, 0.45)
    locks = (c.v - 0.25).clamp_(min=0).mul_(0.08).add_(mix(0.97, 0.93, long) * f.half)
    locks.add_(torch.sin(14 * c.v) * (0.025 * f.hair_wave))
    opening = c.u.abs().sub_(locks)
    w = c.rows(-0.91, 0.58)  # the hairline ends above: only the sides hang lower
    top = opening[:, :, : w.v.shape[2]]
    torch.maximum(hairline(w, f, long) - w.v, top, out=top)
    w.paint(f.skin * rgb(0.55, 0.45, 0.42), w.fill(-0.07 - top, 0.12).mul_(w.skin).mul_(0.35))
    cover = c.fill(torch.maximum(distance, -opening))
    shine = strands(c, f)
    c.paint(f.hair + shine * (f.hair + 0.06), cover)
    c.cover(cover)


def bust(c, f):
    """Neck, shoulders and clothes, with the shadow of the chin."""
    w = c.rows(0.20, 0.91)
    cloth, side = palette(CLOTH, f.clothes), w.x.abs()
    neck = w.fill(side - mix(0.175, 0.250, f.masculine) - 0.5 * (w.y - 0.64).clamp(min=0))
    w.paint(f.skin * rgb(0.93, 0.88, 0.86), neck)
    shadow = w.fill(w.edge - 0.13, 0.10).mul_(neck).mul_(0.85)
    w.paint(f.skin * rgb(0.56, 0.44, 0.41), shadow)
    collar = 0.21 - (w.x.square() + (w.y - 0.64).square()).sqrt()
    slope = (side - 0.22).clamp(min=0).pow(1.6)
    cover = w.fill(torch.maximum(slope * mix(0.55, 0.42, f.masculine) + (0.72 - w.y), collar))
    w.paint(cloth, cover)
    w.paint(cloth * 0.72, cover * (0.8 * w.stroke(collar + 0.025, 0.018)))
    w.paint(cloth * 0.80, cover * (0.7 * w.stroke(side - 0.62 - 0.2 * (w.y - 1), 0.02)))
    w.cover(torch.maximum(cover, neck))


def light(c, f):
    """Light from one side, a head's roundness against it; the background is lit by itself."""
    nx, ny = (c.u / 0.68).clamp_(-1, 1), (c.v + 0.05).mul_(1 / 0.95).clamp_(-0.8, 0.45)
    nz = torch.addcmul(nx * nx, ny, ny).mul_(-0.7).add_(1).clamp_(min=0.05).sqrt_()
    lambert = nz.mul_(0.70).sub_(ny, alpha=0.38).add_(nx.mul_(0.62 * f.light_side))
    level = lambert.mul_(0.66).add_(0.52).clamp_(0.25, 1.25).mul_(mix(0.78, 1.08, f.light))
    amount = level.sub_(1).mul_(c.body)
    c.image.mul_(1 + amount * rgb(0.86, 1.0, 1.08))  # shadows on skin are warm
