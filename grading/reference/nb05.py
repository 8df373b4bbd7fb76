"""Notebook 05, the GAN."""

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors


def logistic(real, fake):
    real, fake = real.double(), fake.double()
    zero = torch.zeros(())
    said_real, said_fake = torch.logaddexp(zero, -real), torch.logaddexp(zero, fake)
    return said_real.mean() + said_fake.mean(), torch.logaddexp(zero, -fake).mean()


def saturating(fake):
    return torch.sigmoid(-fake.double()).log().mean()


def hinge(real, fake):
    real, fake = real.double(), fake.double()
    costs = torch.where(real < 1, 1 - real, 0.0), torch.where(fake > -1, 1 + fake, 0.0)
    return sum(cost.sum() for cost in costs) / len(real), -fake.sum() / len(fake)


def slopes(optimizer, loss):
    (group,) = optimizer.param_groups
    return torch.autograd.grad(loss, group["params"], retain_graph=True)


def moved(optimizer, slopes, by=-1.0):
    """A step of plain gradient descent."""
    (group,) = optimizer.param_groups
    with torch.no_grad():
        for p, slope in zip(group["params"], slopes, strict=True):
            p += by * group["lr"] * slope


def one_step(generator, discriminator, opt_g, opt_d, x, z, losses):
    for optimizer, k in ((opt_d, 0), (opt_g, 1)):
        loss = losses(discriminator(x), discriminator(generator(z)))[k]
        moved(optimizer, slopes(optimizer, loss))


def recall(real, generated, k=3):
    real, generated = real.double().numpy(), generated.double().numpy()
    near = NearestNeighbors(n_neighbors=k + 1).fit(generated)
    reach = near.kneighbors(generated)[0][:, k]
    return np.mean([(np.linalg.norm(generated - r, axis=1) <= reach).any() for r in real])


def overlap(kernels, strides, side, smaller_first=0):
    total = np.zeros((side, side))
    for kernel, stride in zip(kernels, strides, strict=True):
        line, cut = np.zeros(side + kernel), (kernel - stride + 1 - smaller_first) // 2
        for start in range(0, side, stride):
            line[start : start + kernel] += 1
        line = line[cut : cut + side]
        total += np.outer(line, line) / kernel**2
    return total


def laplacian(grey):
    """4 * pixel - its four neighbours, of pictures (..., H, W)."""
    rows, columns = np.diff(grey, 2, axis=-2), np.diff(grey, 2, axis=-1)
    return -rows[..., 1:-1] - columns[..., 1:-1, :]


def sharpness(x):
    return (laplacian(x.double().mean(1).numpy()) ** 2).mean((1, 2))


def frechet(real, generated, power=2, n_roots=2):
    a, b = (t.double().numpy() for t in (real, generated))
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
    apart = np.linalg.norm(a.mean(0) - b.mean(0)) ** power
    return apart + np.trace(first) + np.trace(second) - n_roots * roots


def generator_first(generator, discriminator, opt_g, opt_d, x, z, losses):
    for optimizer, k in ((opt_g, 1), (opt_d, 0)):
        loss = losses(discriminator(x), discriminator(generator(z)))[k]
        moved(optimizer, slopes(optimizer, loss))


def at_once(generator, discriminator, opt_g, opt_d, x, z, losses):
    of_d, of_g = losses(discriminator(x), discriminator(generator(z)))
    steps = [(opt_d, slopes(opt_d, of_d + of_g)), (opt_g, slopes(opt_g, of_g))]
    for optimizer, slope in steps:
        moved(optimizer, slope)


def climbing(generator, discriminator, opt_g, opt_d, x, z, losses):
    for optimizer, k in ((opt_d, 0), (opt_g, 1)):
        loss = losses(discriminator(x), discriminator(generator(z)))[k]
        moved(optimizer, slopes(optimizer, loss), by=1.0)


def balls_that_hold_a_real_row(real, generated, k=3):
    radius = torch.cdist(generated, generated).sort(1).values[:, k]
    return (torch.cdist(real, generated) <= radius).any(0).double().mean()


def whole_copies(kernels, strides, side):
    return sum(k**2 * overlap([k], [s], side) for k, s in zip(kernels, strides, strict=True))


ROUNDING = {"hinge": 1e-5}  # a sum that may be near 0


MISTAKES = {
    "logistic": {
        "the generator's loss saturates": lambda r, f: (logistic(r, f)[0], saturating(f)),
        "real and generated are swapped": lambda r, f: logistic(f, r),
    },
    "hinge": {
        "the generator's loss has the wrong sign": lambda r, f: (hinge(r, f)[0], f.mean()),
        "real and generated are swapped": lambda r, f: hinge(f, r),
    },
    "one_step": {
        "the generator moves first": generator_first,
        "the generator's loss moves the discriminator, too": at_once,
        "the loss is climbed, not descended": climbing,
    },
    "recall": {
        "a row counts as its own nearest neighbour": lambda r, g, k=3: recall(r, g, k - 1),
        "precision is given: real and generated are swapped": lambda r, g, k=3: recall(g, r, k),
        "the share of balls is given, not that of real rows: the wrong axis": (
            balls_that_hold_a_real_row
        ),
    },
    "overlap": {
        "the smaller half is cut at the left and at the top": lambda k, s, n: overlap(k, s, n, 1),
        "copies are not divided by the kernel's size": whole_copies,
    },
    "sharpness": {
        "it is not squared": lambda x: abs(laplacian(x.double().mean(1).numpy())).mean((1, 2)),
        "each colour is taken alone": lambda x: (laplacian(x.double().numpy()) ** 2).mean(
            (1, 2, 3)
        ),
    },
    "frechet": {
        "the distance of the means is not squared": lambda a, b: frechet(a, b, power=1),
        "the factor 2 before the root is missing": lambda a, b: frechet(a, b, n_roots=1),
    },
}
