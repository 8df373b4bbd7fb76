"""The parts of a face, each painted in its own layer. `f` holds the factors, each (n, 1, 1, 1)."""

import torch

from data_scripts.face_canvas import blob, mix, palette, ramp

SKIN = [(0.97, 0.84, 0.76), (0.94, 0.77, 0.66), (0.89, 0.69, 0.55), (0.75, 0.54, 0.39)]
SKIN += [(0.56, 0.37, 0.26), (0.38, 0.24, 0.17)]
EYE_X, EYE_Y, EYE_W = 0.195, -0.055, 0.118
MOUTH_Y = 0.355


def rgb(r, g, b):
    """One colour for every picture, (1, 3, 1, 1)."""
    return torch.tensor([r, g, b], dtype=torch.float32)[None, :, None, None]


def skin_colour(f):
    return palette(SKIN, f.skin_tone)


def face_distance(c, f):
    """Signed distance to the outline of the face, chin to crown; a masculine jaw is squarer."""
    half = 0.420 + 0.105 * f.face_width
    down = ((c.v + 0.08) / 0.70).clamp(min=0)
    up = ((-0.08 - c.v) / 0.56).clamp(min=0)
    jaw = mix(0.26, 0.06, f.masculine) * down.square() + 0.10 * (down - 0.35).clamp(min=0) * (
        1 - f.masculine
    )
    a = c.u / (half * (1 - jaw))
    d = down + up
    power = mix(0.0, 0.45, f.masculine) * down  # pulls the outline towards a square
    level = a * a + d * d - power * (a * d).square().clamp(max=0.25) - 1
    slope = 2 * ((a / half).square() + (d / 0.65).square()).sqrt() + 1e-3
    return level / slope


def ears(c, f):
    w = c.rows(-0.35, 0.40)
    half = 0.420 + 0.105 * f.face_width
    du = (w.u.abs() - half - 0.015) / 0.068
    dv = (w.v - 0.03) / 0.135
    d = ((du * du + dv * dv).sqrt() - 1) * 0.08
    skin = skin_colour(f)
    cover = w.fill(d)
    w.paint(skin * 0.93, cover)
    w.paint(skin * rgb(0.74, 0.66, 0.64), 0.7 * w.fill(d + 0.045, 0.05))
    torch.maximum(w.body, cover, out=w.body)


def face(c, f):
    """Skin with its soft modelling: temples, cheeks, forehead, the light rim of the jaw."""
    skin = skin_colour(f)
    d = face_distance(c, f)
    c.skin.copy_(c.fill(d))
    c.paint(skin, c.skin)
    torch.maximum(c.body, c.skin, out=c.body)
    edge = ((d + 0.16) / 0.16).clamp_(0, 1).square_()
    c.paint(skin * rgb(0.80, 0.70, 0.66), 0.55 * edge * c.skin)
    w = c.rows(-0.75, 0.30)
    w.paint(skin + (1 - skin) * 0.35, 0.28 * blob(w.s / 0.34, (w.v + 0.30) / 0.22) * w.skin)


def cheeks(c, f):
    """Blush, cheekbones (light above, hollow below), and cheeks pushed up by a smile."""
    w = c.rows(-0.25, 0.70)
    skin, smile = skin_colour(f), f.smile.clamp(min=0)
    a = w.s.abs()
    red = skin * rgb(1.0, 0.68, 0.64)
    blush = 0.28 + 0.35 * smile + 0.30 * f.makeup
    w.paint(red, blush * blob((a - 0.265) / 0.17, (w.v - 0.165 + 0.03 * smile) / 0.14) * w.skin)
    light = 0.10 + 0.45 * f.cheekbones + 0.22 * smile
    w.paint(
        skin + (1 - skin) * 0.5, light * blob((a - 0.275) / 0.13, (w.v - 0.085) / 0.075) * w.skin
    )
    hollow = blob((a - 0.33 + 0.25 * (w.v - 0.27)) / 0.10, (w.v - 0.27) / 0.15)
    w.paint(skin * rgb(0.66, 0.55, 0.52), 0.75 * f.cheekbones * hollow * w.skin)


