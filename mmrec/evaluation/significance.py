"""Whether two models differ: tests over the users who count for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from mmrec.data import FloatArray
from mmrec.errors import ConfigError, DataError, nearest

SignificanceTest = Literal["paired_ttest", "wilcoxon_test"]


def paired_ttest(a: FloatArray, b: FloatArray) -> float:
    """Return the two-sided p-value of Student's t-test of the differences ``a - b``.

    p is 1 if the test has nothing to go by: fewer than two users count for both models, or all
    differences are 0 (the statistic is 0 / 0 then, and two models with the same values have shown
    no difference). Differences that are all equal but not 0 have no spread at all: p is 0.

    Args:
        a: [U] values of one model, NaN for users who do not count.
        b: [U] values of the other, for the same users.

    Raises:
        DataError: the arrays differ in length.
    """
    differences = _differences(a, b)
    if len(differences) < 2 or not differences.any():
        return 1.0
    if np.ptp(differences) == 0:
        return 0.0
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(2 * stats.t.sf(abs(differences.mean() / error), len(differences) - 1))


def wilcoxon_test(a: FloatArray, b: FloatArray) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test of the differences ``a - b``.

    Users whose values are equal are left out, as scipy does by default. If that leaves none, p is
    1: there is nothing to rank, and no difference has been shown.

    Args:
        a: [U] values of one model, NaN for users who do not count.
        b: [U] values of the other, for the same users.

    Raises:
        DataError: the arrays differ in length.
    """
    differences = _differences(a, b)
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _differences(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return ``a - b`` of the users who count for both."""
    if len(a) != len(b):
        raise DataError(f"values of {len(a)} and of {len(b)} users cannot be paired")
    differences = a - b
    return differences[~np.isnan(differences)]


_TESTS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "paired_ttest": paired_ttest,
    "wilcoxon_test": wilcoxon_test,
}


def compare(
    per_user_by_model: Mapping[str, Mapping[str, FloatArray]], test: SignificanceTest
) -> pd.DataFrame:
    """Test every pair of models on every metric that both have.

    Args:
        per_user_by_model: by model, then by figure such as ``Recall@20``, values [U]: what
            :class:`~mmrec.evaluation.Evaluation` has as ``per_user``.
        test: the test to use. p-values are not corrected for the number of comparisons.

    Returns:
        Columns ``model_a``, ``model_b``, ``metric``, ``p_value``; each pair stands twice, once in
        either order, with the same p-value.

    Raises:
        ConfigError: there is no such test.
        DataError: two models were not evaluated on the same users.
    """
    if test not in _TESTS:
        raise ConfigError(
            f"unknown test {test!r}{nearest(test, _TESTS)}; accepted: {', '.join(_TESTS)}"
        )
    rows = []
    for (model_a, values_a), (model_b, values_b) in combinations(per_user_by_model.items(), 2):
        for metric in values_a:
            if metric in values_b:
                p_value = _TESTS[test](values_a[metric], values_b[metric])
                rows.append((model_a, model_b, metric, p_value))
                rows.append((model_b, model_a, metric, p_value))
    return pd.DataFrame(rows, columns=["model_a", "model_b", "metric", "p_value"])
