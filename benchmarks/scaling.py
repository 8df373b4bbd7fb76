"""make scaling: docs/pictures/scaling.svg, pictures a second as one thing grows a hundredfold.

Of a VAE: the batch, the width, and the number of pictures in a memory-mapped set, which is written
to a temporary folder first (160 MB). One thread, processor time: under a minute.
"""

import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import torch
from matplotlib.figure import Figure

from course_lib.atomic import replacing
from course_lib.course.figures import COLOURS
from course_lib.models import cvae, vae
from course_lib.training.loop import set_training

OUT = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "scaling.svg"
GROWTH = (1, 3, 10, 30, 100)
STEPS, ROUNDS = 3, 3


def main():
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        panels = {
            "pictures in a batch": (by_batch, 8, "convolutional VAE, 64x64"),
            "channels of the first layer (batch 16)": (by_width, 2, "convolutional VAE, 64x64"),
            "pictures in the set (batch 100)": (partial(by_set, Path(folder)), 2000, "VAE, 28x28"),
        }
        figure = Figure(figsize=(9.6, 2.9), layout="constrained")
        axes = figure.subplots(1, 3)
        for axis, (label, (make, least, title)) in zip(axes, panels.items(), strict=True):
            sizes = [least * times for times in GROWTH]
            draw(axis, sizes, [speed(*make(size)) for size in sizes], label, title)
    figure.supylabel("pictures a second", fontsize=9)
    with replacing(OUT) as place:
        figure.savefig(place, format="svg", metadata={"Date": None})


def by_batch(size):
    return vae.recipe(black(size), batch=size)


def by_width(width):
    return vae.recipe(black(16), batch=16, width=width)


def by_set(folder, n):
    """A set of n digits' size on the disk, of random bytes, opened as a prepared set is."""
    path = folder / f"{n}.npy"
    x = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 1, 28, 28))
    for part in np.array_split(x, max(1, n // 10_000)):
        part[:] = np.random.default_rng(0).integers(256, size=part.shape, dtype=np.uint8)
    x.flush()
    mapped = torch.from_numpy(np.load(path, mmap_mode="c"))
    return cvae.recipe(mapped, torch.zeros(n, 0))


def black(n):
    return torch.zeros(n, 3, 64, 64, dtype=torch.uint8)


def speed(step, batches):
    """Pictures a second of the first steps of an epoch, its order drawn as well; the median."""
    set_training(step, True)
    steps, rates = min(STEPS * 10, len(batches)), []
    for epoch in range(ROUNDS + 1):
        begun = time.process_time()
        for batch in islice(batches.epoch(epoch), steps):
            step(*batch)
        rates.append(steps * batches.size / (time.process_time() - begun))
    return median(rates[1:])


def draw(axis, sizes, speeds, label, title):
    points = (f"{a:,}: {b:,.0f}" for a, b in zip(sizes, speeds, strict=True))
    print(f"{title}, {label}: {', '.join(points)}")
    axis.loglog(sizes, speeds, "o-", color=COLOURS[0])
    axis.set_xlabel(label, fontsize=8)
    axis.set_title(title, fontsize=9)
    axis.set_ylim(max(speeds) / 300, max(speeds) * 3)  # the same decades in every panel
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=8)


if __name__ == "__main__":
    main()
