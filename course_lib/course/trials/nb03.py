"""Notebook 03, the conditional VAE."""

from itertools import combinations

import torch

from course_lib.course.trials.nets import filled, integers, normal, shapes, uniform

CORNERS = ("upper left", "upper right", "lower left", "lower right")


def bits(rng, *shape):
    return torch.bernoulli(uniform(rng, *shape), generator=rng)


def q3_1(rng, bound_terms):
    x, logits = bits(rng, 5, 1, 6, 6), 8 * normal(rng, 5, 1, 6, 6)
    q, p = ([normal(rng, 5, 3), normal(rng, 5, 3)] for _ in range(2))
    return {
        "the pixels": lambda: bound_terms(x, logits, q, p)[0],
        "the KL": lambda: bound_terms(x, logits, q, p)[1],
    }


def q3_2(rng, small):
    sizes, seed = [(7, 3), (0, 5), (10, 2)], int(integers(rng, 2**31, 1))
    inputs = [normal(rng, 4, n) for c, z in sizes for n in (784 + c, z + c)]

    def outputs():
        nets = [filled(net, seed) for size in sizes for net in small(*size)]
        return [0.001 * net(x)[:, :20] for net, x in zip(nets, inputs, strict=True)]

    return {
        "parameters": lambda: [shapes(net) for size in sizes for net in small(*size)],
        "outputs": outputs,
    }


def q3_3(rng, log_likelihood, entropy):
    far = torch.tensor([-1e4, 0.0, 1e4])[:, None]
    log_weights = far + 5 * normal(rng, 3, 64)
    p = uniform(rng, 6, 1, 4, 4)
    p[0], p[1], p[2] = 0.0, 1.0, 0.5
    return {
        "log_likelihood": lambda: [log_likelihood(row[None]) for row in log_weights],
        "entropy": lambda: [entropy(row[None]) for row in p],
    }


class Decoder:
    """decode(z, c) gives logits that depend on both; c has to be one-hot."""

    def __init__(self, rng, z_dim):
        self.of_z, self.of_c = normal(rng, z_dim, 784), normal(rng, 10, 784)

    def decode(self, z, c):
        return (z @ self.of_z + c @ self.of_c).view(-1, 1, 28, 28)


def q3_4(rng, draw):
    model, labels, z = Decoder(rng, 4), integers(rng, 10, 6), normal(rng, 6, 4)
    return {"draw": lambda: draw(model, labels, z)}


def q3_5(rng, from_table):
    log_px, y = -500 + 4 * normal(rng, 12, 10), integers(rng, 10, 12)
    names = ("mixture", "gain", "label")
    return {name: lambda i=i: from_table(log_px, y)[i] for i, name in enumerate(names)}


def q3_6(rng, quadrants, condition, missing_nll):
    given = [some for n in (1, 2, 3) for some in combinations(CORNERS, n)]
    x, logits = bits(rng, 4, 1, 28, 28), 8 * normal(rng, 4, 1, 28, 28)
    mask = bits(rng, 1, 1, 28, 28)
    return {
        "quadrants": lambda: torch.cat([quadrants(list(names)) for names in given]),
        "condition": lambda: condition(x, mask),
        "missing_nll": lambda: missing_nll(x, logits, mask),
    }
