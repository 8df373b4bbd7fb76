"""Contenders in turn, and the ratio of two of them with an interval.

All contenders work in one process, A B C A B C ..., so that a machine that slows down slows all of
them. A ratio is taken within each round; the median of the rounds is reported.
"""

import time
from statistics import median
from typing import NamedTuple

import torch
from scipy.stats import quantile_test

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ROUNDS = 9


class Ratio(NamedTuple):
    """A median of rounds, and the interval that holds the true median with 95 % confidence."""

    median: float
    low: float
    high: float


def in_turn(contenders, rounds=ROUNDS, clock=time.perf_counter):
    """{name: seconds of every round} of {name: function}, after one round that is not counted."""
    seconds = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, work in contenders.items():
            begun = clock()
            work()
            if DEVICE.type == "cuda":
                torch.cuda.synchronize()
            if i > 0:
                seconds[name].append(clock() - begun)
    return seconds


def times_as_quick(ours, other):
    """How many times as quick the first contender is, a Ratio; both as `in_turn` gives them."""
    return middle([b / a for a, b in zip(ours, other, strict=True)])


def middle(values):
    """The Ratio of some rounds' values. From six rounds on its interval is that of the order
    statistics; fewer give the lowest and the highest."""
    if len(values) < 6:
        return Ratio(median(values), min(values), max(values))
    interval = quantile_test(values, p=0.5).confidence_interval(0.95)
    return Ratio(median(values), interval.low, interval.high)
