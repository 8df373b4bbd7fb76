"""Who controls what: a level of a hierarchical model sampled anew, all others held, and the change
read off the picture by a judge that took no part in training.

A level is a list of groups, by number. `model` has encode(x), a list of latents, one a group, and
generate(given=..., temperature=...), as hvae.HVAE.
"""

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.models import gaussian


def groups_by_scale(model):
    """{"2x2": [0, 1, ...], ...}: the groups on each scale of an HVAE, from the top down."""
    return {
        f"{side}x{side}": [g for g, scale in enumerate(model.scale_of_group) if scale == i]
        for i, side in enumerate(model.sides)
    }


def with_everything_below(levels):
    """The same levels, of `groups_by_scale`, each with the groups of all scales finer than it."""
    groups = list(levels.values())
    return {name: sum(groups[i:], []) for i, name in enumerate(levels)}


@torch.no_grad()
def resample(model, zs, level, temperature=1.0):
    """Pictures (B, C, H, W) with the groups of `level` sampled from the prior, the others held."""
    ### BEGIN ANSWER 8.5
    given = [None if group in level else z for group, z in enumerate(zs)]
    return model.generate(len(zs[0]), given=given, temperature=temperature)
    ### END ANSWER


def swap(model, zs, others, level):
    """The pictures behind `zs`, with the groups of `level` taken from those behind `others`."""
    ### BEGIN ANSWER 8.5
    pairs = enumerate(zip(zs, others, strict=True))
    with torch.no_grad():
        return model.generate(given=[other if group in level else z for group, (z, other) in pairs])
    ### END ANSWER


@torch.no_grad()
def resampling_effects(model, read, x, levels, size=250):
    """{level: (N, F)}: squared change of what `read(pictures)`, (B, F), says, against the same
    picture's reconstruction, when each level is sampled anew from the prior.

    x: floats in [0, 1]. levels: {name: groups}. Three rows more frame them: "posterior", all groups
    sampled again from the picture's own posterior; "all", all of them from the prior; and
    "another", the reconstruction of another picture in place of this one. ValueError for a single
    picture.
    """
    if len(x) < 2:
        raise ValueError("one picture has no other to be compared with")
    changes = {name: [] for name in ("posterior", *levels, "all", "another")}
    for part in x.tensor_split(-(-len(x) // size)):  # even parts: none of a single picture
        zs = model.encode(part)
        before = read(model.generate(given=zs))
        after = {name: read(resample(model, zs, groups)) for name, groups in levels.items()}
        after["posterior"] = read(model.generate(given=model.encode(part)))
        after["all"], after["another"] = read(model.generate(len(part))), before.roll(1, 0)
        for name, readings in after.items():
            changes[name].append((readings - before).square())
    return {name: torch.cat(parts).cpu().numpy() for name, parts in changes.items()}


@torch.no_grad()
def carried(model, read, x, other, levels):
    """How far a level's codes carry a picture towards another one: {level: (N, F)}, the change of
    what `read(pictures)` says against x's copy when the codes of that level are taken from `other`.

    x, other: pictures (N, C, H, W) in [0, 1], best two that differ in one thing only. Codes are
    posterior means. The row "all": all codes from the other.
    """
    zs, others = (model.encode(p, temperature=0.0) for p in (x, other))
    after = {name: swap(model, zs, others, groups) for name, groups in levels.items()}
    after["all"] = model.generate(given=others)
    before = read(model.generate(given=zs))
    return {name: (read(p) - before).cpu().numpy() for name, p in after.items()}


def draw_shares(model, read, x, levels):
    """`shares` of the levels alone, (L, F): each drawn anew for pictures x in [0, 1]."""
    effects = resampling_effects(model, read, x, levels)
    return shares(effects)[1 : 1 + len(levels)]  # after the row "posterior"


def swap_shares(model, read, pairs, levels):
    """The share of a difference that each level's codes carry, (L, len(pairs)).

    pairs: {factor: (x, other)}, factor a column of what `read` says, and pictures in [0, 1] that
    differ in it. 1: the level carries all of what all codes together carry.
    """
    columns = []
    for factor, (x, other) in pairs.items():
        moved = carried(model, read, x, other, levels)
        means = [table[:, factor].mean() for table in moved.values()]
        columns.append(np.array(means[:-1]) / means[-1])
    return np.stack(columns, 1)


@torch.no_grad()
def moves(model, x, zs, k=5):
    """For each group the k numbers that hold most nats over the pictures x, as directions in which
    its codes may be moved: (N, k, side, side, z_dim), each one standard deviation of the prior.

    zs: codes of N pictures, on which the priors depend.
    """
    held = [gaussian.kl_per_dim(*sample[1:]).mean(0) for sample in model(x)[1]]
    priors = [(0.5 * sample.logvar_p).exp() for sample in model.top_down(given=zs)[1]]
    directions = []
    for kl, sd in zip(held, priors, strict=True):
        best = F.one_hot(kl.flatten().topk(k).indices, kl.numel()).to(sd)
        directions.append(sd[:, None] * best.view(k, *kl.shape))
    return directions


def shares(effects):
    """What each level moves, as a share of what another picture moves, (L, F).

    effects: of `resampling_effects`; rows in its order, "another" left out. Shares need not sum to
    1: levels act together, and what is held may fix a factor that two levels could move.
    """
    ### BEGIN ANSWER 8.5
    means = np.stack([table.mean(0) for table in effects.values()])
    return means[:-1] / means[-1:].clip(1e-12)
    ### END ANSWER
