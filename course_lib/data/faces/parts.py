"""The parts of a face, each painted in its own layer, on skin that fills the whole canvas.

`f` holds the factors, each (n, 1, 1, 1), the half width of the face `f.half`, and the colours
`f.skin` and `f.hair`. Parts are drawn over |s| wherever left and right do not differ.
"""

import torch

from course_lib.data.faces.canvas import blob, mix, palette, ramp, rgb

IRIS = [(0.24, 0.13, 0.07), (0.42, 0.27, 0.12), (0.33, 0.42, 0.25), (0.30, 0.50, 0.68)]
EYE_X, EYE_Y, EYE_W = 0.195, -0.055, 0.118
MOUTH_Y = 0.355


def face_distance(c, f):
    """Signed distance to the outline of the face, chin to crown; a masculine jaw is squarer."""
    below = (c.v + 0.08).mul_(1 / 0.70)
    down = below.clamp(min=0)
    d = torch.maximum(down, below * (-0.70 / 0.56))
    jaw = (down - 0.35).clamp_(min=0) * (0.10 * (1 - f.masculine))
    jaw.add_(down * down * mix(0.22, 0.06, f.masculine))
    a = c.u / (1 - jaw).mul_(f.half)
    aa, dd = a * a, d * d
    square = (aa * dd).clamp_(max=0.25) * (0.45 * f.masculine) * down
    slope = (aa / f.half.square()).add_(dd, alpha=1 / 0.65**2).sqrt_().mul_(2).add_(1e-3)
    return (aa + dd).sub_(square).sub_(1).div_(slope)


def ears(c, f):
    w = c.rows(-0.35, 0.40)
    du = (w.u.abs() - (f.half + 0.015)).mul_(1 / 0.068)
    dv = (w.v - 0.03).mul_(1 / 0.135)
    d = du.square_().add_(dv.square_()).sqrt_().sub_(1).mul_(0.08)
    cover = w.fill(d)
    w.paint(f.skin * 0.93, cover)
    w.paint(f.skin * rgb(0.74, 0.66, 0.64), w.fill(d + 0.045, 0.05).mul_(0.7))
    w.cover(cover)


def face(c, f):
    """Skin with its soft modelling: darker towards the outline, light on the forehead."""
    rim = (c.edge + 0.16).mul_(1 / 0.16).clamp_(0, 1).square_().mul_(0.55)
    c.image.copy_(mix(f.skin, f.skin * rgb(0.80, 0.70, 0.66), rim))
    w = c.rows(-0.62, 0.02)
    w.paint(mix(f.skin, 1.0, 0.35), blob(w.s / 0.34, (w.v + 0.30) / 0.22).mul_(0.28))


def cheeks(c, f):
    """Blush, cheekbones (light above, hollow below), and cheeks pushed up by a smile."""
    w = c.rows(-0.16, 0.56)
    a, smile = w.s.abs(), f.smile.clamp(min=0)
    spot = blob((a - 0.265) / 0.17, (w.v + (0.03 * smile - 0.165)) / 0.14)
    w.paint(f.skin * rgb(1.0, 0.68, 0.64), spot * (0.28 + 0.35 * smile + 0.30 * f.makeup))
    hollow = blob((a + 0.25 * w.v - 0.3975) / 0.10, (w.v - 0.27) / 0.15)
    w.paint(f.skin * rgb(0.66, 0.55, 0.52), hollow * (0.75 * f.cheekbones))
    w = w.rows(-0.13, 0.30)
    spot = blob((w.s.abs() - 0.275) / 0.13, (w.v - 0.085) / 0.075)
    w.paint(mix(f.skin, 1.0, 0.5), spot * (0.10 + 0.45 * f.cheekbones + 0.22 * smile))


def sockets(c, f):
    """The shadow around the eyes, and eye shadow where there is makeup."""
    w = c.rows(-0.37, 0.20)
    a = w.s.abs().sub_(EYE_X)
    dark = blob(a / 0.19, (w.v - (EYE_Y - 0.03)) / 0.13)
    w.paint(f.skin * rgb(0.70, 0.60, 0.58), dark * (0.42 + 0.12 * f.masculine))
    lid = blob((a - 0.02) / 0.16, (w.v - (EYE_Y - 0.055)) / 0.085)
    w.paint(f.skin * rgb(0.52, 0.38, 0.50), lid * (0.85 * f.makeup))


