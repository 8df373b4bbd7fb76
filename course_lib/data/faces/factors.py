"""The factors of a rendered face: their ranges, people and uniform tables of them, attributes.

    people = sample_factors(1000, seed=0)     # float32 (1000, F): plausible people
    plain = sample_uniform(1000, seed=0)      # one plain face but for ten factors, each uniform
    labels = attributes(people)               # uint8 (1000, 15): CelebA's names, thresholds

FACTORS names the columns with their ranges and meanings; COLUMN gives a name's column.
"""

import torch

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
CLOSE_UP_FACTORS = (  # what a close-up shows plainly
    "smile",
    "mouth_open",
    "eye_open",
    "gaze",
    "head_turn",
    "skin_tone",
    "hair_colour",
    "face_width",
    "nose_size",
    "fringe",
)
PLAIN = {  # an adult with nothing before the face, hair beside it; what is not named here is 0
    "eye_open": 0.7,
    "face_width": 0.5,
    "masculine": 0.3,
    "age": 0.2,
    "skin_tone": 0.25,
    "eye_colour": 0.3,
    "nose_size": 0.5,
    "lip_size": 0.5,
    "cheekbones": 0.2,
    "hair_colour": 0.4,
    "hair_length": 0.3,
    "fringe": 0.3,
    "background": 0.3,
    "light": 0.7,
}
ATTRIBUTES = {  # CelebA's name: the factor that decides it
    "Bangs": "fringe",
    "Big_Lips": "lip_size",
    "Black_Hair": "hair_colour",
    "Blond_Hair": "hair_colour",
    "Brown_Hair": "hair_colour",
    "Heavy_Makeup": "makeup",
    "High_Cheekbones": "cheekbones",
    "Male": "masculine",
    "Mouth_Slightly_Open": "mouth_open",
    "Smiling": "smile",
    "Straight_Hair": "hair_wave",
    "Wavy_Hair": "hair_wave",
    "Wearing_Lipstick": "lipstick",
    "Eyeglasses": "glasses",
    "Young": "age",
}


def sample_factors(n, seed):
    """(n, F) float32, one row a face, columns as in FACTORS. The same seed gives the same rows."""
    _check_n(n)
    rng = torch.Generator().manual_seed(seed)
    # float64 in between: powers differ between processors in the last digits of float32.
    draw = dict(zip(FACTORS, torch.rand(len(FACTORS), n, generator=rng).double(), strict=True))
    spare = torch.rand(4, n, generator=rng).double()
    _sample_person(draw, spare)
    _sample_expression(draw, spare)
    table = torch.stack([draw[name] for name in FACTORS], dim=1)
    low, high = _bounds()
    return table.float().clamp(low, high)


def sample_uniform(n, seed, varying=CLOSE_UP_FACTORS):
    """(n, F) float32: each factor named in `varying` uniform over its range, the others PLAIN.

    A factor's values depend on the seed and its row alone: fewer varying factors, or fewer faces,
    leave those that stay as they were.
    """
    _check_n(n)
    if unknown := sorted(set(varying) - set(FACTORS)):
        raise ValueError(f"unknown factor {unknown[0]!r}: choose from {', '.join(FACTORS)}")
    low, high = _bounds()
    draws = torch.rand(n, len(FACTORS), generator=torch.Generator().manual_seed(seed))
    table = torch.tensor([PLAIN.get(name, 0.0) for name in FACTORS]).repeat(n, 1)
    for i in (COLUMN[name] for name in varying):
        table[:, i] = torch.lerp(low[i], high[i], draws[:, i])
    return table


def scaled(factors, names=None):
    """Columns of a table of factors (n, F), each moved from its range to [-1, 1]: (n, len(names)),
    or all where names is None. Factors of one scale are what a reader learns best."""
    low, high = _bounds()
    columns = [COLUMN[name] for name in names or FACTORS]
    return ((2 * factors - low - high) / (high - low))[:, columns]


def _check_n(n):
    if n <= 0:
        raise ValueError(f"n is {n}: ask for at least one face")


def _bounds():
    table = torch.tensor([(low, high) for low, high, _ in FACTORS.values()], dtype=torch.float32)
    return table[:, 0], table[:, 1]


def _sample_person(f, spare):
    """In place: uniform draws become a plausible person."""
    male = (spare[0] < 0.42).double()
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


def checked(factors):
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


def attributes(factors):
    """CelebA's names as 0/1, uint8 (n, 15), columns in the order of ATTRIBUTES."""
    f = dict(zip(FACTORS, checked(factors).T, strict=True))
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


def sweep(factors, name, steps=9):
    """Each face (n, F) repeated with one factor swept from low to high: (n * steps, F)."""
    if name not in FACTORS:
        raise ValueError(f"unknown factor {name!r}: choose one of {', '.join(FACTORS)}")
    low, high, _ = FACTORS[name]
    table = factors.repeat_interleave(steps, 0)
    table[:, COLUMN[name]] = torch.linspace(low, high, steps).repeat(len(factors))
    return table
