"""Measurements: each returns plain numbers whose unit the docstring gives.

FID, KID, precision and recall live in the features of a judge (course_lib.judge), never in pixels.
"""

import warnings

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from course_lib import gaussian


def interval(statistic, *arrays, n_resamples=1000, seed=0, level=0.95):
    """Percentile bootstrap interval (low, high) of statistic(*arrays), rows resampled together."""
    rng = np.random.default_rng(seed)
    n = len(arrays[0])
    draws = [statistic(*(a[i] for a in arrays)) for i in rng.integers(0, n, (n_resamples, n))]
    return tuple(np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist())


def auc(anomalous, score, n_resamples=1000, seed=0):
    """ROC-AUC of a score that should be higher where anomalous is 1: (auc, low, high)."""
    anomalous, score = np.asarray(anomalous, bool), np.asarray(score)
    i = np.random.default_rng(seed).integers(0, len(score), (n_resamples, len(score)))
    odd, ranks = anomalous[i], rankdata(score[i], axis=1)  # all resamples at once
    n_odd = odd.sum(1)
    pairs = n_odd * (len(score) - n_odd)
    draws = ((ranks * odd).sum(1) - n_odd * (n_odd + 1) / 2) / pairs.clip(1)
    draws[pairs == 0] = 0.5  # a resample of one kind only says nothing
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    return float(roc_auc_score(anomalous, score)), low, high


def roc(anomalous, score):
    """False and true positive rates over all thresholds."""
    false_rate, true_rate, _ = roc_curve(np.asarray(anomalous), np.asarray(score))
    return false_rate, true_rate


# ---- pictures against pictures, in a judge's features -------------------------------------------


class _Given(nn.Module):
    """Features that were computed already, in the shape that torchmetrics asks for."""

    def __init__(self, n_features):
        super().__init__()
        self.num_features = n_features

    def forward(self, features):
        return features


def frechet(real, fake):
    """Frechet distance (the FID formula, Heusel et al. 2017) between two feature tables (N, F)."""
    fid = FrechetInceptionDistance(_Given(real.shape[1]))
    fid.set_dtype(torch.float64)
    fid.update(real.double().cpu(), real=True)
    fid.update(fake.double().cpu(), real=False)
    return float(fid.compute())


def kernel_distance(real, fake, seed=0):
    """KID (Binkowski et al. 2018), cubic kernel: mean and spread over 50 subsets of 200."""
    size = min(200, len(real), len(fake))
    with warnings.catch_warnings(action="ignore"):  # that it keeps all features is what we want
        kid = KernelInceptionDistance(_Given(real.shape[1]), subsets=50, subset_size=size)
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
    return _covered(real, fake, k), _covered(fake, real, k)


def _covered(manifold, points, k):
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
    return {"FID": frechet(real, fake), "KID": kid, "+-": spread, "precision": precision,
            "recall": recall}  # fmt: skip


def nearest_distance(real, points):
    """Euclidean distance from each point to the nearest real one, in feature units, (N,)."""
    found = NearestNeighbors(n_neighbors=1).fit(np.asarray(real.cpu()))
    return found.kneighbors(np.asarray(points.cpu()))[0][:, 0]


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
    repeats, all_of_it = phases.var(correction=0), fine.var(correction=0)
    return float(repeats / all_of_it.clamp(min=1e-12)), float(repeats.sqrt())


# ---- curves -------------------------------------------------------------------------------------


def lagged(cause, effect, lags, n_shifts=500, seed=0):
    """Correlation of cause[t] with effect[t + lag], and how often chance does as well.

    Chance: the cause turned round by a random number of steps, which keeps its own slow changes;
    p is two-sided, for the largest of all lags. Two series of one length -> (len(lags),), p.
    ValueError for series too short to be turned out of the lags' reach.
    """
    cause, effect = (np.asarray(s, float) for s in (cause, effect))
    rng, width = np.random.default_rng(seed), max(lags) - min(lags)
    if len(cause) < 2 * width + 2:
        raise ValueError(f"{len(cause)} steps are too few for lags {min(lags)} to {max(lags)}")
    found = _correlations(cause, effect, lags)
    far = rng.integers(width + 1, len(cause) - width, n_shifts)
    null = np.array([np.abs(_correlations(np.roll(cause, s), effect, lags)).max() for s in far])
    return found, float((1 + (null >= np.abs(found).max()).sum()) / (1 + n_shifts))


def _correlations(cause, effect, lags):
    n = len(cause)
    pairs = [(cause[max(0, -k) : n - max(0, k)], effect[max(0, k) : n + min(0, k)]) for k in lags]
    return np.array([_correlation(a, b) for a, b in pairs])


def _correlation(a, b):
    """0 where one of them never changes."""
    return np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else 0.0


# ---- latent spaces ------------------------------------------------------------------------------


def active_units(mu, threshold=0.01):
    """How many dimensions of mu (N, z_dim) have a variance above threshold (Burda et al. 2016)."""
    return int((mu.var(0) > threshold).sum())


def mutual_information(mu, logvar, seed=0, size=250):
    """I(x; z) of a table of Gaussian posteriors in nats, by their own mixture; at most log N.

    E[log q(z|x)] - E[log q(z)], q(z) the mean of the N posteriors (Hoffman & Johnson 2016).
    """
    noise = torch.randn(mu.shape, generator=torch.Generator().manual_seed(seed)).to(mu)
    z = mu + (0.5 * logvar).exp() * noise
    own = gaussian.log_prob(z, mu, logvar)
    mixture = torch.cat([_log_mixture(part, mu, logvar) for part in z.split(size)])
    return float((own - mixture).mean())


def _log_mixture(z, mu, logvar):
    """log of the mean density of the posteriors at each z; expanded squares save the memory."""
    w = (-logvar).exp()
    square = z.square() @ w.T - 2 * z @ (w * mu).T + (w * mu.square()).sum(1)
    log_q = -0.5 * (square + (gaussian.LOG_2PI + logvar).sum(1))
    return log_q.logsumexp(1) - np.log(len(mu))


def linear_probes(z_train, y_train, z_test, y_test, names):
    """ROC-AUC of a logistic regression from codes to each attribute: {name: auc}; 0.5 is chance.

    Attributes of which a split holds one value only are left out.
    """
    z_train, z_test = np.asarray(z_train.cpu()), np.asarray(z_test.cpu())
    found = {}
    for i, name in enumerate(names):
        y, y_held = (np.asarray(t[:, i].cpu()) for t in (y_train, y_test))
        if 0 < y.mean() < 1 and 0 < y_held.mean() < 1:
            probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(
                z_train, y
            )
            found[name] = float(roc_auc_score(y_held, probe.decision_function(z_test)))
    return found
