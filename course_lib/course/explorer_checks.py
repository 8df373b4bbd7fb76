"""What an explorer refuses when it is made: one line that names it and says what to do."""

import torch

from course_lib.course import ranges as of_ranges
from course_lib.course import results

ROUNDING = 1 / 510  # half a level of 8 bits: what a pixel may lie outside [0, 1]
GRID = {"columns", "rows", "heads", "title", "scale"}  # what figures.image_grid takes


def call(function, name, alt, view, about, x, y):
    if name is None:
        if alt or view:
            raise ValueError(
                f"explore({function.__name__}): give it a name too, as in name='q2-7-latents'"
            )
        return
    try:
        results.question_of(name)
    except ValueError as error:
        raise ValueError(f"explore: {error}") from None
    if not alt.strip():
        raise ValueError(f"explorer '{name}': alt is empty; say what its first picture shows")
    if view not in (None, "plane", "area", "map"):
        known = "'plane', 'area' and 'map'"
        raise ValueError(f"explorer '{name}': view is {view!r}; there are {known}")
    if view == "area" and of_ranges.AREA not in about:
        raise ValueError(f"explorer '{name}': view='area' asks for mask=(height, width)")
    for axis in (x, y) if view == "plane" else ():
        if about.get(axis, {}).get("kind") != "float":
            raise ValueError(
                f"explorer '{name}': an axis of the plane is {axis!r}; x and y name two ranges of "
                "floats"
            )


def pictures(made, function, name, grid):
    if name is None:
        raise ValueError(
            f"explore({function.__name__}): it returns no Figure; for pictures as a tensor give "
            "name='q2-7-latents' and alt='...'"
        )
    if not isinstance(made, torch.Tensor) or made.ndim != 4 or made.shape[1] not in (1, 3):
        kind = tuple(made.shape) if isinstance(made, torch.Tensor) else type(made).__name__
        raise ValueError(
            f"explorer '{name}': {function.__name__} returned {kind}; return pictures (N, C, H, W)"
            " with C 1 or 3"
        )
    low, high = made.min().item(), made.max().item()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # so that NaN is refused, too
        raise ValueError(
            f"explorer '{name}': pixels lie between {low:.3g} and {high:.3g}; return them in [0, 1]"
        )
    layout(len(made), name, grid)


def layout(n, name, grid):
    """The labels of figures.image_grid, counted before they are drawn."""
    if unknown := sorted(set(grid) - GRID):
        raise ValueError(
            f"explorer '{name}': grid knows no {', '.join(unknown)}, only {', '.join(sorted(GRID))}"
        )
    columns = grid.get("columns", 8)
    if not isinstance(columns, int) or columns < 1:
        raise ValueError(f"explorer '{name}': grid has {columns!r} columns; give a number from 1")
    columns = min(columns, n)
    for part, wanted in (("heads", columns), ("rows", -(-n // columns))):
        if grid.get(part) and len(grid[part]) != wanted:
            raise ValueError(
                f"explorer '{name}': {len(grid[part])} {part} for {n} pictures in {columns} "
                f"columns; give {wanted}"
            )
