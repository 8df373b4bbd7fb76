"""Who controls what: a level of a hierarchical model sampled anew, all others held, and the change
read off the picture by a judge that took no part in training.

A level is a list of groups, by number. `model` is an hvae.HVAE, or has what is called of it here.
"""

import numpy as np
import pandas as pd
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


def coded(model, x, temperature=1.0):
    """(codes of x, a tensor a group; the copies that they give), in one pass. temperature 0: the
    codes are posterior means."""
    parameters, samples = model.top_down(model.features(x), temperature=temperature)
    return [sample.z for sample in samples], model.mean(parameters)


@torch.no_grad()
def resampling_effects(model, read, x, levels, size=250):
    """{level: (N, F)}: squared change of what `read(pictures)`, (B, F), says, against the same
    picture's copy, when each level is sampled anew from the prior.

    x: floats in [0, 1]. levels: {name: groups}. One row more, "another": the copy of another
    picture in place of this one. ValueError for a single picture.
    """
    if len(x) < 2:
        raise ValueError("one picture has no other to be compared with")
    changes = {name: [] for name in (*levels, "another")}
    for part in x.tensor_split(-(-len(x) // size)):  # even parts: none of a single picture
        zs, copies = coded(model, part)
        before = read(copies)
        after = {name: read(resample(model, zs, groups)) for name, groups in levels.items()}
        after["another"] = before.roll(1, 0)
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
    (zs, copies), (others, their_copies) = (coded(model, p, temperature=0.0) for p in (x, other))
    after = {name: swap(model, zs, others, groups) for name, groups in levels.items()}
    after["all"] = their_copies
    before = read(copies)
    return {name: (read(p) - before).cpu().numpy() for name, p in after.items()}


def draw_shares(model, read, x, levels=None):
    """`shares` of the levels, (L, F): each drawn anew, alone, for pictures x in [0, 1]; the levels
    are the model's scales where none are given."""
    return shares(resampling_effects(model, read, x, levels or groups_by_scale(model)))


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


def three_ways(models, read, x, pairs):
    """What each scale controls, asked in three ways: {way: (models, scales, len(pairs))}.

    "drawn alone" and "with all below" are `draw_shares` for pictures x, "swapped" is `swap_shares`;
    pairs: as there, {column of `read`: (pictures, pictures)}; other columns are left out.
    """
    levels, columns = groups_by_scale(models[0]), list(pairs)
    below = with_everything_below(levels)
    drawn = lambda of: np.stack([draw_shares(m, read, x, of)[:, columns] for m in models])
    tables = {"drawn alone": drawn(levels), "with all below": drawn(below)}
    return tables | {"swapped": np.stack([swap_shares(m, read, pairs, levels) for m in models])}


def leading(tables, columns):
    """Which level leads in each column, of {way: shares (models, L, F)}: a DataFrame with a row
    for each of `columns` and a text for each way, "1 2 1", the level from 1 on in each model."""
    numbers = {way: table.argmax(1).T + 1 for way, table in tables.items()}
    texts = {way: [" ".join(map(str, row)) for row in rows] for way, rows in numbers.items()}
    return pd.DataFrame(texts, index=columns)


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
