"""Notebook 06, the auxiliary-classifier GAN."""

import numpy as np
import torch
from torch import distributions as dist

from grading.reference import nb05


def reading(logits, c):
    by_label = dist.Bernoulli(logits=logits.double()).log_prob(c.double())
    return -by_label.sum() / len(c)


def discriminator_loss(real, fake, c, weight, read_fake=False):
    read = [real, fake] if read_fake else [real]
    duel = nb05.hinge(real.score, fake.score)[0]
    return duel + 0 * fake.c_logits.sum() + weight * sum(reading(r.c_logits, c) for r in read)


def generator_loss(fake, c, weight):
    return nb05.hinge(fake.score, fake.score)[1] + weight * reading(fake.c_logits, c)


def per_label(trace, weight, n_labels, window):
    columns = {"real": trace["read real"], "generated": trace["read fake"]}
    return {name: moving(list(v), window) / weight / n_labels for name, v in columns.items()}


def moving(values, window):
    return np.array([np.mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))])


def right(logits, c):
    said = torch.sigmoid(logits.double()).round()
    return 1 - (said - c.double()).abs().sum() / c.numel()


def switched(labels, i):
    column = torch.arange(labels.shape[1]) == i
    return tuple(torch.where(column, value, labels) for value in (0, 1))


def flips(before, after, i):
    pairs = list(zip(before.tolist(), after.tolist(), strict=True))
    follows = np.mean([b[i] == 0 and a[i] == 1 for b, a in pairs])
    rest = [k for k in range(before.shape[1]) if k != i]
    return follows, np.mean([b[k] != a[k] for b, a in pairs for k in rest])


def in_place(labels, i):
    off, on = switched(labels, i)
    labels.copy_(on)
    return off, on


ROUNDING = {"generator_loss": 1e-5}  # a sum that may be near 0


MISTAKES = {
    "reading": {
        "yes and no are swapped": lambda l, c: reading(l, 1 - c),
        "the sum over labels is a mean": lambda l, c: reading(l, c) / c.shape[1],
        "the mean over pictures is a sum": lambda l, c: reading(l, c) * len(c),
    },
    "discriminator_loss": {
        "generated pictures are read, too": lambda r, f, c, w, read_fake=False: discriminator_loss(
            r, f, c, w, True
        ),
        "the reading term has the wrong sign": lambda r, f, c, w, read_fake=False: (
            discriminator_loss(r, f, c, -w, read_fake)
        ),
        "the weight is missing": lambda r, f, c, w, read_fake=False: discriminator_loss(
            r, f, c, 1.0, read_fake
        ),
    },
    "generator_loss": {
        "the score has the wrong sign": lambda f, c, w: f.score.mean() + w * reading(f.c_logits, c),
        "the weight is missing": lambda f, c, w: generator_loss(f, c, 1.0),
    },
    "per_label": {
        "the running mean is missing": lambda t, w, n, window: per_label(t, w, n, 1),
        "the loss is multiplied by the weight": lambda t, w, n, window: {
            name: v * w * w for name, v in per_label(t, w, n, window).items()
        },
    },
    "right": {
        "yes and no are swapped": lambda l, c: 1 - right(l, c),
        "logits are taken for probabilities": lambda l, c: ((l > 0.5) == c.bool()).double().mean(),
        "a picture counts only if all its labels are right": lambda l, c: (
            ((l > 0) == c.bool()).all(1).double().mean()
        ),
    },
    "switched": {
        "the given labels are changed": in_place,
        "the two copies are swapped": lambda c, i: switched(c, i)[::-1],
    },
    "flips": {
        "a change from yes to no counts, too": lambda b, a, i: (
            (b != a)[:, i].double().mean(),
            flips(b, a, i)[1],
        ),
        "attribute i is counted among the others": lambda b, a, i: (
            flips(b, a, i)[0],
            (b != a).double().mean(),
        ),
    },
}
