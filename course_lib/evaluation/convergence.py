"""When has a training converged, and how do two compare?  From histories, a row an epoch, of a
loss on held-out pictures that falls while the rate stays as it is."""

import pandas as pd

from course_lib.evaluation import stats


def last_gain(history, column, epochs=10):
    """By which share the best value of the column fell in the last `epochs` epochs; near 0 the
    training has converged. ValueError for a history that is not longer than that."""
    values = history[column].to_numpy()
    if len(values) <= epochs:
        raise ValueError(f"{len(values)} epochs cannot say what the last {epochs} brought")
    return float(1 - values.min() / values[:-epochs].min())


def epochs_to_plateau(history, column, within=0.01):
    """Epochs until the column is within this share of its own best value."""
    return stats.epochs_to(history, column, (1 + within) * history[column].min())


def duel(first, second, column, within=0.01):
    """Two trainings of one seed, side by side: {name: number}.

    first, second: their epochs to their own plateaus; ratio: first / second. "to its value": the
    epochs that the first needs to the second's plateau, the value within the same share of the
    second's best; NaN where it never gets there. ahead: by how much lower the first ends.
    """
    own = [epochs_to_plateau(history, column, within) for history in (first, second)]
    goal = (1 + within) * second[column].min()
    return {
        "first": own[0],
        "second": own[1],
        "ratio": own[0] / own[1],
        "to its value": stats.epochs_to(first, column, goal),
        "ahead": float(second[column].min() - first[column].min()),
    }


def duels(pairs, column, within=0.01):
    """A DataFrame with a row for each of {seed: (first, second)}: `seed`, and what `duel` says."""
    rows = [{"seed": seed} | duel(*pair, column, within) for seed, pair in pairs.items()]
    return pd.DataFrame(rows)
