"""Significance tests of two models, over the users of both or over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import scipy  # scipy.stats is imported at its first use, because that takes long

from mmrec.data import FloatArray
from mmrec.errors import ConfigError, DataError, nearest

SignificanceTest = Literal["paired_ttest", "wilcoxon_test", "welch_ttest"]


def paired_ttest(a: FloatArray, b: FloatArray) -> float:
    """Return the two-sided p-value of Student's t-test of the differences ``a - b``.

    p is 1 for fewer than two users with values of both models, and if all differences are 0. p is 0
    if all differences are equal but not 0.

    Args:
        a: [U] values of one model, NaN for users without a value.
        b: [U] values of the other model, for the same users.

    Raises:
        DataError: the arrays have different lengths.
    """
    differences = _differences(a, b)
    if len(differences) < 2 or not differences.any():
        return 1.0
    if np.ptp(differences) == 0:
        return 0.0
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return float(2 * scipy.stats.t.sf(abs(differences.mean() / error), len(differences) - 1))


def wilcoxon_test(a: FloatArray, b: FloatArray) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test of the differences ``a - b``.

    Users with equal values are left out, which is scipy's default. p is 1 if no user remains.

    Args:
        a: [U] values of one model, NaN for users without a value.
        b: [U] values of the other model, for the same users.

    Raises:
        DataError: the arrays have different lengths.
    """
    differences = _differences(a, b)
    if not differences.any():
        return 1.0
    return float(scipy.stats.wilcoxon(differences).pvalue)


def welch_ttest(a: FloatArray, b: FloatArray) -> float:
    """Return the two-sided p-value of Welch's t-test of two independent samples.

    p is 1 if a sample has fewer than two values. If both variances are 0, p is 1 for equal means
    and 0 for different means.

    Args:
        a: values of one model, one for every seed; NaN values are left out.
        b: values of the other model; the samples may have different sizes.
    """
    a, b = _known(a), _known(b)
    if min(len(a), len(b)) < 2:
        return 1.0
    difference = float(a.mean() - b.mean())
    shares = np.array([_variance(a) / len(a), _variance(b) / len(b)])
    if not shares.any():
        return 0.0 if difference else 1.0
    freedom = shares.sum() ** 2 / (shares**2 / [len(a) - 1, len(b) - 1]).sum()
    return float(2 * scipy.stats.t.sf(abs(difference) / np.sqrt(shares.sum()), freedom))


def cohens_dz(a: FloatArray, b: FloatArray) -> float:
    """Return the effect size of the paired t-test: mean / standard deviation of ``a - b``.

    0 if all differences are 0, infinite if all are equal but not 0, NaN for fewer than two.
    """
    differences = _differences(a, b)
    if len(differences) < 2:
        return np.nan
    return _ratio(differences.mean(), differences.std(ddof=1) if np.ptp(differences) else 0.0)