def sockets(c, f):
    """The shadow around the eyes, and eye shadow where there is makeup."""
    w = c.rows(-0.48, 0.25)
    skin, a = skin_colour(f), w.s.abs() - EYE_X
    dark = blob(a / 0.19, (w.v - EYE_Y + 0.03) / 0.13)
    w.paint(skin * rgb(0.70, 0.60, 0.58), (0.42 + 0.12 * f.masculine) * dark * w.skin)
    lid = blob((a - 0.02) / 0.16, (w.v - EYE_Y + 0.055) / 0.085)
    w.paint(skin * rgb(0.52, 0.38, 0.50), 0.85 * f.makeup * lid * w.skin)


def eyes(c, f):
    w = c.rows(-0.36, 0.26)
    a, side = w.s.abs() - EYE_X, torch.sign(w.s)
    t = a / EYE_W
    arch = 1 - t * t
    middle = EYE_Y - 0.012 * t
    upper = middle - (0.004 + 0.080 * f.eye_open) * arch * (1 + 0.12 * t)
    lower = middle + (0.012 + 0.030 * f.eye_open) * arch
    hole = w.fill(torch.maximum(upper - w.v, w.v - lower)) * w.fill(a.abs() - EYE_W) * w.skin
    w.paint(rgb(0.95, 0.93, 0.91), hole)
    dx, dy = a - side * 0.042 * f.gaze, w.v - EYE_Y + 0.012
    r = (dx * dx + dy * dy).sqrt()
    iris = palette(
        [(0.24, 0.13, 0.07), (0.42, 0.27, 0.12), (0.33, 0.42, 0.25), (0.30, 0.50, 0.68)],
        f.eye_colour,
    )
    w.paint(iris * 0.5, w.fill(r - 0.062) * hole)
    w.paint(iris, w.fill(r - 0.050) * hole)
    w.paint(rgb(0.03, 0.02, 0.03), w.fill(r - 0.028) * hole)
    glint = ((w.s - side * EYE_X - 0.042 * f.gaze + 0.022).square() + (dy + 0.022).square()).sqrt()
    w.paint(rgb(1.0, 1.0, 1.0), 0.95 * w.fill(glint - 0.017) * hole)
    lids(w, f, a, t, arch, upper, lower)


def lids(w, f, a, t, arch, upper, lower):
    """Lash line, its wing under makeup, the crease above and the lower lid."""
    skin = skin_colour(f)
    near = w.fill(t.abs() - 1.08, 0.2) * w.skin
    w.paint(
        skin * rgb(0.60, 0.45, 0.42),
        0.55 * w.stroke(w.v - lower - 0.006, 0.010 * torch.ones_like(f.age)) * near,
    )
    crease = upper - 0.042 - 0.012 * f.eye_open
    w.paint(skin * rgb(0.52, 0.40, 0.38), 0.60 * w.stroke(w.v - crease, 0.010 + 0 * f.age) * near)
    dark = mix(skin * 0.28, rgb(0.05, 0.03, 0.04), 0.45 + 0.5 * f.makeup)
    w.paint(dark, w.stroke(w.v - upper, 0.013 + 0.012 * f.makeup) * near)
    wing = w.fill(((a - 0.135) / 0.05).abs() - 1, 0.5) * w.stroke(
        w.v - EYE_Y + 0.55 * (a - 0.10), 0.016 + 0 * f.age
    )
    w.paint(dark, 0.95 * f.makeup * wing * w.skin)


def brows(c, f, colour):
    w = c.rows(-0.55, 0.02)
    t = (w.s.abs() - 0.205) / 0.150
    arch = mix(0.046, 0.020, f.masculine) * (1 - t * t) + 0.004 * t
    line = EYE_Y - mix(0.148, 0.130, f.masculine) - arch
    thick = (
        (mix(0.017, 0.034, f.masculine))
        * (1 - 0.35 * t.clamp(-1, 1.2))
        * (1.05 - 0.5 * t.square()).clamp(0.05, 1)
    )
    ends = w.fill(t.abs() - 1, 0.25)
    w.paint(
        mix(colour, skin_colour(f) * 0.5, 0.25) * 0.85,
        0.92 * w.stroke(w.v - line, thick) * ends * w.skin,
    )