def eyes(c, f):
    w = c.rows(-0.32, 0.16)
    a = w.s.abs().sub_(EYE_X)
    arch = 1 - (a / EYE_W).square_()
    middle = a * (-0.012 / EYE_W) + EYE_Y
    upper = middle - arch * (a + EYE_W / 0.12) * ((0.004 + 0.080 * f.eye_open) * 0.12 / EYE_W)
    lower = middle + arch * (0.012 + 0.030 * f.eye_open)
    hole = w.fill(torch.maximum(upper - w.v, w.v - lower)).mul_(w.fill(a.abs() - EYE_W))
    w.paint(rgb(0.95, 0.93, 0.91), hole)
    side = torch.sign(w.s)
    dx, dy = a - side * (0.042 * f.gaze), w.v - (EYE_Y - 0.012)
    r, iris = torch.addcmul(dx * dx, dy, dy).sqrt_(), palette(IRIS, f.eye_colour)
    w.paint(iris * 0.5, w.fill(r - 0.062).mul_(hole))
    w.paint(iris, w.fill(r - 0.050).mul_(hole))
    w.paint(rgb(0.03, 0.02, 0.03), w.fill(r - 0.028).mul_(hole))
    glint = (dx * side).add_(0.022).square_().add_((dy + 0.022).square_()).sqrt_()
    w.paint(rgb(1.0, 1.0, 1.0), w.fill(glint - 0.017).mul_(hole))
    lids(w, f, a, upper, lower)


def lids(w, f, a, upper, lower):
    """Lash line, its wing under makeup, the crease above and the lower lid."""
    near = w.fill(a.abs().mul_(1 / EYE_W).sub_(1.08), 0.2)
    line = w.stroke(w.v - lower - 0.006, 0.010).mul_(near)
    w.paint(f.skin * rgb(0.60, 0.45, 0.42), line.mul_(0.55))
    line = w.stroke(w.v - upper + (0.042 + 0.012 * f.eye_open), 0.010).mul_(near)
    w.paint(f.skin * rgb(0.52, 0.40, 0.38), line.mul_(0.60))
    dark = mix(f.skin * 0.28, rgb(0.05, 0.03, 0.04), 0.45 + 0.5 * f.makeup)
    w.paint(dark, w.stroke(w.v - upper, 0.013 + 0.012 * f.makeup).mul_(near))
    wing = w.fill((a - 0.135).abs_().mul_(20).sub_(1), 0.5)
    wing.mul_(w.stroke(w.v - (EYE_Y + 0.055) + 0.55 * a, 0.016))
    w.paint(dark, wing * (0.95 * f.makeup))


def brows(c, f):
    w = c.rows(-0.42, 0.02)
    t = w.s.abs().sub_(0.205).mul_(1 / 0.150)
    arch = mix(0.046, 0.020, f.masculine)
    line = t * t * arch - 0.004 * t + (EYE_Y - mix(0.148, 0.130, f.masculine) - arch)
    taper = (1 - 0.35 * t.clamp(-1, 1.2)) * (1.05 - 0.5 * t * t).clamp_(0.05, 1)
    ends = w.fill(t.abs_().sub_(1), 0.25).mul_(0.92)
    stroke = w.stroke(w.v - line, taper * mix(0.017, 0.034, f.masculine))
    w.paint(mix(f.hair, f.skin * 0.5, 0.25) * 0.85, stroke.mul_(ends))


def across_nose(w, f):
    """Sideways place on the nose, which stands out towards the side a head turns to."""
    return (w.s - 0.10 * f.turn * ramp(w.v, -0.25, 0.15)) / (0.80 + 0.45 * f.nose_size)


