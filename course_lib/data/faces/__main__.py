"""A contact sheet of rendered faces, written as a picture file."""

import argparse
import sys

import torch
from PIL import Image

from course_lib.data.faces.factors import FACTORS, sample_factors, sample_uniform, sweep
from course_lib.data.faces.render import FAMILIES, FRAMINGS, outliers, render

COMMAND = "python -m course_lib.data.faces"
SAMPLE = {"portrait": sample_factors, "close-up": sample_uniform}


def sheet(images, columns):
    """One picture, (rows * size, columns * size, 3), of uint8 images (n, 3, size, size)."""
    n, _, size, _ = images.shape
    rows = -(-n // columns)
    places = torch.full((rows * columns, 3, size, size), 255, dtype=torch.uint8)
    places[:n] = images
    grid = places.unflatten(0, (rows, columns)).permute(0, 3, 1, 4, 2)
    return grid.reshape(rows * size, columns * size, 3)


def pictures(args):
    """What the options ask for: (images, columns of the sheet)."""
    columns = max(1, round(max(args.n, 1) ** 0.5))
    if args.family:
        return outliers(args.n, args.seed, args.family, args.size), columns
    factors = SAMPLE[args.framing](args.n, args.seed)
    if args.factor:
        factors, columns = sweep(factors, args.factor), 9
    return render(factors, args.size, args.framing), columns


def main(argv=None):
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    add = parser.add_argument
    add("--n", type=int, default=64, help="number of faces (rows with --factor); 64")
    add("--seed", type=int, default=0)
    add("--size", type=int, default=64, help="pixels a side of each picture; 64")
    framing = "portrait: people (default); close-up: a plain face in which ten factors vary"
    add("--framing", choices=FRAMINGS, default="portrait", help=framing)
    add("--factor", metavar="NAME", help="sweep it, low to high: " + ", ".join(FACTORS))
    add("--family", metavar="NAME", help="portraits that are no faces: " + ", ".join(FAMILIES))
    add("--out", required=True, help="picture file to write, such as sheet.png")
    args = parser.parse_args(argv)
    try:
        images, columns = pictures(args)
        Image.fromarray(sheet(images, columns).numpy()).save(args.out)
    except (ValueError, OSError) as problem:
        sys.exit(f"{COMMAND}: {problem}")
    print(f"{args.out}: {len(images)} pictures of {args.size} x {args.size}")


if __name__ == "__main__":
    main()
