"""A network as a row of blocks: what goes in, the shape after each step, what comes out."""

import math

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

KINDS = {"data": "#e8e8e8", "encoder": "#bcd4ee", "code": "#f6d58e", "decoder": "#c9e6cf"}


def blocks(steps, title=""):
    """One box a step from left to right, its height growing with the size of what it hands on.

    steps: [(kind, what, shape)]: a kind of KINDS, what the step is called, and the shape that it
    hands on for one picture, (C, H, W) or (n,).
    """
    figure = Figure(figsize=(1.08 * len(steps) + 0.2, 2.7))
    axis = figure.add_axes((0, 0, 1, 0.9 if title else 1))
    sizes = [math.log(math.prod(shape) + 1) for _, _, shape in steps]
    for i, ((kind, what, shape), size) in enumerate(zip(steps, sizes, strict=True)):
        height = 0.3 + 1.1 * size / max(sizes)
        box = (i + 0.08, -height / 2), 0.76, height
        axis.add_patch(
            FancyBboxPatch(
                *box,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=KINDS[kind],
                edgecolor="#555",
            )
        )
        axis.text(i + 0.46, 0.06, what, ha="center", va="center", fontsize=8, wrap=True)
        axis.text(i + 0.46, -0.9, " × ".join(map(str, shape)), ha="center", va="top", fontsize=8)
        if i:
            axis.add_patch(
                FancyArrowPatch(
                    (i - 0.15, 0), (i + 0.07, 0), arrowstyle="-|>", mutation_scale=8, color="#555"
                )
            )
    axis.set(xlim=(0, len(steps)), ylim=(-1.2, 0.85))
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)
    return figure
