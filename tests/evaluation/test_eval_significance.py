"""Paired tests and intervals against scipy, and where they are undefined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from mmrec.errors import ConfigError, DataError
from mmrec.evaluation import compare, holm, paired_ttest, spread, wilcoxon_test

PairedTest = Callable[[np.ndarray, np.ndarray], float]
both = pytest.mark.parametrize("test", [paired_ttest, wilcoxon_test])


@pytest.mark.parametrize("n", [2, 10, 60, 5000])
@pytest.mark.parametrize("levels", [3, 1000])
def test_p_values_are_scipy_s(n: int, levels: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.integers(0, levels, (2, n)) / levels
    a[0] += 1.5  # at least two different differences
    assert paired_ttest(a, b) == pytest.approx(stats.ttest_rel(a, b).pvalue, rel=1e-9)
    assert wilcoxon_test(a, b) == pytest.approx(stats.wilcoxon(a, b).pvalue, rel=1e-9)


def test_t_test_by_hand() -> None:
    # Differences 1, 3: mean 2, standard error sqrt(2) / sqrt(2) = 1, t = 2 with one degree of
    # freedom (Cauchy): p = 2 (1/2 - arctan(2) / pi).
    p_value = paired_ttest(np.array([1.0, 3.0]), np.zeros(2))
    assert p_value == pytest.approx(1 - 2 * np.arctan(2) / np.pi)


def test_wilcoxon_by_hand() -> None:
    # Differences 1 2 3 4 5 all positive: 2 of the 32 assignments of signs are as extreme.
    assert wilcoxon_test(np.arange(1.0, 6), np.zeros(5)) == pytest.approx(2 / 32)


@both
def test_only_users_who_count_for_both_are_compared(test: PairedTest) -> None:
    a = np.array([0.1, 0.5, np.nan, 0.9, 0.3, 0.2])
    b = np.array([0.2, 0.1, 0.4, 0.8, np.nan, 0.9])
    kept = [0, 1, 3, 5]
    assert test(a, b) == test(a[kept], b[kept])


@both
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]),
        ([0.5], [0.2]),
        ([np.nan, 0.5], [0.5, np.nan]),
        ([], []),
    ],
)
def test_no_evidence_is_a_p_value_of_one(test: PairedTest, a: list[float], b: list[float]) -> None:
    assert test(np.array(a), np.array(b)) == 1.0


def test_a_constant_difference() -> None:
    a, b = np.full(6, 0.75), np.full(6, 0.25)
    assert paired_ttest(a, b) == 0.0
    assert wilcoxon_test(a, b) == stats.wilcoxon(a, b).pvalue < 0.05
    # Equal but for rounding: no warning about lost precision.
    assert paired_ttest(np.array([0.3, 0.2, 0.7]), np.array([0.2, 0.1, 0.6])) < 1e-20


@both
def test_values_of_different_users_are_an_error(test: PairedTest) -> None:
    with pytest.raises(DataError, match="2 users with those of 3 users"):
        test(np.zeros(2), np.zeros(3))


def test_every_pair_occurs_in_both_orders() -> None:
    rng = np.random.default_rng(0)
    values = {
        model: {name: rng.random(30) for name in ("Recall@5", "nDCG@5")}
        for model in ("A", "B", "C")
    }
    table = compare(values, "wilcoxon_test")
    assert table.columns.tolist() == ["model_a", "model_b", "metric", "p_value"]
    assert table[["model_a", "model_b", "metric"]].values.tolist() == [
        [a, b, metric]
        for first, second in (("A", "B"), ("A", "C"), ("B", "C"))
        for metric in ("Recall@5", "nDCG@5")
        for a, b in ((first, second), (second, first))
    ]
    for row in table.itertuples():
        a, b = values[str(row.model_a)], values[str(row.model_b)]
        expected = stats.wilcoxon(a[str(row.metric)], b[str(row.metric)]).pvalue
        assert row.p_value == pytest.approx(expected)


def test_one_model_gives_an_empty_table() -> None:
    table = compare({"A": {"Recall@5": np.zeros(3)}}, "paired_ttest")
    assert len(table) == 0
    assert table.columns.tolist() == ["model_a", "model_b", "metric", "p_value"]


def test_an_unknown_test_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"'paired_test' .*did you mean 'paired_ttest'"):
        compare({}, "paired_test")  # type: ignore[arg-type]


def test_holm_counts_only_tests_with_a_p_value() -> None:
    assert holm([0.01, np.nan, 0.04, 0.03]) == pytest.approx(
        [0.03, np.nan, 0.06, 0.06], nan_ok=True
    )
    assert holm([np.nan]) == pytest.approx([np.nan], nan_ok=True)
    assert holm([]) == []


@pytest.mark.parametrize("n", [2, 3, 20])
def test_the_interval_of_a_mean_is_scipy_s(n: int) -> None:
    values = np.random.default_rng(n).random(n)
    found = spread(values.tolist())
    expected = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert (found.n, found.mean, found.std) == pytest.approx((n, values.mean(), values.std(ddof=1)))


@pytest.mark.parametrize(
    ("values", "mean"), [([], np.nan), ([0.5], 0.5), ([0.5, np.nan], np.nan), ([np.inf], np.nan)]
)
def test_no_interval_for_too_few_values(values: list[float], mean: float) -> None:
    assert spread(values) == pytest.approx((len(values), mean, *[np.nan] * 3), nan_ok=True)
