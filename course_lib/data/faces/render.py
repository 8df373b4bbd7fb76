"""Rendered colour faces with known factors: any number, any size, from a seed.

    factors = sample_factors(1000, seed=0)    # float32 (1000, F): plausible people
    images = render(factors, size=64)         # uint8 (1000, 3, 64, 64): nothing else is random
    labels = attributes(factors)              # uint8 (1000, 15): CelebA's names, thresholds
    strange = outliers(1000, seed=0, family="upside_down")

FACTORS names the columns with their ranges and meanings; COLUMN gives a name's column. Every factor
can be set alone, whatever the others are: that beards sit on masculine faces mostly is a matter of
sampling, not of rendering.

    python -m data_scripts.render_faces --n 64 --seed 0 --out sheet.png
    python -m data_scripts.render_faces --n 8 --factor smile --out smile.png
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import torch

from course_lib.data.faces import hair as hair
from course_lib.data.faces import parts as parts
from course_lib.data.faces.canvas import TURN, blank, blob, palette

FACTORS = {  # name: (low, high, meaning)
    "smile": (-1.0, 1.0, "corners of the mouth: down, level, up with raised cheeks"),
    "mouth_open": (0.0, 1.0, "lips: closed to wide open"),
    "eye_open": (0.0, 1.0, "lids: nearly closed to wide open"),
    "gaze": (-1.0, 1.0, "pupils: picture left to picture right"),
    "head_turn": (-1.0, 1.0, "yaw: picture left to picture right, 25 degrees"),
    "head_tilt": (-1.0, 1.0, "roll: anticlockwise to clockwise, 12 degrees"),
    "face_width": (0.0, 1.0, "face: narrow to broad"),
    "masculine": (0.0, 1.0, "jaw, brows, neck: feminine to masculine"),
    "age": (0.0, 1.0, "young to old: lines, then grey hair"),
    "skin_tone": (0.0, 1.0, "skin: light to dark"),
    "eye_colour": (0.0, 1.0, "iris: dark brown, hazel, green, blue"),
    "nose_size": (0.0, 1.0, "nose: narrow to broad"),
    "lip_size": (0.0, 1.0, "lips: thin to full"),
    "cheekbones": (0.0, 1.0, "cheekbones: flat to high, with hollow cheeks"),
    "hair_colour": (0.0, 1.0, "hair: black, brown, blond"),
    "hair_length": (0.0, 1.0, "hair: short to below the shoulders"),
    "hair_wave": (0.0, 1.0, "hair: straight to wavy"),
    "fringe": (0.0, 1.0, "hairline: open forehead to fringe over the brows"),
    "beard": (0.0, 1.0, "none, stubble, full beard"),
    "glasses": (0.0, 1.0, "none to dark frames; sampled near one end or the other"),
    "lipstick": (0.0, 1.0, "lips: bare to red"),
    "makeup": (0.0, 1.0, "eye shadow, lash line and blush: none to heavy"),
    "clothes": (0.0, 1.0, "clothes: along a palette of eight colours"),
    "background": (0.0, 1.0, "wall: along a palette of nine colours, dark to light"),
    "light_side": (-1.0, 1.0, "light from picture left to picture right"),
    "light": (0.0, 1.0, "light on the person: dim to bright"),
}
COLUMN = {name: i for i, name in enumerate(FACTORS)}
ATTRIBUTES = (
    "Bangs",
    "Big_Lips",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Lipstick",
    "Eyeglasses",
    "Young",
)
FAMILIES = ("upside_down", "swapped_parts", "no_face")
CHUNK = 64  # faces painted at once: the fields of a chunk stay in the processor's cache


def sample_factors(n, seed):
    """(n, F) float32, one row a face, columns as in FACTORS. The same seed gives the same rows."""
    if n <= 0:
        raise ValueError(f"n is {n}: ask for at least one face")
    rng = torch.Generator().manual_seed(seed)
    draw = dict(zip(FACTORS, torch.rand(len(FACTORS), n, generator=rng), strict=True))
    spare = torch.rand(4, n, generator=rng)
    _sample_person(draw, spare)
    _sample_expression(draw, spare)
    table = torch.stack([draw[name] for name in FACTORS], dim=1)
    low, high = _bounds()
    return table.clamp(low, high)


def _bounds():
    table = torch.tensor([(low, high) for low, high, _ in FACTORS.values()], dtype=torch.float32)
    return table[:, 0], table[:, 1]


def _sample_person(f, spare):
    """In place: uniform draws become a plausible person."""
    male = (spare[0] < 0.42).float()
    f["masculine"] = torch.where(male > 0, 0.65 + 0.35 * f["masculine"], 0.35 * f["masculine"])
    f["hair_length"] = torch.where(
        male > 0, 0.45 * f["hair_length"].square(), 0.2 + 0.8 * f["hair_length"]
    )
    bearded = male * (spare[1] < 0.45)
    f["beard"] = bearded * (0.25 + 0.75 * f["beard"])
    f["lipstick"] = (1 - male) * (1.5 * f["lipstick"] - 0.2).clamp(0, 1)
    f["makeup"] = (1 - male) * (f["lipstick"] * 0.5 + 0.9 * f["makeup"] - 0.2).clamp(0, 1)
    f["fringe"] = (1.9 * f["fringe"] - 0.9 - 0.3 * male).clamp(0, 1)
    f["age"] = f["age"] ** 1.7
    f["glasses"] = torch.where(spare[2] < 0.08 + 0.12 * f["age"], 0.75 + 0.25 * f["glasses"], 0.0)
    dark = f["skin_tone"] ** 1.5
    f["skin_tone"] = dark
    f["hair_colour"] = f["hair_colour"] * (1.05 - 0.95 * dark)
    f["eye_colour"] = f["eye_colour"] * (1.0 - 0.85 * dark)


def _sample_expression(f, spare):
    """In place: smile, mouth, eyes and pose; gaze and turn lean towards the camera."""
    f["smile"] = torch.where(spare[3] < 0.47, 0.3 + 0.7 * f["smile"], 0.75 * f["smile"] - 0.55)
    f["mouth_open"] = (1.4 * f["mouth_open"] - 0.5 + 0.25 * f["smile"]).clamp(0, 1)
    f["eye_open"] = 0.25 + 0.75 * f["eye_open"].sqrt()
    f["cheekbones"] = (0.8 * f["cheekbones"].square() + 0.2 * f["smile"].clamp(min=0)).clamp(0, 1)
    for name, power in (("gaze", 1.6), ("head_turn", 1.4), ("head_tilt", 1.8), ("light_side", 1.0)):
        side = 2 * f[name] - 1
        f[name] = side.sign() * side.abs() ** power


def _checked(factors):
    """The factors as float32; anything but a table of F columns within their ranges is refused."""
    if factors.dim() != 2 or factors.shape[1] != len(FACTORS) or len(factors) == 0:
        raise ValueError(
            f"factors have shape {tuple(factors.shape)}: expected (n, {len(FACTORS)}) with n >= 1, "
            "one column for each name of FACTORS"
        )
    factors, (low, high) = factors.float(), _bounds()
    wrong = ~((factors >= low) & (factors <= high))
    if wrong.any():
        row, column = wrong.nonzero()[0].tolist()
        name = list(FACTORS)[column]
        raise ValueError(
            f"factor {name} of face {row} is {factors[row, column].item():g}: "
            f"its range is {FACTORS[name][0]:g} to {FACTORS[name][1]:g}"
        )
    return factors


def render(factors, size=64):
    """The faces of a table of factors (n, F): uint8 (n, 3, size, size), RGB."""
    return _in_chunks(_checked(factors), size, _paint_face)


def _in_chunks(factors, size, paint):
    if size < 8:
        raise ValueError(f"size is {size}: a face needs at least 8 pixels a side")
    pixels = torch.empty(len(factors), 3, size, size, dtype=torch.uint8)
    step = max(1, CHUNK * 64 * 64 // (size * size))

    def work(rows, out):
        f = _person(rows)
        canvas = blank(f.head_tilt, f.head_turn, size)
        paint(canvas, f)
        out.copy_(canvas.image.clamp_(0, 1).mul_(255).round_())

    _spread(work, factors.split(step), pixels.split(step))
    return pixels


def _person(rows):
    """The factors by name, each (n, 1, 1, 1), and what many parts need of them."""
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


def attributes(factors):
    """CelebA's names as 0/1, uint8 (n, 15), columns in the order of ATTRIBUTES."""
    f = dict(zip(FACTORS, _checked(factors).T, strict=True))
    coloured = f["age"] < 0.7  # older hair is grey more than coloured
    hue = f["hair_colour"]
    columns = {
        "Bangs": f["fringe"] > 0.5,
        "Big_Lips": f["lip_size"] > 0.7,
        "Black_Hair": (hue < 0.15) & coloured,
        "Blond_Hair": (hue > 0.68) & coloured,
        "Brown_Hair": (hue >= 0.15) & (hue < 0.6) & coloured,
        "Heavy_Makeup": f["makeup"] > 0.5,
        "High_Cheekbones": f["cheekbones"] > 0.35,
        "Male": f["masculine"] > 0.5,
        "Mouth_Slightly_Open": f["mouth_open"] > 0.15,
        "Smiling": f["smile"] > 0.25,
        "Straight_Hair": f["hair_wave"] < 0.3,
        "Wavy_Hair": f["hair_wave"] > 0.6,
        "Wearing_Lipstick": f["lipstick"] > 0.4,
        "Eyeglasses": f["glasses"] > 0.5,
        "Young": f["age"] < 0.5,
    }
    return torch.stack([columns[name] for name in ATTRIBUTES], dim=1).to(torch.uint8)


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


