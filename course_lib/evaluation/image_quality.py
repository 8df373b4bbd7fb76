"""Generated pictures against real ones. Each function returns plain numbers; its docstring says in
which unit.

FID, KID, precision and recall live in the features of a judge (evaluation.judge), never in pixels;
the sliced distance, sharpness, borders, spots and grids are measured in the pixels. Which of them
sees what is shown in docs/metrics.md.
"""

import warnings

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors
from torch import nn

from course_lib.data.batches import pixels
from course_lib.evaluation import stats
from course_lib.evaluation.faces_found import share_found

PATCH = 7  # pixels a side, as Karras et al. 2018


class _KnownFeatures(nn.Module):
    """Features that were computed already, in the shape that torchmetrics asks for."""

    def __init__(self, n_features):
        super().__init__()
        self.num_features = n_features

    def forward(self, features):
        return features


def frechet(real, fake):
    """Frechet distance (the FID formula, Heusel et al. 2017) between two feature tables (N, F)."""
    ### BEGIN ANSWER 5.5
    real, fake = real.double().cpu(), fake.double().cpu()
    apart = (real.mean(0) - fake.mean(0)).square().sum()
    spread, other = real.T.cov(), fake.T.cov()
    # The trace of a root is the sum of the roots of the eigenvalues.
    root = torch.linalg.eigvals(spread @ other).sqrt().real.sum()
    return float(apart + spread.trace() + other.trace() - 2 * root)
    ### END ANSWER


def kernel_distance(real, fake, seed=0):
    """KID (Binkowski et al. 2018), cubic kernel: mean and spread over 50 subsets of 200."""
    from torchmetrics.image.kid import KernelInceptionDistance  # takes 5 s, few need it

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
    ### BEGIN ANSWER 5.3
    radius = NearestNeighbors(n_neighbors=k + 1).fit(manifold).kneighbors(manifold)[0][:, k]
    inside = np.zeros(len(points), bool)
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // 500)):
        inside[part] = (cdist(points[part], manifold) <= radius).any(1)
    return float(inside.mean())
    ### END ANSWER


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


def sliced_distance(real, fake, seed=0, n_patches=16, n_directions=64):
    """How far the patches of two sets lie apart, fine and coarse detail each: a dict of floats.

    Sliced Wasserstein distance (Rabin et al. 2011) between 7x7 patches of Laplacian pyramids
    (Karras et al. 2018): "distance" is the mean over the pyramid's levels, "low" and "high" its
    95 % interval by a jackknife over pictures, "at 64", "at 32" ... the level of that side.
    Unit: standard deviations of the real pixels of a level. Equal sets have 0; two samples of the
    same kind of pictures do not, so a table has a row of real against real as its floor.

    real, fake: equally many pictures (N, C, H, W), N at least 40, in [0, 1] or uint8.
    """
    if real.shape != fake.shape or len(real) < 2 * stats.N_GROUPS:
        raise ValueError(
            f"real is {tuple(real.shape)}, fake {tuple(fake.shape)}: give equally many pictures "
            f"of one size, at least {2 * stats.N_GROUPS} of each"
        )
    real, fake = (pixels(x.cpu()) if x.dtype == torch.uint8 else x.cpu() for x in (real, fake))
    generator = torch.Generator().manual_seed(seed)
    levels, without = {}, []  # without: the same distance with one group of pictures left out
    for a, b in zip(_pyramid(real), _pyramid(fake), strict=True):
        slices = _slices(a, b, n_patches, n_directions, generator)
        levels[f"at {a.shape[-1]}"], leaving_out = _wasserstein(*slices, n_patches)
        without.append(leaving_out)
    distance = float(np.mean(list(levels.values())))
    half = float(stats.half_width(np.mean(without, 0)))
    return {
        "distance": distance,
        "low": max(0.0, distance - half),
        "high": distance + half,
        **levels,
    }


def _pyramid(x):
    """Laplacian pyramid: what each halving of the side loses, and the rest of 8 to 15 pixels."""
    while x.shape[-1] >= 16:
        small = nn.functional.avg_pool2d(x, 2)
        size = x.shape[2:]
        yield x - nn.functional.interpolate(small, size, mode="bilinear", align_corners=False)
        x = small
    yield x


def _slices(real, fake, n_patches, n_directions, generator):
    """Patches of both levels on the same random lines: (n_directions, N * n_patches) each, scaled
    as the real level's channels have mean 0 and variance 1."""
    mean, std = real.mean((0, 2, 3), keepdim=True), real.std((0, 2, 3), keepdim=True)
    n, channels, height, width = real.shape
    rows = torch.randint(height - PATCH + 1, (n, n_patches), generator=generator)
    columns = torch.randint(width - PATCH + 1, (n, n_patches), generator=generator)
    lines = torch.randn(n_directions, channels * PATCH**2, generator=generator)
    lines = nn.functional.normalize(lines)
    for level in (real, fake):
        windows = ((level - mean) / (std + 1e-8)).unfold(2, PATCH, 1).unfold(3, PATCH, 1)
        patches = windows[torch.arange(n)[:, None], :, rows, columns]
        yield lines @ patches.reshape(n * n_patches, -1).T


def _wasserstein(real, fake, n_patches):
    """Mean distance of the sorted values, and the same without each group of pictures. Sorted
    values stay sorted when some are left out. By NumPy, which sorts and picks several times faster.
    """
    (real, i), (fake, j) = (_sorted(values.numpy(), n_patches) for values in (real, fake))
    without = [_mean_distance(real[i != g], fake[j != g]) for g in range(stats.N_GROUPS)]
    return _mean_distance(real, fake), without


def _sorted(values, n_patches):
    """Each row in order, and the group of pictures from which each of its values is."""
    order = values.argsort(1)
    group = np.arange(values.shape[1]) // n_patches % stats.N_GROUPS
    return np.take_along_axis(values, order, 1), group.astype(np.uint8)[order]


def _mean_distance(real, fake):
    return float(np.abs(real - fake).mean(dtype=np.float64))


def beside(real, fake, seed=0):
    """What stands beside every set of generated faces, as a row of a table, in pixels alone.

    The share of fakes in which a face is found and the sliced distance to equally many real
    pictures, each with its 95 % interval. real, fake: (N, C, H, W) in [0, 1] or uint8.
    """
    share, low, high = share_found(fake)
    faces = {"faces found": share, "found low": low, "found high": high}
    apart = sliced_distance(real, fake, seed)
    return faces | {
        "distance": apart["distance"],
        "distance low": apart["low"],
        "distance high": apart["high"],
    }


def sharpness(x):
    """Mean squared Laplacian of the grey picture, pixels in [0, 1], (N,): blur makes it small."""
    ### BEGIN ANSWER 5.5
    grey = x.mean(1, keepdim=True)
    kernel = grey.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return torch.nn.functional.conv2d(grey, kernel).square().flatten(1).mean(1)
    ### END ANSWER


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
