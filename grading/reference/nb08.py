"""Notebook 08, the hierarchical VAE."""

import copy
import math

import numpy as np
import torch
from scipy.stats import gmean, ttest_1samp

from grading.reference import nb02


def residual(mu_p, logvar_p, d_mu, d_logvar):
    """The posterior as a prior moved by d_mu and made wider by the factor exp(d_logvar / 2)."""
    wider = (d_logvar.double() / 2).exp() * (logvar_p.double() / 2).exp()
    return mu_p.double() + d_mu.double(), 2 * wider.log()


def group_kl(mu, logvar, mu_p, logvar_p):
    return nb02.kl(*(t.flatten(1) for t in (mu, logvar, mu_p, logvar_p)))


def bits_per_dimension(nats, shape):
    return nats * math.log2(math.e) / np.prod(shape)


def epochs_to(values, goal):
    reached = np.flatnonzero(np.asarray(values) <= goal)
    if not len(reached):
        return math.nan
    i = int(reached[0])
    between = [values[i], values[max(0, i - 1)]]  # np.interp wants them rising
    return 1.0 if i == 0 else float(np.interp(goal, between, [i + 1.0, i]))


@torch.no_grad()
def draw(model, noise, heat):
    """Group by group by the library's own top-down pass: it tells each prior from the codes above
    it, and what stands for those below plays no part."""
    zs = [torch.zeros_like(eps) for eps in noise]
    for i, (eps, scale) in enumerate(zip(noise, model.scale_of_group, strict=True)):
        prior = model.top_down(given=zs)[1][i]
        zs[i] = prior.mu_p + heat[scale] * (prior.logvar_p / 2).exp() * eps
    return model.generate(given=zs)


def paired_ratio(first, second):
    ratios = np.divide(first, second)
    interval = ttest_1samp(np.log(ratios), 0).confidence_interval(0.95)
    return gmean(ratios), math.exp(interval.low), math.exp(interval.high)


def redrawn(zs, fresh, level, scale_of_group):
    return [(fresh if s == level else zs)[g] for g, s in enumerate(scale_of_group)]


def shares(changes, of_another):
    another = np.linalg.norm(of_another.double().numpy(), axis=0)
    return [(np.linalg.norm(level.double().numpy(), axis=0) / another) ** 2 for level in changes]


def last_time(values, goal):
    """The epochs until the values are at the goal or below for good."""
    above = [i for i, value in enumerate(values) if value > goal]
    return epochs_to(values[above[-1] :], goal) + above[-1] if above else 1.0


def by_group(model, noise, heat):
    """The first groups, not the scales, have a heat each; the others have the last one."""
    other = copy.copy(model)
    other.scale_of_group = [min(i, 2) for i in range(len(noise))]
    return draw(other, noise, heat)


def with_t(factor, ddof=1):
    """A paired ratio with another factor than Student's, or another spread."""

    def of(first, second):
        logs = np.log(np.divide(first, second))
        t = factor or {3: 4.303, 5: 2.776}[len(logs)]
        half = t * logs.std(ddof=ddof) / math.sqrt(len(logs))
        return [math.exp(logs.mean() + shift) for shift in (0, -half, half)]

    return of


def of_ratios(first, second):
    middle, low, high = paired_ratio(first, second)
    return np.mean(np.divide(first, second)), low, high


MISTAKES = {
    "residual": {
        "the posterior forgets its prior": lambda mu, s, d_mu, d_s: (d_mu, d_s),
        "log-variances are multiplied, not added": lambda mu, s, d_mu, d_s: (mu + d_mu, s * d_s),
    },
    "group_kl": {
        "q and p are exchanged": lambda mu, s, mu_p, s_p: group_kl(mu_p, s_p, mu, s),
        "logvar is taken for log sigma: a variance for a deviation": lambda mu, s, mu_p, s_p: (
            group_kl(mu, 2 * s, mu_p, 2 * s_p)
        ),
        "the sum over dimensions is a mean": lambda *given: group_kl(*given) / given[0][0].numel(),
        "the prior is taken for N(0, 1)": lambda mu, s, mu_p, s_p: group_kl(
            mu, s, 0 * mu_p, 0 * s_p
        ),
    },
    "bits_per_dimension": {
        "nats are given, not bits": lambda nats, shape: nats / np.prod(shape),
        "it is not divided by the number of values": lambda nats, shape: nats / math.log(2),
        "log 2 is a factor, and should be below": lambda nats, shape: (
            nats * math.log(2) / np.prod(shape)
        ),
    },
    "epochs_to": {
        "epochs are counted from 0": lambda values, goal: epochs_to(values, goal) - 1,
        "the last time counts, not the first": last_time,
        "whole epochs are given: the straight line is missing": lambda values, goal: math.ceil(
            epochs_to(values, goal)
        ),
        "the line begins at the best value so far, not at that of the epoch before": (
            lambda values, goal: epochs_to(np.minimum.accumulate(values).tolist(), goal)
        ),
    },
    "draw": {
        "the fine scale comes first": lambda model, noise, heat: draw(model, noise, heat[::-1]),
        "every group takes the heat of its number, not of its scale": by_group,
        "the heat multiplies variances": lambda model, noise, heat: draw(
            model, noise, [h**0.5 for h in heat]
        ),
        "every scale stays at 1": lambda model, noise, heat: draw(model, noise, [1.0] * 3),
    },
    "paired_ratio": {
        "the mean is of the ratios, not of their logarithms": of_ratios,
        "the spread is divided by N, not by N - 1": with_t(None, ddof=0),
        "the factor is that of a normal distribution": with_t(1.96),
        "first and second are swapped": lambda a, b: paired_ratio(b, a),
        "low and high are swapped": lambda a, b: [paired_ratio(a, b)[i] for i in (0, 2, 1)],
        "logarithms are given": lambda a, b: np.log(paired_ratio(a, b)),
    },
    "redrawn": {
        "the level is held and the rest is drawn": lambda zs, fresh, level, scales: redrawn(
            fresh, zs, level, scales
        ),
        "a group is taken for a level": lambda zs, fresh, level, scales: redrawn(
            zs, fresh, level, range(len(zs))
        ),
        "everything below is drawn, too": lambda zs, fresh, level, scales: redrawn(
            zs, fresh, True, [s >= level for s in scales]
        ),
    },
    "shares": {
        "ratios are averaged over the faces": lambda c, a: (c / a).double().square().mean(1),
        "mean absolute changes are taken": lambda c, a: c.abs().mean(1) / a.abs().mean(0),
        "variances are taken, not mean squares": lambda c, a: c.var(1) / a.var(0),
        "the faces are averaged before the square": lambda c, a: (c.mean(1) / a.mean(0)).square(),
        "the mean of the other face is over all factors": lambda c, a: (
            c.square().mean(1) / a.square().mean()
        ),
    },
}
