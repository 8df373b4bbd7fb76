"""Where on a rendered face each factor may change the picture."""

from course_lib.data.faces import parts
from course_lib.data.faces.canvas import PORTRAIT, blank
from course_lib.data.faces.render import _person


def between(field, low, high):
    return (field > low) & (field < high)


def on_face(c, inner, outer, top, bottom):
    """Between heights top and bottom of the head, and inner < |s| < outer across the face."""
    return between(c.s.abs(), inner, outer) & between(c.v, top, bottom)


def not_corners(c):
    """All but the upper corners of the picture, which show the wall and nothing else."""
    return ~((c.x.abs() > 0.78) & (c.y < -0.55)).expand_as(c.v)


def not_centre(c):
    """All but the wall's corners and the middle of the face, from the eyes to the mouth."""
    return not_corners(c) & ~on_face(c, -1, 0.12, -0.05, 0.34)


# Where a factor may change the picture, in the frames of face_canvas. Heights: brows -0.2,
# eyes -0.05, nose 0.2, mouth 0.36, chin 0.62.
MAY_CHANGE = {
    "smile": lambda c: on_face(c, -1, 0.46, -0.02, 0.62),
    "mouth_open": lambda c: on_face(c, -1, 0.24, 0.26, 0.66),
    "eye_open": lambda c: on_face(c, 0.04, 0.36, -0.24, 0.04),
    "gaze": lambda c: on_face(c, 0.04, 0.36, -0.18, 0.03),
    "eye_colour": lambda c: on_face(c, 0.04, 0.36, -0.18, 0.03),
    "nose_size": lambda c: on_face(c, -1, 0.25, -0.24, 0.32),
    "lip_size": lambda c: on_face(c, -1, 0.24, 0.24, 0.66),
    "lipstick": lambda c: on_face(c, -1, 0.26, 0.24, 0.66),
    "cheekbones": lambda c: on_face(c, 0.08, 0.50, -0.02, 0.46),
    "makeup": lambda c: on_face(c, 0.02, 0.50, -0.24, 0.36),
    "glasses": lambda c: on_face(c, -1, 0.60, -0.22, 0.14),
    "beard": lambda c: between(c.v, -0.22, 0.76) & (c.u.abs() < 0.62),
    "fringe": lambda c: (c.v < 0.0) & not_corners(c),
    "hair_length": not_centre,
    "hair_wave": not_centre,
    "face_width": not_centre,
    "hair_colour": lambda c: not_corners(c) & ~on_face(c, -1, 0.18, 0.0, 0.36),
    "masculine": lambda c: not_corners(c) & ~on_face(c, -1, 0.05, 0.05, 0.36),
    "clothes": lambda c: (c.y > 0.55).expand_as(c.v),
    "background": lambda c: c.edge > -0.04,
    "age": not_corners,
    "skin_tone": not_corners,
    "head_turn": not_corners,
    "head_tilt": not_corners,
    "light_side": not_corners,
    "light": not_corners,
}


def canvas_of(factors, window=PORTRAIT):
    """The coordinates of every pixel of 64x64 in the window, for the poses in `factors`."""
    f = _person(factors)
    c = blank(f.head_tilt, f.head_turn, 64, window)
    c.edge.copy_(parts.face_distance(c, f))
    return c