def nose(c, f, turn):
    """Bridge, tip and wings; under a turn it stands out and throws its shade on the far side."""
    w = c.rows(-0.30, 0.42)
    skin, k = skin_colour(f), 0.80 + 0.45 * f.nose_size
    s = w.s - 0.10 * turn * ramp(w.v, -0.25, 0.15)
    dark = skin * rgb(0.66, 0.54, 0.51)
    side = turn + 0.35 * f.light_side
    for sign in (-1, 1):
        depth = (0.30 + 0.45 * sign * side).clamp(0.10, 0.80)
        flank = blob(
            (s - sign * (0.055 + 0.03 * (w.v + 0.1)) * k) / (0.052 * k), (w.v - 0.01) / 0.21
        )
        w.paint(dark, depth * flank * w.skin)
    w.paint(dark, 0.70 * blob(s / (0.125 * k), (w.v - 0.215) / 0.060) * w.skin)
    wing = blob((s.abs() - 0.062 * k) / (0.050 * k), (w.v - 0.175) / 0.055)
    w.paint(skin * rgb(0.88, 0.76, 0.72), 0.8 * wing * w.skin)
    w.paint(
        skin + (1 - skin) * 0.45,
        0.65 * blob((s + 0.012 * f.light_side) / (0.045 * k), (w.v - 0.13) / 0.07) * w.skin,
    )
    w.paint(skin + (1 - skin) * 0.40, 0.38 * blob(s / 0.035, (w.v + 0.04) / 0.17) * w.skin)
    hole = ((s.abs() - 0.048 * k) / (0.026 * k)).square() + ((w.v - 0.205) / 0.016).square()
    w.paint(skin * rgb(0.34, 0.22, 0.20), 0.85 * w.fill((hole.sqrt() - 1) * 0.02) * w.skin)


def mouth(c, f):
    w = c.rows(0.08, 0.72)
    half = 0.150 + 0.042 * f.smile
    bend = 0.072 * f.smile.clamp(min=0) + 0.045 * f.smile.clamp(max=0)
    t = w.s / half
    arch = (1 - t * t).clamp(min=-1)
    line = MOUTH_Y + bend * (0.40 - t * t)
    inner_up = line - 0.022 * f.mouth_open * arch
    inner_low = line + 0.098 * f.mouth_open * arch
    bow = 1 - 0.30 * blob(t / 0.30, 0 * t)
    top = inner_up - (0.020 + 0.036 * f.lip_size) * arch * bow
    low = inner_low + (0.026 + 0.046 * f.lip_size) * arch * (0.6 + 0.4 * arch)
    red = lip_colour(f)
    ends = w.fill((t.abs() - 1) * half) * w.skin
    under = blob(w.s / 0.13, (w.v - low.clamp(max=0.6) - 0.05) / 0.05)
    w.paint(skin_colour(f) * rgb(0.68, 0.56, 0.53), 0.55 * under * w.skin)
    w.paint(red * 0.86, w.fill(torch.maximum(top - w.v, w.v - line)) * ends)
    w.paint(red, w.fill(torch.maximum(inner_low - w.v, w.v - low)) * ends)
    w.paint(
        red + (1 - red) * 0.4,
        0.55 * blob(t / 0.55, (w.v - 0.5 * (inner_low + low)) / 0.022) * w.skin,
    )
    inside(w, f, t, inner_up, inner_low, ends)
    seam = 0.95 - 0.65 * ramp(f.mouth_open, 0.0, 0.3)
    ends = w.fill(t.abs() - 1.05, 0.12)
    w.paint(
        red * rgb(0.38, 0.26, 0.28),
        seam * w.stroke(w.v - inner_up, 0.011 + 0 * f.age) * ends * w.skin,
    )
    corner = blob((w.s.abs() - half) / 0.040, (w.v - MOUTH_Y + 0.6 * bend) / 0.040)
    w.paint(red * rgb(0.45, 0.32, 0.32), 0.6 * corner * w.skin)


def inside(w, f, t, top, low, ends):
    """The open mouth: dark, upper teeth, tongue."""
    hole = w.fill(torch.maximum(top - w.v, w.v - low)) * ramp(f.mouth_open, 0.02, 0.15) * ends
    w.paint(rgb(0.22, 0.06, 0.07), hole)
    w.paint(rgb(0.72, 0.34, 0.34), 0.8 * hole * blob(t / 0.7, (w.v - low) / 0.045))
    teeth = w.fill(torch.maximum(w.v - top - 0.052, t.abs() - 0.86))
    w.paint(rgb(0.95, 0.93, 0.90), hole * teeth)


