"""Codes changed by hand, what that does to the picture, and which face a picture is nearest to.

`net` has encode and decode, as ae.Autoencoder and vae.VAE; pictures are floats in [0, 1].
"""

import numpy as np
import pandas as pd
import torch

from course_lib.data.batches import in_batches


def code(net, x):
    """The code of pictures x, (N, z_dim); of a VAE it is the mean of q(z|x)."""
    z = net.encode(x)
    return z[0] if isinstance(z, tuple) else z


# ---- codes, changed -----------------------------------------------------------------------------


def halfway(codes):
    """The point half way between each code and the one before it, (N, z_dim)."""
    ### BEGIN SOLUTION 1.1
    return (codes + codes.roll(1, 0)) / 2
    ### END SOLUTION


def blend(z, noise, a):
    """Codes z (N, z_dim) with a share a of one noise vector (z_dim,) that all of them share."""
    ### BEGIN ANSWER 1.3
    return (1 - a) * z + a * noise
    ### END ANSWER


def edit(z, element, factor):
    """Codes z (N, z_dim), one element multiplied by a factor; z itself stays as it was."""
    ### BEGIN ANSWER 1.3
    z = z.clone()
    z[:, element] *= factor
    return z
    ### END ANSWER


def swap(z, element):
    """Codes z (N, z_dim), each with one element of the code before it."""
    z = z.clone()
    z[:, element] = z[:, element].roll(1)
    return z


def principal(z):
    """The directions in which codes z (N, z_dim) vary most, a row each, (z_dim, z_dim), the first
    the most; each as long as the standard deviation of the codes along it."""
    values, vectors = torch.linalg.eigh(z.T.cov())
    return (vectors * values.clamp(min=0).sqrt()).T.flip(0)


# ---- what that does to pictures -----------------------------------------------------------------


@torch.no_grad()
def change(net, z, edited):
    """How far pictures move when codes z become `edited`: (N,) the root mean square change of a
    pixel, and (N,) the same per unit of length of the change of the code, NaN where that is 0."""
    length = (edited - z).norm(dim=1)
    moved = (net.decode(edited) - net.decode(z)).square().flatten(1).mean(1).sqrt()
    return moved, torch.where(length > 0, moved / length, torch.nan)


def compare(net, z, edited):
    """Ways to edit codes z, {name: codes}, as a table: a row a picture and way; columns: edit,
    change (of the picture, grey levels from 0 to 255), per unit (of length), length."""
    parts = []
    for name, codes in edited.items():
        moved, per_length = (255 * t.cpu() for t in change(net, z, codes))
        length = (codes - z).norm(dim=1).cpu()
        row = {"edit": name, "change": moved, "per unit": per_length, "length": length}
        parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True)


def strongest_element(net, z):
    """The element of codes z (N, z_dim) whose doubling changes the pictures most, on average."""
    means = [change(net, z, edit(z, k, 2.0))[0].mean() for k in range(z.shape[1])]
    return int(torch.stack(means).argmax())


@torch.no_grad()
def rows(net, x, noise, element):
    """Six rows of pictures, (6, N, C, H, W): x, rebuilt, with 20, 50 and 80 % noise in the code,
    and rebuilt with one element of the code doubled."""
    ### BEGIN SOLUTION 1.4
    z = code(net, x)
    codes = [z, *(blend(z, noise, a) for a in (0.2, 0.5, 0.8)), edit(z, element, 2.0)]
    return torch.stack([x, *(net.decode(c) for c in codes)])
    ### END SOLUTION


def left(pictures):
    """Of pictures (A, N, C, H, W), N people under A conditions: the mean squared distance between
    different people as a share of that under the first condition, (A,)."""
    ### BEGIN ANSWER 1.5
    spread = pictures.flatten(2).var(1).sum(1)  # half the mean over all pairs of different people
    return spread / spread[0]
    ### END ANSWER


def left_interval(pictures, n_resamples=1000, seed=0):
    """The 95 % bootstrap interval of `left` over people: low and high, (A,) each."""
    squares = torch.stack([_squares(p.flatten(1)) for p in pictures])
    rng, n = np.random.default_rng(seed), squares.shape[1]
    times = torch.from_numpy(rng.multinomial(n, [1 / n] * n, n_resamples)).to(squares)  # chosen
    sums = torch.einsum("ri,aij,rj->ra", times, squares, times)
    shares = (sums / sums[:, :1]).cpu()
    low, high = shares.quantile(torch.tensor([0.025, 0.975]), dim=0)
    return low, high


def _squares(points):
    """Squared distances between all pairs of points, exact where two are nearly equal."""
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(points, points, compute_mode=mode).square()


# ---- whose face ---------------------------------------------------------------------------------


@torch.no_grad()
def nearest(points, x):
    """The nearest of the uint8 pictures x to each of the pictures `points` (N, C, H, W): the root
    mean square distance of a pixel, (N,), and its place in x, (N,)."""
    flat = points.flatten(1)
    distances = in_batches(lambda part: torch.cdist(part.flatten(1), flat), x)  # (len(x), N)
    distance, place = distances.min(0)
    return distance / flat.shape[1] ** 0.5, place


def distance_to(pictures, face):
    """Root mean square distance of a pixel from pictures (N, C, H, W) to one face, (N,)."""
    return (pictures - face).square().flatten(1).mean(1).sqrt()
