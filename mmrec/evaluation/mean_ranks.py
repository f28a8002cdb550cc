"""Ranks of models over several data sets, with the tests of Friedman and Nemenyi.

J. Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006).
"""

from __future__ import annotations

import numpy as np
import scipy  # scipy.stats is imported at its first use, because that takes long

from mmrec.data import FloatArray

ALPHA = 0.05
"""The level of the critical difference."""


def ranks_of(values: FloatArray, *, higher_is_better: bool = True) -> FloatArray:
    """Return the ranks of models on each data set; equal values share the mean of their ranks.

    Args:
        values: [N, k] of k models on N data sets, without NaN.
        higher_is_better: whether the highest value has rank 1.

    Returns:
        [N, k], from 1, the best, to k.
    """
    ranks: FloatArray = scipy.stats.rankdata(-values if higher_is_better else values, axis=1)
    return ranks


def friedman_test(values: FloatArray) -> float:
    """Return the p-value of Friedman's test: all models have the same mean rank.

    p is 1 if all models have equal values on every data set.

    Args:
        values: [N, k] of k models on N data sets, k at least 3.
    """
    if (values == values[:, :1]).all():
        return 1.0
    return float(scipy.stats.friedmanchisquare(*values.T).pvalue)


def critical_difference(n_models: int, n_datasets: int) -> float:
    """Return Nemenyi's critical difference of mean ranks at the level 0.05.

    q sqrt(k (k + 1) / 6N), where q is the quantile of the studentized range of k values with
    infinite degrees of freedom, divided by sqrt(2).
    """
    quantile = scipy.stats.studentized_range.ppf(1 - ALPHA, n_models, np.inf)
    return float(quantile / np.sqrt(2) * _standard_error(n_models, n_datasets))


def nemenyi_test(difference: float, n_models: int, n_datasets: int) -> float:
    """Return the p-value of Nemenyi's test of a difference of two mean ranks.

    It is corrected for the comparison of all pairs of models.
    """
    statistic = abs(difference) / _standard_error(n_models, n_datasets) * np.sqrt(2)
    return float(scipy.stats.studentized_range.sf(statistic, n_models, np.inf))


def _standard_error(n_models: int, n_datasets: int) -> float:
    return float(np.sqrt(n_models * (n_models + 1) / (6 * n_datasets)))
