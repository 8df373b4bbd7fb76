"""Who controls what: a level of a hierarchical model sampled anew, all others held, and the change
read off the picture by a judge that took no part in training.

A level is a list of groups, by number. `model` has encode(x), a list of latents, one a group, and
generate(given=..., temperature=...), as hvae.HVAE.
"""

import numpy as np
import torch


def groups_by_scale(model):
    """{"2x2": [0, 1, ...], ...}: the groups on each scale of an HVAE, from the top down."""
    return {
        f"{side}x{side}": [g for g, scale in enumerate(model.scale_of_group) if scale == i]
        for i, side in enumerate(model.sides)
    }


@torch.no_grad()
def resample(model, zs, level, temperature=1.0):
    """Pictures (B, C, H, W) with the groups of `level` sampled from the prior, the others held."""
    given = [None if group in level else z for group, z in enumerate(zs)]
    return model.generate(len(zs[0]), given=given, temperature=temperature)


def swap(model, zs, others, level):
    """The pictures behind `zs`, with the groups of `level` taken from those behind `others`."""
    pairs = enumerate(zip(zs, others, strict=True))
    with torch.no_grad():
        return model.generate(given=[other if group in level else z for group, (z, other) in pairs])


@torch.no_grad()
def traverse(model, zs, group, at, by):
    """The pictures behind `zs` with one number of a group moved: at = (row, column, channel)."""
    z = zs[group].clone()
    z[:, *at] += by
    return model.generate(given=[*zs[:group], z, *zs[group + 1 :]])


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
def swap_effects(model, x, other, levels):
    """What each level's codes carry of the difference between x and `other`, pictures that differ
    in one thing only: {level: (N,)}, and (N, 3) for `kept_difference`.

    The level's codes, posterior means, are taken from `other`; the change of the reconstruction is
    projected on the one that all codes together make. That one with itself is the row "another", so
    that `shares` and `dominant_level` read the table. "posterior" is a sample of x's own codes:
    about 0 (in the mean it is, where the decoder is linear), a check.
    """
    zs, others = model.encode(x, temperature=0.0), model.encode(other, temperature=0.0)
    before = model.generate(given=zs)
    after = {"posterior": model.generate(given=model.encode(x))}
    after |= {name: swap(model, zs, others, level) for name, level in levels.items()}
    after["another"] = model.generate(given=others)
    change, difference = after["another"] - before, other - x
    effects = {name: _dot(y - before, change).cpu().numpy() for name, y in after.items()}
    products = ((change, difference), (change, change), (difference, difference))
    sums = torch.stack([_dot(a, b) for a, b in products], 1)
    return effects, sums.cpu().numpy()


def kept_difference(sums):
    """Of `swap_effects`'s second table: what reconstructions keep of the true difference (1 all of
    it, 0 nothing), and the cosine between theirs and the true one."""
    product, change, difference = sums.sum(0)
    return product / difference, product / np.sqrt(change * difference).clip(1e-12)


def _dot(a, b):
    return (a * b).flatten(1).sum(1)


def shares(effects, n_resamples=1000, seed=0):
    """What each level moves, as a share of what another picture moves: (L, F) each of the estimate
    and the ends of its 95 % interval, pictures resampled together.

    effects: of `resampling_effects`; rows in its order, "another" left out. Shares need not sum to
    1: levels act together, and what is held may fix a factor that two levels could move.
    """
    ratio = _resampled(effects, n_resamples, seed)
    means = np.stack([table.mean(0) for table in effects.values()])
    return means[:-1] / means[-1:].clip(1e-12), *np.quantile(ratio, [0.025, 0.975], axis=0)


def dominant_level(effects, names, columns, n_resamples=1000, seed=0):
    """The level among `names` that moves these factors most, if it leads the second and the row
    "posterior" in 97.5 % of resamples of the pictures (the same for all levels), else None."""
    rows = [list(effects).index(name) for name in (*names, "posterior")]
    ratio = _resampled(effects, n_resamples, seed)[:, rows][:, :, columns].mean(2)  # (R, L + 1)
    best = np.argmax(ratio[:, :-1].mean(0))
    others = np.delete(ratio, best, 1)
    leads = (np.quantile(ratio[:, [best]] - others, 0.025, axis=0) > 0).all()
    return names[best] if leads else None


def _resampled(effects, n_resamples, seed):
    """Shares of `another` under resampled pictures, (n_resamples, L, F)."""
    table = np.stack(list(effects.values()))  # (L + 1, N, F), "another" last
    n = table.shape[1]
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples) / n
    means = np.einsum("rn,lnf->rlf", weights, table, optimize=True)
    return means[:, :-1] / means[:, -1:].clip(1e-12)
