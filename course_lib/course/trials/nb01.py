"""Notebook 01, the autoencoder."""

import torch
from torch import nn

from course_lib.course.trials.nets import Plain, Variational, filled, integers, normal, shapes
from course_lib.course.trials.nets import uniform as pictures


def q1_1(rng, fitted, halfway):
    # Directions that are far from parallel: else rounding alone moves the root by a thousandth.
    codes = normal(rng, 40, 6) @ (3 * torch.eye(6) + 0.5 * normal(rng, 6, 6)) + normal(rng, 6)
    eps = normal(rng, 9, 6)
    return {"fitted": lambda: fitted(codes, eps), "halfway": lambda: halfway(codes)}


def q1_2(rng, wide):
    sizes = [(7, 3, (1, 4, 4)), (20, 5, (3, 8, 8)), (6, 11, (3, 16, 8))]
    x = [pictures(rng, 5, *shape) for _, _, shape in sizes]
    seed = int(integers(rng, 2**31, 1))

    def source():
        with torch.device("meta"):
            return sum(p.numel() for p in wide(4096, 2048, (3, 64, 64)).parameters())

    def outputs():
        nets = [filled(wide(*size), seed) for size in sizes]
        return [(net.encode(p), net(p)) for net, p in zip(nets, x, strict=True)]

    return {
        "parameters": lambda: [shapes(wide(*size)) for size in sizes],
        "outputs": outputs,
        "the source's size": source,
    }


def q1_3(rng, blend, edit):
    z, noise = normal(rng, 6, 5), normal(rng, 5)
    element, factor = int(integers(rng, 5, 1)), float(2 + normal(rng, 1))
    given = z.clone()
    return {
        "blend": lambda: [blend(z, noise, a) for a in (0.0, 0.3, 0.8)],
        "edit": lambda: (edit(given, element, factor), given),
    }


def q1_4(rng, rows):
    net, x, noise = Plain(rng, (3, 4, 4), 6), pictures(rng, 5, 3, 4, 4), normal(rng, 6)
    element = int(integers(rng, 6, 1))
    return {"rows": lambda: rows(net, x, noise, element)}


def q1_5(rng, left):
    several = pictures(rng, 4, 7, 3, 5, 5) * pictures(rng, 4, 1, 1, 1, 1)
    return {"left": lambda: left(several)}


def q1_6(rng, score):
    x = pictures(rng, 8, 3, 4, 4)
    nets: list[nn.Module] = [Plain(rng, (3, 4, 4), 6), Variational(rng, (3, 4, 4), 6)]
    return {"score": lambda: score(nets[0], x), "score of a VAE": lambda: score(nets[1], x)}
