"""What codes mean, as a judge who never saw the codes says of the pictures."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def information(codes, attributes):
    """I(code; attribute), bits, of codes (N,) and each 0/1 column of attributes (N, A) -> (A,).

    Plug-in, so a little too large: compare with shuffled codes.
    """
    ### BEGIN ANSWER 7.2
    one_hot = np.eye(max(codes) + 1)[codes] / len(codes)  # (N, K)
    joint = np.stack([one_hot.T @ attributes, one_hot.T @ (1 - attributes)])  # (2, K, A)
    independent = joint.sum(0, keepdims=True) * joint.sum(1, keepdims=True)
    ratio = np.divide(joint, independent, where=joint > 0, out=np.ones_like(joint))
    return (joint * np.log2(ratio)).sum((0, 1))
    ### END ANSWER


def eta_squared(codes, values):
    """Share of the variance of each column of values (N, F) that lies between the codes, (F,).

    Eta squared: 0 when all codes have one mean, 1 when the code fixes the value.
    """
    values = np.asarray(values, float)
    one_hot = np.eye(max(codes) + 1)[codes]  # (N, K)
    n = one_hot.sum(0)
    means = one_hot.T @ values / n.clip(1)[:, None]
    between = (n[:, None] * (means - values.mean(0)) ** 2).sum(0)
    within = ((values - values.mean(0)) ** 2).sum(0)
    return np.divide(between, within, where=within > 0, out=np.zeros_like(between))


def mean_shifts(codes, values):
    """Mean of each column of values (N, F) under each code less that over all pictures, (K, F);
    and the same in standard errors of a sample taken without regard to its code. The shift of a
    code that never occurs is 0."""
    values = np.asarray(values, float)
    one_hot = np.eye(max(codes) + 1)[codes]
    n = one_hot.sum(0)[:, None].clip(1)
    shift = one_hot.T @ (values - values.mean(0)) / n
    error = values.std(0, ddof=1) * np.sqrt(1 / n - 1 / len(values))
    return shift, np.divide(shift, error, where=error > 0, out=np.zeros_like(shift))


def agreement(first, second):
    """How alike the codes of two trainings are: the rows of first and second (K, F), what each code
    does to F factors, matched one to one as well as can be (Hungarian method); the mean correlation
    of a matched pair. 1: the same K meanings in another order."""
    of_both = np.corrcoef(first, second)[: len(first), len(first) :]
    return float(of_both[linear_sum_assignment(-of_both)].mean())


def permutation_test(codes, values, n_permutations=200, seed=0, statistic=information):
    """statistic(codes, values) for every column of values (N, F), and its p-value. (F,), (F,)

    The statistic: I(code; attribute) in bits of 0/1 columns, or `eta_squared` of any. p: how often
    shuffled codes reach as much, the observed one counted along.
    """
    ### BEGIN ANSWER 7.2
    rng = np.random.default_rng(seed)
    values = np.asarray(values, float)
    observed = statistic(codes, values)
    null = np.stack([statistic(rng.permutation(codes), values) for _ in range(n_permutations)])
    as_much = null >= observed - 1e-12  # sums in another order round otherwise
    return observed, (1 + as_much.sum(0)) / (1 + n_permutations)
    ### END ANSWER


def purity(codes, labels):
    """Share of pictures whose label is that of their code, codes and labels matched one to one
    as well as can be (Hungarian method), and the matching {code: label}."""
    table = np.zeros((max(codes) + 1, max(labels) + 1), int)
    np.add.at(table, (codes, labels), 1)
    rows, columns = linear_sum_assignment(-table)
    matching = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return float(table[rows, columns].sum() / len(codes)), matching
