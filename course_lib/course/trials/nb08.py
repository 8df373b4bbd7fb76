"""Notebook 08, the hierarchical VAE."""

import math

import torch

from course_lib.course.trials.nets import filled, integers, normal, uniform
from course_lib.models import hvae


def q8_1(rng, residual, group_kl):
    mu_p, logvar_p, d_mu, d_logvar = 2 * normal(rng, 4, 3, 2, 2, 5)
    flat = 2 * normal(rng, 4, 6, 7)
    extreme = torch.tensor([40.0, -40.0])[integers(rng, 2, 6, 7)]
    far, near_it = (extreme / 2).exp() * normal(rng, 6, 7), extreme + normal(rng, 6, 7)

    def for_nothing():
        """1 and what no residual costs: rounding is then no mistake."""
        posterior = residual(mu_p, logvar_p, 0 * d_mu, 0 * d_logvar)
        return 1 + group_kl(*posterior, mu_p, logvar_p)

    return {
        "residual": lambda: residual(mu_p, logvar_p, d_mu, d_logvar),
        "group_kl": lambda: group_kl(*flat),
        "group_kl of maps": lambda: group_kl(d_mu, d_logvar, mu_p, logvar_p),
        "group_kl of very wide and narrow ones": lambda: group_kl(far, near_it, 0 * far, extreme),
        "no residual costs nothing": for_nothing,
    }


def q8_2(rng, bits_per_dimension, epochs_to):
    nats = (100 * uniform(rng, 3)).tolist()
    falling = (1 + uniform(rng, 8)).sort(descending=True).values.tolist()
    winding = [9.0, 6.0, 6.0, 7.0 + float(uniform(rng, 1)), 4.0, 8.0, 4.0, 1.0]
    goals = [9.5, 9.0, 8.0, 6.0, 5.0, 4.0, 2.5, 1.0]  # at once, on a plateau, behind a hill, ...
    shapes = [(3, 4, 4), (1, 28, 28), (2, 5, 7)]
    return {
        "bits_per_dimension": lambda: [*map(bits_per_dimension, nats, shapes)],
        "epochs_to": lambda: [epochs_to(winding, goal) for goal in goals],
        "epochs_to of one that falls": lambda: [
            epochs_to(falling, (a + b) / 2) for a, b in zip(falling, falling[1:], strict=False)
        ],
        "a goal that is never reached": lambda: [
            math.isnan(epochs_to(values, 0.5)) for values in ([1.0], falling, winding)
        ],
    }


def ladder(rng, simple):
    """A small model, awake on every scale, whose pixels lie around 0.5, some of them outside of
    [0, 1]; and noise for its groups."""
    size = dict(sides=(2, 4, 8), width=(6, 5, 4), groups=(1, 2, 3), z_dim=2, sigma=0.05)
    model = hvae.HVAE((3, 32, 32), **size, simple=simple)
    filled(model, int(integers(rng, 2**31, 1)))
    last = model.head[-1].conv
    last.weight.data *= 0.3
    last.bias.data.fill_(0.5)
    blocks = [block for scale in model.scales for block in scale if isinstance(block, hvae.Group)]
    sides = [model.sides[scale] for scale in model.scale_of_group]
    return model, [normal(rng, 3, s, s, b.z_dim) for s, b in zip(sides, blocks, strict=True)]


def q8_3(rng, draw):
    model, noise = ladder(rng, simple=False)
    simple, less = ladder(rng, simple=True)
    mixed = [[1.0, 0.0, 0.0], [0.0, 0.7, 0.0], (1.5 * uniform(rng, 3)).tolist()]
    some = lambda pixels: pixels[:, :, ::3, ::3]  # so that less is handed in
    return {
        "every heat at 1": lambda: some(draw(model, noise, [1.0, 1.0, 1.0])),
        "every heat at 0": lambda: some(draw(model, noise, [0.0, 0.0, 0.0])),
        "a heat for each scale": lambda: [some(draw(model, noise, heat)) for heat in mixed],
        "the simple model": lambda: [some(draw(simple, less, heat)) for heat in mixed],
    }


def q8_4(rng, paired_ratio):
    first, second = (20 * (0.3 * normal(rng, 2, 5)).exp()).tolist()
    part = lambda n: lambda: paired_ratio(first[:n], second[:n])
    return {"of three pairs": part(3), "of five pairs": part(5)}


def q8_5(rng, redrawn, shares):
    scales, shapes = [0, 0, 1, 2, 2], [(2, 1), (2, 1), (3, 2), (4, 1), (4, 2)]
    zs, fresh = ([normal(rng, 3, *shape) for shape in shapes] for _ in range(2))
    changes, of_another = normal(rng, 3, 8, 4), 1 + normal(rng, 8, 4)

    def mixed(level):
        made = redrawn([z.clone() for z in zs], [z.clone() for z in fresh], level, scales)
        return torch.cat([z.reshape(3, -1) for z in made], 1)

    return {
        "redrawn": lambda: [mixed(level) for level in (0, 1, 2)],
        "shares": lambda: shares(changes, of_another),
    }
