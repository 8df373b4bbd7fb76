"""Who controls what: a level of a hierarchical model drawn anew, all others held, and the change
read off the picture by a judge that took no part in training.

A level is a list of groups, by number. `model` has encode(x), a list of latents, one a group, and
generate(given=..., temperature=...), as hvae.HVAE.
"""

import numpy as np
import torch


def groups_by_scale(model):
    """{"2x2": [0, 1, ...], ...}: the groups on each scale of an HVAE, from the top down."""
    names = [f"{side}x{side}" for side in model.sides]
    return {
        name: [group for group, level in enumerate(model.scale_of_group) if level == i]
        for i, name in enumerate(names)
    }


@torch.no_grad()
def resample(model, zs, level, temperature=1.0):
    """Pictures (B, C, H, W) with the groups of `level` drawn from the prior, the others held."""
    given = [None if group in level else z for group, z in enumerate(zs)]
    return model.generate(len(zs[0]), given=given, temperature=temperature)


def swap(model, zs, others, level):
    """The pictures behind `zs`, with the groups of `level` taken from those behind `others`."""
    pairs = enumerate(zip(zs, others, strict=True))
    with torch.no_grad():
        return model.generate(given=[b if group in level else a for group, (a, b) in pairs])


@torch.no_grad()
def traverse(model, zs, group, at, by):
    """The pictures behind `zs` with one number of a group moved: at = (row, column, channel)."""
    z = zs[group].clone()
    z[:, *at] += by
    return model.generate(given=[*zs[:group], z, *zs[group + 1 :]])


@torch.no_grad()
def resampling_effects(model, read, x, levels, size=250):
    """{level: (N, F)}: squared change of what `read(pictures)`, (B, F), says, against the same
    picture's reconstruction, when each level is drawn anew from the prior.

    x: floats in [0, 1]. levels: {name: groups}. Three rows more frame them: "posterior", all groups
    drawn again from the picture's own posterior; "all", all of them from the prior; and "another",
    the reconstruction of another picture in place of this one. ValueError for a single picture.
    """
    if len(x) < 2:
        raise ValueError("one picture has no other to be compared with")
    found = {name: [] for name in ("posterior", *levels, "all", "another")}
    for part in x.tensor_split(-(-len(x) // size)):  # even parts: none of a single picture
        zs = model.encode(part)
        before = read(model.generate(given=zs))
        after = {name: read(resample(model, zs, groups)) for name, groups in levels.items()}
        after["posterior"] = read(model.generate(given=model.encode(part)))
        after["all"], after["another"] = read(model.generate(len(part))), before.roll(1, 0)
        for name, said in after.items():
            found[name].append((said - before).square())
    return {name: torch.cat(parts).cpu().numpy() for name, parts in found.items()}


@torch.no_grad()
def swap_effects(model, x, other, levels):
    """What each level's codes carry of the difference between x and `other`, pictures that differ
    in one thing only: {level: (N,)}, and (N, 3) for `kept_difference`.

    The level's codes, posterior means, are taken from `other`; the change of the reconstruction is
    projected on the one that all codes together make. That one with itself is the row "another", so
    that `shares` and `dominant_level` read the table. "posterior" is a draw of x's own codes: about
    0 (in the mean it is, where the decoder is linear), a check.
    """
    zs, others = model.encode(x, temperature=0.0), model.encode(other, temperature=0.0)
    before = model.generate(given=zs)
    changed = {"posterior": model.generate(given=model.encode(x))}
    changed |= {name: swap(model, zs, others, level) for name, level in levels.items()}
    changed["another"] = model.generate(given=others)
    whole, true = changed["another"] - before, other - x
    found = {name: _dot(y - before, whole).cpu().numpy() for name, y in changed.items()}
    sums = torch.stack([_dot(whole, true), _dot(whole, whole), _dot(true, true)], 1)
    return found, sums.cpu().numpy()


def kept_difference(sums):
    """Of `swap_effects`'s second table: what reconstructions keep of the true difference (1 all of
    it, 0 nothing), and the cosine between theirs and the true one."""
    along, whole, true = sums.sum(0)
    return along / true, along / np.sqrt(whole * true).clip(1e-12)


def _dot(a, b):
    return (a * b).flatten(1).sum(1)


def shares(found, n_resamples=1000, seed=0):
    """What each level moves, as a share of what another picture moves: (L, F) each of the estimate
    and the ends of its 95 % interval, pictures resampled together.

    found: of `resampling_effects`; rows in its order, "another" left out. Shares need not sum to 1:
    levels act together, and what is held may fix a factor that two levels could move.
    """
    ratio = _resampled(found, n_resamples, seed)
    means = np.stack([table.mean(0) for table in found.values()])
    return means[:-1] / means[-1:].clip(1e-12), *np.quantile(ratio, [0.025, 0.975], axis=0)


def dominant_level(found, names, columns, n_resamples=1000, seed=0):
    """The level among `names` that moves these factors most, if it leads the second and the row
    "posterior" in 97.5 % of resamples of the pictures (the same for all levels), else None."""
    rows = [list(found).index(name) for name in (*names, "posterior")]
    draws = _resampled(found, n_resamples, seed)[:, rows][:, :, columns].mean(2)  # (R, L + 1)
    best, *_ = np.argsort(-draws[:, :-1].mean(0))
    others = np.delete(draws, best, 1)
    leads = (np.quantile(draws[:, [best]] - others, 0.025, axis=0) > 0).all()
    return names[best] if leads else None


def _resampled(found, n_resamples, seed):
    """Shares of `another` under resampled pictures, (n_resamples, L, F)."""
    table = np.stack(list(found.values()))  # (L + 1, N, F), "another" last
    n = table.shape[1]
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples) / n
    draws = np.einsum("rn,lnf->rlf", weights, table, optimize=True)
    return draws[:, :-1] / draws[:, -1:].clip(1e-12)
