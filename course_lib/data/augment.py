"""Random changes of pictures (B, C, S, S) in [0, 1]: one affine warp, and a shift by whole
pixels."""

import torch
import torch.nn.functional as F


def affine(x, turn, width, height, shear, right, down, padding="zeros"):
    """Each picture warped by its own map, (B, C, S, S); every argument is a tensor (B,).

    turn: radians. width, height: of the window that fills the picture, 1 changes nothing, above 1
    the picture shrinks. shear: how far a row moves per unit of height. right, down: on a scale on
    which the picture goes from -1 to 1. padding: "zeros" or "border", what lies beyond the edge.
    """
    row = torch.stack([width * turn.cos(), shear - height * turn.sin(), right], 1)
    column = torch.stack([width * turn.sin(), height * turn.cos(), down], 1)
    grid = F.affine_grid(torch.stack([row, column], 1), x.shape, align_corners=False)
    return F.grid_sample(x, grid, padding_mode=padding, align_corners=False)


def warp_gently(x):
    """Each picture turned by up to 10 degrees, and scaled, sheared and shifted a little."""
    turn, size, shear, right, down = torch.rand(5, len(x), device=x.device) * 2 - 1
    size = 1 + 0.1 * size
    return affine(x, 0.17 * turn, size, size, 0.15 * shear, right / 7, down / 7)


def warp_strongly(x):
    """Strokes thicker or thinner, turned by up to 25 degrees, scaled, sheared and shifted, each by
    chance: what changes here, no code can mean."""
    thick, turn, size, ratio, shear, right, down = torch.rand(7, len(x), device=x.device) * 2 - 1
    height = 1 + 0.2 * size
    width = height * (1 + 0.25 * ratio)
    x = thicken(x, thick[:, None, None, None])
    return affine(x, 0.44 * turn, width, height, 0.3 * shear, right / 4, down / 4, "border")


def thicken(x, amount):
    """Bright strokes wider by up to a pixel a side (amount 1) or thinner (-1), 0 leaves them."""
    dilated, eroded = F.max_pool2d(x, 3, 1, 1), -F.max_pool2d(-x, 3, 1, 1)
    return x + amount.relu() * (dilated - x) + 0.7 * (-amount).relu() * (eroded - x)


def shift(x, share=0.125):
    """Each picture moved by up to an eighth of its side, its edge repeated, (B, C, H, W)."""
    n, side = len(x), x.shape[-1]
    reach = int(share * side)
    dy, dx = torch.randint(-reach, reach + 1, (2, n, 1), device=x.device)
    at = torch.arange(side, device=x.device)
    rows, columns = (at + dy).clamp(0, side - 1), (at + dx).clamp(0, side - 1)
    which = torch.arange(n, device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def mirror(x):
    """Each picture mirrored left to right by chance, one in two, (B, C, H, W)."""
    turned = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(turned, x.flip(3), x)