def nose(c, f):
    """The bridge, with shade on the far side, then the tip."""
    w = c.rows(-0.25, 0.28)
    s, dark = across_nose(w, f), f.skin * rgb(0.66, 0.54, 0.51)
    slant, height = 0.058 + 0.03 * w.v, (w.v - 0.01) / 0.21
    for sign in (-1, 1):
        depth = (0.30 + 0.45 * sign * (f.turn + 0.35 * f.light_side)).clamp(0.10, 0.80)
        w.paint(dark, blob((s - sign * slant) / 0.052, height) * depth)
    w.paint(mix(f.skin, 1.0, 0.40), blob(s / 0.037, (w.v + 0.04) / 0.17).mul_(0.38))
    tip(c.rows(0.0, 0.36), f, dark)


def tip(w, f, dark):
    """The lower nose: its shadow, wings, light and nostrils."""
    s = across_nose(w, f)
    a = s.abs()
    w.paint(dark, blob(s / 0.125, (w.v - 0.215) / 0.060).mul_(0.70))
    wing = blob((a - 0.062) / 0.050, (w.v - 0.175) / 0.055)
    w.paint(f.skin * rgb(0.88, 0.76, 0.72), wing.mul_(0.8))
    light = blob((s + 0.012 * f.light_side) / 0.045, (w.v - 0.13) / 0.07)
    w.paint(mix(f.skin, 1.0, 0.45), light.mul_(0.65))
    hole = (a - 0.048).mul_(1 / 0.026).square_().add_((w.v - 0.205).mul_(1 / 0.016).square_())
    hole = w.fill(hole.sqrt_().sub_(1).mul_(0.02)).mul_(0.85)
    w.paint(f.skin * rgb(0.34, 0.22, 0.20), hole)


def lip_colour(f):
    return mix(f.skin * rgb(0.90, 0.60, 0.59), rgb(0.76, 0.08, 0.16), 0.92 * f.lipstick)


def mouth(c, f):
    """Lips along a line that a smile bends; they part around the line when the mouth opens."""
    w = c.rows(0.18, 0.66)
    half, red = 0.150 + 0.042 * f.smile, lip_colour(f)
    bend = 0.072 * f.smile.clamp(min=0) + 0.045 * f.smile.clamp(max=0)
    t = w.s / half
    tt = t * t
    arch = (1 - tt).clamp_(min=-1)
    line = (MOUTH_Y + 0.40 * bend) - tt * bend
    up = line - arch * (0.022 * f.mouth_open)
    low = line + arch * (0.112 * f.mouth_open)
    top = up - arch * (1 - 0.30 * blob(t / 0.30)) * (0.020 + 0.036 * f.lip_size)
    chin = low + arch * (0.6 + 0.4 * arch) * (0.026 + 0.046 * f.lip_size)
    ends = w.fill((t.abs() - 1) * half)
    under = blob(w.s / 0.13, (w.v - chin.clamp(max=0.6) - 0.05) / 0.05)
    w.paint(f.skin * rgb(0.68, 0.56, 0.53), under.mul_(0.55))
    w.paint(red * 0.86, w.fill(torch.maximum(top - w.v, w.v - line)).mul_(ends))
    w.paint(red, w.fill(torch.maximum(low - w.v, w.v - chin)).mul_(ends))
    shine = blob(t / 0.55, (w.v - 0.5 * (low + chin)) / 0.022)
    w.paint(mix(red, 1.0, 0.4), shine.mul_(0.55))
    inside(w, f, t, up, low, ends)
    seam = w.stroke(w.v - up, 0.011).mul_(w.fill(t.abs() - 1.05, 0.12))
    w.paint(red * rgb(0.38, 0.26, 0.28), seam * (0.95 - 0.65 * ramp(f.mouth_open, 0.0, 0.3)))
    corner = blob((w.s.abs() - half) / 0.040, (w.v - (MOUTH_Y - 0.6 * bend)) / 0.040)
    w.paint(red * rgb(0.45, 0.32, 0.32), corner.mul_(0.6))