def sweep(factor, n, seed, steps=9):
    """n sampled faces, each repeated with one factor swept low to high: (n * steps, F)."""
    if factor not in FACTORS:
        raise ValueError(f"unknown factor {factor!r}: choose one of {', '.join(FACTORS)}")
    low, high, _ = FACTORS[factor]
    table = sample_factors(n, seed).repeat_interleave(steps, 0)
    table[:, COLUMN[factor]] = torch.linspace(low, high, steps).repeat(n)
    return table


def save_sheet(images, columns, path):
    """A contact sheet of uint8 images (n, 3, size, size), `columns` in a row, as a picture file."""
    from PIL import Image

    n, _, size, _ = images.shape
    rows = -(-n // columns)
    sheet = torch.full((rows * columns, 3, size, size), 255, dtype=torch.uint8)
    sheet[:n] = images
    sheet = (
        sheet.unflatten(0, (rows, columns))
        .permute(0, 3, 1, 4, 2)
        .reshape(rows * size, columns * size, 3)
    )
    Image.fromarray(sheet.numpy()).save(path)


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="data_scripts.render_faces", description="A sheet of faces."
    )
    parser.add_argument("--n", type=int, default=64, help="number of faces (rows with --factor)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--factor", help="sweep this factor, low to high, in each row")
    parser.add_argument("--family", help="show outliers of this family: " + ", ".join(FAMILIES))
    parser.add_argument("--out", required=True, help="picture file to write, such as sheet.png")
    args = parser.parse_args(argv)
    try:
        columns = 9 if args.factor else max(1, round(max(args.n, 1) ** 0.5))
        if args.factor:
            images = render(sweep(args.factor, args.n, args.seed), args.size)
        elif args.family:
            images = outliers(args.n, args.seed, args.family, args.size)
        else:
            images = render(sample_factors(args.n, args.seed), args.size)
        save_sheet(images, columns, args.out)
    except (ValueError, OSError) as problem:
        sys.exit(f"render_faces: {problem}")
    print(f"{args.out}: {len(images)} pictures of {args.size} x {args.size}")


if __name__ == "__main__":
    main()