def rank_biserial(a: FloatArray, b: FloatArray) -> float:
    """Return the effect size of Wilcoxon's test, the matched-pairs rank-biserial correlation.

    The share of the ranks of absolute differences in favour of ``a`` minus the share in favour of
    ``b``, from -1 to 1; 0 if all differences are 0.
    """
    differences = _differences(a, b)
    differences = differences[differences != 0]
    if not len(differences):
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def cohens_d(a: FloatArray, b: FloatArray) -> float:
    """Return the effect size of Welch's test: difference of means / root of the mean variance.

    0, infinite and NaN as for :func:`cohens_dz`.
    """
    a, b = _known(a), _known(b)
    if min(len(a), len(b)) < 2:
        return np.nan
    return _ratio(a.mean() - b.mean(), np.sqrt((_variance(a) + _variance(b)) / 2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple comparisons by Holm's step-down method.

    The i-th smallest of m p-values is multiplied by m - i + 1; each is at least as large as the one
    before it, and at most 1. NaN is no test: it is not counted in m and stays NaN.
    """
    corrected = np.array(p_values, dtype=float)
    order = np.argsort(corrected, kind="stable")[: np.count_nonzero(~np.isnan(corrected))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.maximum.accumulate(corrected[order] * factors).clip(max=1.0)
    return [float(p_value) for p_value in corrected]


def _paired(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the values of the users with values of both."""
    if len(a) != len(b):
        raise DataError(f"cannot pair the values of {len(a)} users with those of {len(b)} users")
    both = ~np.isnan(a - b)
    return a[both], b[both]


def _differences(a: FloatArray, b: FloatArray) -> FloatArray:
    a, b = _paired(a, b)
    return a - b


def _known(values: FloatArray) -> FloatArray:
    return values[~np.isnan(values)]


def _variance(values: FloatArray) -> float:
    """Return the variance; exactly 0 for equal values, despite the rounding of their mean."""
    return float(values.var(ddof=1)) if np.ptp(values) else 0.0


def _ratio(mean: float, spread: float) -> float:
    if spread == 0:
        return float(np.sign(mean) * np.inf) if mean else 0.0
    return float(mean / spread)


class _Test(NamedTuple):
    p_value: Callable[[FloatArray, FloatArray], float]
    effect: str
    effect_size: Callable[[FloatArray, FloatArray], float]
    is_paired: bool = True


_TESTS: dict[str, _Test] = {
    "paired_ttest": _Test(paired_ttest, "cohens_dz", cohens_dz),
    "wilcoxon_test": _Test(wilcoxon_test, "rank_biserial", rank_biserial),
    "welch_ttest": _Test(welch_ttest, "cohens_d", cohens_d, is_paired=False),
}


def compare(
    per_user_by_model: Mapping[str, Mapping[str, FloatArray]], test: SignificanceTest
) -> pd.DataFrame:
    """Test every pair of models on every metric of both.

    Args:
        per_user_by_model: values [U] by model and figure such as ``Recall@20``, as in
            ``Evaluation.per_user``.
        test: name of the test. p-values are not corrected for multiple comparisons.

    Returns:
        Columns ``model_a``, ``model_b``, ``metric``, ``p_value``; each pair occurs in both orders
        with the same p-value.

    Raises:
        ConfigError: the test is unknown.
        DataError: two models were evaluated on different users.
    """
    full = compare_in_full(per_user_by_model, test)
    columns = ["model_a", "model_b", "metric", "p_value"]
    swapped = full.rename(columns={"model_a": "model_b", "model_b": "model_a"})
    both = pd.concat([full[columns], swapped[columns]])
    return both.sort_index(kind="stable").reset_index(drop=True)


def compare_in_full(
    values_by_model: Mapping[str, Mapping[str, FloatArray]], test: SignificanceTest
) -> pd.DataFrame:
    """Test every pair of models once on every metric of both, with effect sizes.

    Args:
        values_by_model: values of users or seeds, by model and figure.
        test: name of the test.

    Returns:
        Columns ``test``, ``model_a``, ``model_b``, ``metric``, ``n`` (pairs of values, or the
        smaller sample), ``mean_a``, ``mean_b``, ``p_value``, ``p_holm`` (corrected over all rows),
        ``effect`` and ``effect_size`` (name and value, positive in favour of ``model_a``).

    Raises:
        ConfigError: the test is unknown.
        DataError: two models were evaluated on different users.
    """
    if test not in _TESTS:
        raise ConfigError(
            f"unknown test {test!r}{nearest(test, _TESTS)}; accepted: {', '.join(_TESTS)}"
        )
    chosen = _TESTS[test]
    rows = []
    for (model_a, values_a), (model_b, values_b) in combinations(values_by_model.items(), 2):
        for metric in values_a:
            if metric in values_b:
                a, b = values_a[metric], values_b[metric]
                a, b = _paired(a, b) if chosen.is_paired else (_known(a), _known(b))
                n, means = min(len(a), len(b)), (_mean(a), _mean(b))
                figures = (chosen.p_value(a, b), chosen.effect_size(a, b))
                rows.append((test, model_a, model_b, metric, n, *means, *figures))
    columns = ["test", "model_a", "model_b", "metric", "n", "mean_a", "mean_b"]
    table = pd.DataFrame(rows, columns=[*columns, "p_value", "effect_size"])
    table.insert(8, "p_holm", holm(table["p_value"].tolist()))
    table.insert(9, "effect", chosen.effect)
    return table


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else np.nan
