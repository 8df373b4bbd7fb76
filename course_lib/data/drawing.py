"""A digit drawn by hand, brought to the form of MNIST's."""

import torch
import torch.nn.functional as F

SIDE, BOX = 28, 20  # pixels: of a picture of MNIST, and of the box that its digit fills


def centred(drawn):
    """A drawing (1, 1, 28, 28) of 0 and 1 as MNIST has its digits: soft edges, the longer side 20
    pixels, the centre of mass in the middle (yann.lecun.com/exdb/mnist). Nothing drawn: all 0.
    """
    ink = drawn[0, 0]
    mass = ink.sum().clamp(min=1)
    at = torch.arange(SIDE, dtype=ink.dtype, device=ink.device)
    scale = torch.maximum(_extent(ink.amax(0), at), _extent(ink.amax(1), at)) / BOX
    x, y = (((ink.sum(dim) * at).sum() / mass * 2 + 1) / SIDE - 1 for dim in (0, 1))
    zero = torch.zeros_like(scale)
    where = torch.stack([scale, zero, x, zero, scale, y]).view(1, 2, 3)
    grid = F.affine_grid(where, drawn.shape, align_corners=False)
    moved = F.grid_sample(drawn, grid, align_corners=False)
    return F.avg_pool2d(moved, 3, 1, 1).clamp(0, 1)


def _extent(used, at):
    """From the first to the last place that is used, both included; 1 at least."""
    first = torch.where(used > 0, at, float(SIDE)).amin(0)
    last = torch.where(used > 0, at, -1.0).amax(0)
    return (last - first + 1).clamp(min=1)
