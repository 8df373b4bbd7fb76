"""Generated pictures against real ones. Each function returns plain numbers; its docstring says in
which unit.

FID, KID, precision and recall live in the features of a judge (evaluation.judge), never in pixels;
sharpness, borders, spots and grids are measured in the pixels.
"""

import warnings

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance


class _KnownFeatures(nn.Module):
    """Features that were computed already, in the shape that torchmetrics asks for."""

    def __init__(self, n_features):
        super().__init__()
        self.num_features = n_features

    def forward(self, features):
        return features


def frechet(real, fake):
    """Frechet distance (the FID formula, Heusel et al. 2017) between two feature tables (N, F)."""
    fid = FrechetInceptionDistance(_KnownFeatures(real.shape[1]))
    fid.set_dtype(torch.float64)
    fid.update(real.double().cpu(), real=True)
    fid.update(fake.double().cpu(), real=False)
    return float(fid.compute())


def kernel_distance(real, fake, seed=0):
    """KID (Binkowski et al. 2018), cubic kernel: mean and spread over 50 subsets of 200."""
    size = min(200, len(real), len(fake))
    with warnings.catch_warnings(action="ignore"):  # that it keeps all features is what we want
        kid = KernelInceptionDistance(_KnownFeatures(real.shape[1]), subsets=50, subset_size=size)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        kid.update(real.float().cpu(), real=True)
        kid.update(fake.float().cpu(), real=False)
        return tuple(float(t) for t in kid.compute())


def precision_recall(real, fake, k=3):
    """Share of fakes inside the real manifold, and of reals inside the fake one, each in [0, 1].

    A manifold is the union of balls that reach to each point's k-th neighbour (Kynkaanniemi et al.
    2019). Compare only values from equal numbers of pictures.
    """
    real, fake = np.asarray(real.cpu()), np.asarray(fake.cpu())
    return _share_inside(real, fake, k), _share_inside(fake, real, k)


def _share_inside(manifold, points, k):
    radius = NearestNeighbors(n_neighbors=k + 1).fit(manifold).kneighbors(manifold)[0][:, k]
    inside = np.zeros(len(points), bool)
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // 500)):
        squares = (points[part, None] - manifold[None]) ** 2
        inside[part] = (np.sqrt(squares.sum(2)) <= radius).any(1)
    return float(inside.mean())


def quality(real, fake):
    """What a table of generators says of one: {FID, KID, +- (its spread), precision, recall}.

    real, fake: features (N, F). All depend on N: compare only equal numbers of pictures.
    """
    kid, spread = kernel_distance(real, fake)
    precision, recall = precision_recall(real, fake)
    return {
        "FID": frechet(real, fake),
        "KID": kid,
        "+-": spread,
        "precision": precision,
        "recall": recall,
    }


def nearest_distance(real, points):
    """Euclidean distance from each point to the nearest real one, in feature units, (N,)."""
    neighbours = NearestNeighbors(n_neighbors=1).fit(np.asarray(real.cpu()))
    return neighbours.kneighbors(np.asarray(points.cpu()))[0][:, 0]


def sharpness(x):
    """Mean squared Laplacian of the grey picture, pixels in [0, 1], (N,): blur makes it small."""
    grey = x.mean(1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return torch.nn.functional.conv2d(grey, kernel).square().flatten(1).mean(1)


def border(x, width=2):
    """Mean brightness of the outer `width` pixels less that of the rest, each picture, (N,)."""
    grey = x.mean(1)
    inner = grey[:, width:-width, width:-width]
    n_outer = grey[0].numel() - inner[0].numel()
    rim = (grey.sum((1, 2)) - inner.sum((1, 2))) / n_outer
    return rim - inner.mean((1, 2))


def spots(x, size=4):
    """How much the block of `size` pixels that stands out most is brighter than the eight around
    it: at the rim and inside, (N,) each, on the scale of x. Whole blocks leave out a finer grid.

    Beyond the border the picture goes on as it ends, so a block at an edge is among its own eight.
    """
    blocks = nn.functional.avg_pool2d(x.mean(1, keepdim=True), size)
    padded = nn.functional.pad(blocks, (1, 1, 1, 1), mode="replicate")
    around = (9 * nn.functional.avg_pool2d(padded, 3, 1) - blocks) / 8
    inside, rim = (blocks - around)[:, 0, 1:-1, 1:-1], (blocks - around)[:, 0]
    rim[:, 1:-1, 1:-1] = -torch.inf
    return rim.flatten(1).amax(1), inside.flatten(1).amax(1)


def grid(x, period=4, margin=4):
    """What of the fine grain of the mean grey picture repeats every `period` pixels: its share,
    [0, 1], and its root mean square, on the scale of x.

    Fine grain: what differs from the mean over 5x5. Faces have none that repeats; a transposed
    convolution's pattern repeats with its stride. The outer `margin` pixels are left out.
    """
    mean = x.mean((0, 1))[None, None].double()
    fine = mean - nn.functional.avg_pool2d(mean, 5, 1, 2, count_include_pad=False)
    fine = fine[0, 0, margin:-margin, margin:-margin]
    phases = fine.unfold(0, period, period).unfold(1, period, period).mean((0, 1))
    periodic, total = phases.var(correction=0), fine.var(correction=0)
    return float(periodic / total.clamp(min=1e-12)), float(periodic.sqrt())
