"""Intervals, paired ratios, ROC curves, lagged correlations and epochs to a value: plain numbers,
no model."""

import numpy as np
from scipy.stats import binomtest, rankdata
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score, roc_curve

N_GROUPS = 20  # of rows, each of which the jackknife leaves out once


def interval(statistic, *arrays, n_resamples=1000, seed=0, confidence=0.95):
    """Percentile bootstrap interval (low, high) of statistic(*arrays), rows resampled together."""
    rng = np.random.default_rng(seed)
    n = len(arrays[0])
    values = [statistic(*(a[i] for a in arrays)) for i in rng.integers(0, n, (n_resamples, n))]
    return tuple(np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist())


def share(hits):
    """(share, low, high) of True in hits (N,), with Wilson's 95 % interval (Wilson 1927): it is
    never empty, also where all or none are True."""
    hits = np.asarray(hits, bool)
    test = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95, method="wilson")
    return float(hits.mean()), float(test.low), float(test.high)


def jackknife(statistic, *arrays):
    """(value, low, high) of statistic(*arrays): its 95 % interval from leaving out one of 20 groups
    of rows after the other, in all arrays together (Efron & Stein 1981). Of a statistic of several
    numbers each of the three is an array.

    For distances and neighbours, where a bootstrap's copies of rows would count as near ones.
    """
    group = np.arange(len(arrays[0])) % N_GROUPS
    value = np.asarray(statistic(*arrays), float)[()]
    half = half_width([statistic(*(a[group != g] for a in arrays)) for g in range(N_GROUPS)])
    return value, value - half, value + half


def half_width(without):
    """Half the 95 % interval, from the values without one group each (Student's t)."""
    error = np.sqrt((len(without) - 1) * np.var(without, axis=0))
    return student.ppf(0.975, len(without) - 1) * error


def paired_ratio(a, b):
    """The geometric mean of a / b, positive numbers that belong together in pairs (N,), with its
    95 % interval: (ratio, low, high). Student's t on the logarithms; N is 2 at least."""
    ### BEGIN ANSWER 8.4
    logs = np.log(np.asarray(a, float) / np.asarray(b, float))
    half = student.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    return tuple(float(v) for v in np.exp(logs.mean() + np.array([0, -half, half])))
    ### END ANSWER


def auc(anomalous, score, n_resamples=1000, seed=0):
    """ROC-AUC of a score that should be higher where anomalous is 1: (auc, low, high)."""
    anomalous, score = np.asarray(anomalous, bool), np.asarray(score)
    i = np.random.default_rng(seed).integers(0, len(score), (n_resamples, len(score)))
    positive, ranks = anomalous[i], rankdata(score[i], axis=1)  # all resamples at once
    n_positive = positive.sum(1)
    n_pairs = n_positive * (len(score) - n_positive)
    aucs = ((ranks * positive).sum(1) - n_positive * (n_positive + 1) / 2) / n_pairs.clip(1)
    aucs[n_pairs == 0] = 0.5  # a resample of one kind only says nothing
    low, high = np.quantile(aucs, [0.025, 0.975]).tolist()
    return float(roc_auc_score(anomalous, score)), low, high


def roc(anomalous, score):
    """False and true positive rates over all thresholds."""
    false_rate, true_rate, _ = roc_curve(np.asarray(anomalous), np.asarray(score))
    return false_rate, true_rate


def lagged(cause, effect, lags, n_shifts=500, seed=0):
    """Correlation of cause[t] with effect[t + lag], and how often chance does as well.

    Chance: the cause turned round by a random number of steps, which keeps its own slow changes;
    p is two-sided, for the largest of all lags. Two series of one length -> (len(lags),), p.
    ValueError for series too short to be turned out of the lags' reach.
    """
    cause, effect = (np.asarray(s, float) for s in (cause, effect))
    rng, width = np.random.default_rng(seed), max(lags) - min(lags)
    if len(cause) < 2 * width + 2:
        raise ValueError(f"{len(cause)} steps are too few for lags {min(lags)} to {max(lags)}")
    observed = _correlations(cause, effect, lags)
    shifts = rng.integers(width + 1, len(cause) - width, n_shifts)
    null = np.array([np.abs(_correlations(np.roll(cause, s), effect, lags)).max() for s in shifts])
    return observed, float((1 + (null >= np.abs(observed).max()).sum()) / (1 + n_shifts))


def _correlations(cause, effect, lags):
    n = len(cause)
    pairs = [(cause[max(0, -k) : n - max(0, k)], effect[max(0, k) : n + min(0, k)]) for k in lags]
    return np.array([_correlation(a, b) for a, b in pairs])


def _correlation(a, b):
    """0 where one of them never changes."""
    return np.corrcoef(a, b)[0, 1] if a.std() > 0 and b.std() > 0 else 0.0


def epochs_to(history, column, value):
    """Epochs until a column first reaches `value` or less, between epochs by a straight line; NaN
    when it never does. Before the first epoch's end nothing is known: 1 at least."""
    ### BEGIN ANSWER 8.2
    y = history[column].to_numpy()
    reached = np.flatnonzero(y <= value)
    if not len(reached):
        return float("nan")
    i = int(reached[0])
    if i == 0:
        return float(history["epoch"].iloc[0])
    fraction = (y[i - 1] - value) / (y[i - 1] - y[i])
    return float(history["epoch"].iloc[i - 1] + fraction)
    ### END ANSWER
