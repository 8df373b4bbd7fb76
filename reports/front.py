"""The pictures of the front page, made of results: python reports/front.py (make front).

docs/pictures/front.png: what shipped models generate, a row each, nothing picked by hand.
docs/pictures/01.png ...: a part of a figure that a notebook kept, scaled down.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from course_lib.atomic import replacing, write_bytes
from course_lib.course import figures
from course_lib.models import gan, iwae, vae
from course_lib.paths import weights_root
from course_lib.training import records

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
SIZE = (240, 120)
# notebook: (figure, the part of it that is shown: left, upper, width in pixels)
PARTS = {
    "01": ("quick/figures/q1-1-random", 0, 0, 480),
    "02": ("quick/figures/q2-4-32", 0, 0, 480),
    "03": ("quick/figures/q3-4-grid", 0, 0, 480),
    "04": ("full/figures/q4-7-grid", 468, 16, 440),
    "05": ("quick/figures/q5-3-32", 0, 0, 480),
    "06": ("quick/figures/q6-3-pairs", 66, 0, 500),
    "07": ("quick/figures/q7-2-digits", 0, 0, 480),
    "08": ("quick/figures/q8-3-copies", 98, 0, 360),
    "09": ("quick/figures/q9-1-hard", 120, 0, 360),
}


def main():
    for number, (name, left, upper, width) in PARTS.items():
        path = ROOT / "reports" / name
        found = [path.with_suffix(kind) for kind in (".webp", ".png")]
        if not any(file.exists() for file in found):
            print(f"front: {path} is missing; make its report first", file=sys.stderr)
            return 1
        picture = Image.open(next(file for file in found if file.exists())).convert("RGB")
        height = min(width * SIZE[1] // SIZE[0], picture.height - upper)
        part = picture.crop((left, upper, min(left + width, picture.width), upper + height))
        save(part.resize(SIZE, Image.LANCZOS), PICTURES / f"{number}.png")
    torch.manual_seed(5)
    z = torch.randn(14, 128)
    with torch.no_grad():
        rows = [faces("celeba", 128, 32), generated(z), generated(arc(*z[:2])), digits()]
    figure = figures.image_grid(torch.cat(rows), 14, scale=0.75)
    write_bytes(PICTURES / "front.png", figures.png(figure))
    return 0


def save(picture, path):
    with replacing(path) as place:
        picture.quantize(256).save(place, "PNG", optimize=True)


def shipped(recipe, net, fits):
    """`net` with the weights of the first shipped run of this recipe whose record `fits`."""
    for path in sorted(weights_root().glob(f"models.{recipe}-*.json")):
        record, states = records.read((path, path.with_suffix(".safetensors")))
        if fits(record):
            state = states.get("average", states.get("model")).items()
            net.load_state_dict(
                {k.removeprefix("module."): v for k, v in state if k != "n_averaged"}
            )
            return net.eval()
    raise FileNotFoundError(f"weights/ holds no run of {recipe} that the front page can show")


def portraits(data, z_dim, width):
    """The VAE of notebook 02 on this set, at the source's sigma, first seed."""

    def fits(record):
        settings = record["about"]["settings"]
        sigma = settings["sigma"] or 0.0
        ours = settings["seed"] == 0 and settings["z_dim"] == z_dim and 0.27 < sigma < 0.28
        return ours and record["inputs"][0].startswith(data)

    return shipped("vae.recipe", vae.VAE(z_dim, width), fits)


def faces(data, z_dim, width):
    """Fourteen new faces from the prior."""
    torch.manual_seed(2)
    return portraits(data, z_dim, width).decode(torch.randn(14, z_dim))


def generated(z):
    """Faces by the GAN of notebook 05, (N, 3, 64, 64)."""
    net = shipped("gan.recipe", gan.Generator(128, 0, 40, 64), lambda record: True)
    return net(z, z[:, :0])


def arc(first, last):
    """Fourteen steps from one vector of random numbers to another, all about equally long."""
    angle = torch.acos(F.cosine_similarity(first, last, dim=0))
    share = torch.linspace(0, 1, 14)[:, None]
    return (((1 - share) * angle).sin() * first + (share * angle).sin() * last) / angle.sin()


def digits():
    """Wanted digits, 0 to 9 and on, by the larger CVAE of notebook 03."""
    torch.manual_seed(1)
    labelled = lambda record: record["inputs"][1].endswith("one_hot")
    net = shipped("iwae.recipe", iwae.wide(10), labelled)
    pictures = net.generate(F.one_hot(torch.arange(14) % 10, 10).float())
    return F.interpolate(pictures.view(14, 1, 28, 28), size=64).expand(-1, 3, -1, -1)


if __name__ == "__main__":
    sys.exit(main())