def inside(w, f, t, top, low, ends):
    """The open mouth: dark, tongue, upper teeth."""
    hole = w.fill(torch.maximum(top - w.v, w.v - low)).mul_(ends)
    hole.mul_(ramp(f.mouth_open, 0.02, 0.15))
    w.paint(rgb(0.22, 0.06, 0.07), hole)
    w.paint(rgb(0.72, 0.34, 0.34), blob(t / 0.7, (w.v - low) / 0.045).mul_(hole).mul_(0.8))
    teeth = w.fill(torch.maximum(w.v - top - 0.052, t.abs() - 0.86))
    w.paint(rgb(0.95, 0.93, 0.90), teeth.mul_(hole))


def wrinkles(c, f):
    """Folds from nose to mouth (smile, age), and with age: forehead, crow's feet, eye bags."""
    dark, old = f.skin * rgb(0.60, 0.48, 0.45), ramp(f.age, 0.10, 0.95)
    w = c.rows(0.06, 0.52)
    fold = w.s.abs() - 0.42 * w.v - (0.0252 + 0.012 * f.smile)
    depth = (0.40 * f.smile.clamp(min=0) + 0.65 * old).clamp(max=0.9)
    w.paint(dark, w.stroke(fold, 0.012).mul_(blob((w.v - 0.285) / 0.12)).mul_(depth))
    w = c.rows(-0.52, -0.10)
    row = (w.v + 0.31 - 0.12 * w.s.square()).mul_(1 / 0.06)
    near = (row - row.round().clamp_(-1, 1)).mul_(0.06)  # three lines, 0.06 apart
    w.paint(dark, w.stroke(near, 0.009).mul_(blob(w.s / 0.30)) * (0.75 * old))
    w = c.rows(-0.22, 0.20)
    a = w.s.abs()
    out = (a - 0.315).clamp_(min=0.01)
    ray = (w.v - (EYE_Y + 0.01)) / out * 2
    near = (ray - ray.round().clamp_(-1, 1)) * out * 0.5  # three rays from the corner of the eye
    feet = w.stroke(near, 0.009).mul_(blob((a - 0.345) / 0.045))
    a = (a - EYE_X).mul_(1 / 0.12).square_()
    bag = w.stroke(w.v - (EYE_Y + 0.100) + 0.035 * a, 0.011).mul_((1 - 0.73 * a).clamp_(min=0))
    w.paint(dark, feet.add_(bag) * (0.75 * old))


def beard(c, f):
    """Stubble to full beard, moustache included; the lips are painted over it."""
    w = c.rows(-0.20, 0.80)
    cheek = 0.262 + 0.11 * ramp(w.s.abs(), 0.12, 0.24) - 0.44 * ramp(w.u.abs() / f.half, 0.62, 1.0)
    cover = w.fill(cheek - w.v, 0.07).mul_(w.fill(w.edge - 0.035 * f.beard))
    cover.mul_((f.beard * (0.6 + 0.6 * f.beard)).clamp(max=0.94))
    w.paint(f.hair * (0.8 + 0.05 * torch.sin(60 * w.s)), cover)
    torch.maximum(w.skin, cover, out=w.skin)  # it stands out from the chin


def glasses(c, f):
    w = c.rows(-0.36, 0.28)
    a, v = w.s.abs(), w.v - EYE_Y
    dx, dy = (a - 0.205).abs_().sub_(0.092), (v - 0.015).abs_().sub_(0.060)
    inner = torch.maximum(dx, dy).clamp_(max=0)
    outer = dx.clamp_(min=0).square_().add_(dy.clamp_(min=0).square_()).sqrt_()
    lens = inner.add_(outer).sub_(0.055)
    shine = blob((a - 0.24 + 0.5 * v) / 0.05, v / 0.13).mul_(0.25).add_(0.10)
    w.paint(rgb(0.80, 0.88, 0.95), w.fill(lens).mul_(shine) * f.glasses)
    bridge = w.stroke(v + 0.03 - 3 * w.s.square(), 0.015).mul_(w.fill(a - 0.062))
    arm = w.stroke(v + 0.03, 0.017).mul_(w.fill(0.345 - a))
    frame = torch.maximum(w.stroke(lens, 0.017), bridge)
    w.paint(rgb(0.09, 0.08, 0.10), torch.maximum(frame, arm) * f.glasses)
    torch.maximum(w.skin, frame * f.glasses, out=w.skin)  # a rim may stand out from a turned face