def lip_colour(f):
    bare = skin_colour(f) * rgb(0.90, 0.60, 0.59)
    return mix(bare, rgb(0.76, 0.08, 0.16), 0.92 * f.lipstick)


def wrinkles(c, f):
    """Folds from nose to mouth (smile, age), and with age: forehead, crow's feet, bags, mouth."""
    w = c.rows(-0.62, 0.70)
    dark = skin_colour(f) * rgb(0.60, 0.48, 0.45)
    old, a = ramp(f.age, 0.25, 1.0), w.s.abs()
    fold = a - 0.105 - 0.42 * (w.v - 0.19) - 0.012 * f.smile
    reach = blob(0 * a, (w.v - 0.285) / 0.12)
    w.paint(
        dark,
        (0.40 * f.smile.clamp(min=0) + 0.65 * old).clamp(max=0.9)
        * w.stroke(fold, 0.012 + 0 * old)
        * reach
        * w.skin,
    )
    lines = torch.zeros_like(a)
    for y in (-0.37, -0.31, -0.25):
        lines = lines + w.stroke(w.v - y - 0.12 * a * a, 0.009 + 0 * old) * blob(a / 0.30, 0 * a)
    for k in (-0.5, 0.0, 0.5):
        out = a - 0.345
        lines = lines + w.stroke(w.v - EYE_Y - 0.01 - k * (out + 0.03), 0.009 + 0 * old) * blob(
            out / 0.045, 0 * a
        )
    bag = 0.085 + 0.035 * (1 - ((a - EYE_X) / 0.12).square())
    lines = lines + w.stroke(w.v - EYE_Y - bag + 0.02, 0.011 + 0 * old) * blob(
        (a - EYE_X) / 0.14, 0 * a
    )
    w.paint(dark, (0.75 * old * lines).clamp(max=0.8) * w.skin)


def beard(c, f, colour):
    """Stubble to full beard, moustache included; the lips are painted over it."""
    w = c.rows(-0.25, 0.90)
    d = face_distance(w, f)
    a = w.u.abs() / (0.420 + 0.105 * f.face_width)
    b = w.s.abs()
    edge = 0.262 + 0.11 * ramp(b, 0.12, 0.24) - 0.44 * ramp(a, 0.62, 1.0)
    cover = w.fill(edge - w.v, 0.07) * w.fill(d - 0.035 * f.beard)
    strength = (f.beard * (0.6 + 0.6 * f.beard)).clamp(max=0.94)
    grain = 1 + 0.07 * torch.sin(60 * w.s) * ramp(torch.tensor(w.pixel), 0.07, 0.03)
    w.paint(colour * grain, strength * cover)
    torch.maximum(w.body, cover * strength, out=w.body)


def glasses(c, f):
    w = c.rows(-0.42, 0.36)
    a = w.s.abs()
    dx, dy = (a - 0.205).abs() - 0.092, (w.v - EYE_Y - 0.015).abs() - 0.060
    lens = (
        torch.maximum(dx, dy).clamp(max=0)
        + (dx.clamp(min=0).square() + dy.clamp(min=0).square()).sqrt()
        - 0.055
    )
    shine = blob((a - 0.24 + 0.5 * (w.v - EYE_Y)) / 0.05, (w.v - EYE_Y) / 0.13)
    w.paint(rgb(0.80, 0.88, 0.95), f.glasses * (0.10 + 0.25 * shine) * w.fill(lens))
    rim = w.stroke(lens, 0.017 + 0 * f.age)
    bridge = w.stroke(w.v - EYE_Y + 0.03 - 3 * w.s.square(), 0.015 + 0 * f.age) * w.fill(a - 0.062)
    arm = w.stroke(w.v - EYE_Y + 0.03, 0.017 + 0 * f.age) * w.fill(0.345 - a) * w.skin
    w.paint(rgb(0.09, 0.08, 0.10), f.glasses * torch.maximum(rim, torch.maximum(bridge, arm)))
