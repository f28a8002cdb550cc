"""Corrected p-values, effect sizes and tests over seeds: by hand, and in the files of a run."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tiny_experiment import settings

from mmrec.errors import ConfigError, DataError
from mmrec.evaluation import (
    cohens_d,
    cohens_dz,
    compare,
    compare_in_full,
    holm,
    rank_biserial,
    welch_ttest,
)
from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.finished import FinishedRun
from mmrec.runs.folder import RunFolder
from mmrec.runs.studies import read_studies

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)
VALUES = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=12)


# Holm


def rejected(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Holm's definition: go from the smallest p-value up, and stop at the first that is too big.

    The i-th smallest of m hypotheses is rejected at level alpha if it and all smaller ones are at
    most alpha / (m - i + 1).
    """
    m = len(p_values)
    decisions = [False] * m
    for i, place in enumerate(sorted(range(m), key=lambda place: p_values[place]), 1):
        if p_values[place] > alpha / (m - i + 1):
            break
        decisions[place] = True
    return decisions


@given(P_VALUES, st.floats(0.001, 0.999))
def test_holm_decides_as_its_definition(p_values: list[float], alpha: float) -> None:
    corrected = holm(p_values)
    if min(abs(p - alpha) for p in corrected) < 1e-9:
        return  # on the line itself, rounding decides
    assert [p <= alpha for p in corrected] == rejected(p_values, alpha)


@given(P_VALUES)
def test_holm_keeps_the_order_and_never_helps(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    for (p, c), (q, d) in itertools.combinations(zip(p_values, corrected, strict=True), 2):
        assert (p - q) * (c - d) >= 0


def test_holm_by_hand() -> None:
    # Ascending 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which may not be below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


# Effect sizes


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_effect_sizes_by_hand() -> None:
    # Differences 1, 3: mean 2, standard deviation sqrt(2).
    assert cohens_dz(array(1, 3), array(0, 0)) == pytest.approx(2 / math.sqrt(2))
    # Differences -1, 2, 3, 4: ranks 1 against a, 2 + 3 + 4 = 9 for it.
    assert rank_biserial(array(0, 3, 3, 4), array(1, 1, 0, 0)) == pytest.approx(8 / 10)
    # Differences 1, -1, 2, 0: ranks 1.5, 1.5 and 3; who does not differ is left out.
    assert rank_biserial(array(1, 0, 2, 5), array(0, 1, 0, 5)) == pytest.approx(3 / 6)
    # Variances 2 and 8: means differ by 3, the root of the mean variance is sqrt(5).
    assert cohens_d(array(4, 6), array(0, 4)) == pytest.approx(3 / math.sqrt(5))


def test_effect_sizes_where_there_is_nothing_to_divide_by() -> None:
    same, more = array(0.3, 0.3, 0.3), array(0.4, 0.4, 0.4)
    for effect in (cohens_dz, cohens_d):
        assert effect(same, same) == 0.0
        assert effect(more, same) == math.inf
        assert effect(same, more) == -math.inf
        assert math.isnan(effect(array(1), array(2)))
    assert math.isnan(cohens_d(array(1), more))
    assert rank_biserial(same, same) == rank_biserial(array(), array()) == 0.0
    assert rank_biserial(more, same) == 1.0


@given(VALUES, st.integers(0, 99))
def test_effects_change_sign_with_the_order(values: list[float], seed: int) -> None:
    a = np.array(values)
    b = np.random.default_rng(seed).permutation(a) + 1
    for effect in (cohens_dz, rank_biserial, cohens_d):
        assert effect(a, b) == pytest.approx(-effect(b, a))
    assert -1 <= rank_biserial(a, b) <= 1


def test_users_who_do_not_count_are_left_out() -> None:
    a, b = array(1, math.nan, 3, 9), array(0, 5, 0, math.nan)
    assert cohens_dz(a, b) == cohens_dz(array(1, 3), array(0, 0))
    assert rank_biserial(a, b) == 1.0
    with pytest.raises(DataError, match=r"2 .*3 users"):
        rank_biserial(np.zeros(2), np.zeros(3))


# Welch


@given(VALUES, VALUES)
def test_welch_is_scipy_s(first: list[float], second: list[float]) -> None:
    a, b = np.array(first), np.array(second)
    if not np.ptp(a) and not np.ptp(b):
        assert welch_ttest(a, b) == (1.0 if a[0] == b[0] else 0.0)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that a sample has no spread
        expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert welch_ttest(a, b) == pytest.approx(expected, rel=1e-9)


def test_welch_by_hand() -> None:
    # Means 1 and 4, variances over n both 1 (of 0, 2 and of 3, 5): t = 3 / sqrt(2), 2 degrees.
    p_value = welch_ttest(array(0, 2), array(3, 5))
    t = 3 / math.sqrt(2)
    assert p_value == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    assert welch_ttest(array(1), array(2, 3)) == 1.0
    assert welch_ttest(array(1, 2, math.nan), array(5, 6)) == welch_ttest(array(1, 2), array(5, 6))


# Tables


def test_a_full_comparison_has_each_pair_once_and_corrects_over_all_rows() -> None:
    rng = np.random.default_rng(0)
    values = {
        model: {name: rng.random(30) + shift for name in ("Recall@5", "nDCG@5")}
        for model, shift in (("A", 0.0), ("B", 0.2), ("C", 0.1))
    }
    values["A"]["nDCG@5"][:4] = math.nan
    full = compare_in_full(values, "wilcoxon_test")
    assert full[["model_a", "model_b", "metric"]].values.tolist() == [
        [a, b, metric]
        for a, b in (("A", "B"), ("A", "C"), ("B", "C"))
        for metric in ("Recall@5", "nDCG@5")
    ]
    assert full["p_holm"].tolist() == holm(full["p_value"].tolist())
    assert full["n"].tolist() == [30, 26, 30, 26, 30, 30]
    assert set(full["effect"]) == {"rank_biserial"}
    assert full["mean_b"][1] == pytest.approx(values["B"]["nDCG@5"][4:].mean())
    # The four columns of Elliot stay as they are, in both orders.
    both = compare(values, "wilcoxon_test")
    assert both["p_value"].tolist() == np.repeat(full["p_value"], 2).tolist()
    assert list(both) == ["model_a", "model_b", "metric", "p_value"]
    with pytest.raises(ConfigError, match="'welch_ttest'"):
        compare_in_full(values, "welch_test")  # type: ignore[arg-type]


def test_a_comparison_of_samples_of_different_sizes_names_the_smaller() -> None:
    values = {"A": {"Recall@5": array(1, 2, 3, 5)}, "B": {"Recall@5": array(4, 6, math.nan)}}
    (row,) = compare_in_full(values, "welch_ttest").to_dict("records")
    assert (row["n"], row["mean_a"], row["mean_b"]) == (2, 2.75, 5)
    expected = stats.ttest_ind([1, 2, 3, 5], [4, 6], equal_var=False).pvalue
    assert row["p_value"] == pytest.approx(expected)


def run(path: Path) -> Results:
    return run_experiment(path, progress=False)


def seeded(seeds: Any, **changes: Any) -> dict[str, Any]:
    found = settings(meta={"seeds": seeds}, **changes)
    del found["seed"]
    return found


TESTS = {
    "simple_metrics": ["Recall", "nDCG"],
    "cutoffs": [3, 5],
    "paired_ttest": True,
    "wilcoxon_test": True,
}


def compared(results: Results) -> pd.DataFrame:
    return pd.read_csv(results.folder / "significance.tsv", sep="\t")


def test_a_run_of_three_models_writes_corrected_tests(experiment_file):
    models = {"MostPop": {}, "Random": {}, "LightGCNM": settings()}
    results = run(experiment_file(models, evaluation=TESTS))
    found = compared(results)
    assert list(found) == [
        *("over", "test", "model_a", "model_b", "metric", "n", "mean_a", "mean_b"),
        *("p_value", "p_holm", "effect", "effect_size"),
    ]
    assert set(found["over"]) == {"users"}
    # Three pairs by two metrics at two cutoffs: one family for each test.
    assert found.groupby("test")["p_value"].size().to_dict() == {
        "paired_ttest": 12,
        "wilcoxon_test": 12,
    }
    for _, family in found.groupby("test"):
        assert family["p_holm"].tolist() == pytest.approx(holm(family["p_value"].tolist()))
    (elliot,) = results.folder.parent.glob("stat_paired_ttest_cutoff_5_*.tsv")
    rows = [line.split("\t") for line in elliot.read_text().splitlines()]
    assert {len(row) for row in rows} == {4}
    first = found[(found["test"] == "paired_ttest") & (found["metric"] == "Recall@5")].iloc[0]
    assert float(rows[0][3]) == pytest.approx(first["p_value"])


def test_models_on_the_same_seeds_are_paired_over_them(experiment_file):
    models = {
        "LightGCNM": seeded([1, 2, 3]),
        "LATTICE": seeded([3, 1, 2], top_k=4),
        "MostPop": {},
    }
    results = run(experiment_file(models, evaluation=TESTS))
    found = compared(results)
    over_seeds = found[found["over"] == "seeds"].set_index("metric")
    assert set(over_seeds["test"]) == {"paired_ttest"}
    assert over_seeds["n"].tolist() == [3] * 4
    trials = results.trials.sort_values("seed")
    a, b = (trials[trials["model"] == m]["nDCG@3"].to_numpy() for m in ("LightGCNM", "LATTICE"))
    over_users = found[(found["over"] == "users") & (found["metric"] == "nDCG@3")]
    of_test = over_users[over_users["test"] == "paired_ttest"].iloc[0]  # of the first two models
    folder = RunFolder(results.folder)
    one, other, _ = (
        np.mean([folder.per_user(trial)["nDCG@3"] for trial in study.best_trials], axis=0)
        for study in read_studies(FinishedRun.open(results.folder))
    )
    assert of_test["mean_a"] == pytest.approx(np.nanmean(one))
    assert of_test["mean_b"] == pytest.approx(np.nanmean(other))
    expected = stats.ttest_rel(one, other, nan_policy="omit").pvalue
    assert of_test["p_value"] == pytest.approx(expected)
    assert "users' means over seeds" in results.report.read_text()
    row = over_seeds.loc["nDCG@3"]
    assert row["p_value"] == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert row["mean_a"] == pytest.approx(a.mean())
    assert row["effect_size"] == pytest.approx((a - b).mean() / (a - b).std(ddof=1))


def test_models_on_different_seeds_are_compared_by_welch(experiment_file):
    models = {"LightGCNM": seeded([1, 2, 3]), "LATTICE": seeded([1, 2], top_k=4)}
    results = run(experiment_file(models, evaluation=TESTS | {"wilcoxon_test": False}))
    found = compared(results)
    over_seeds = found[found["over"] == "seeds"].set_index("metric")
    assert set(over_seeds["test"]) == {"welch_ttest"}
    a, b = (
        results.trials[results.trials["model"] == m]["nDCG@3"].to_numpy()
        for m in ("LightGCNM", "LATTICE")
    )
    expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert over_seeds.loc["nDCG@3", "p_value"] == pytest.approx(expected)


def test_without_a_test_there_is_no_file(experiment_file):
    results = run(experiment_file({"MostPop": {}, "Random": {}}))
    assert not (results.folder / "significance.tsv").exists()
    alone = run(experiment_file({"MostPop": {}}, evaluation=TESTS))
    assert not (alone.folder / "significance.tsv").exists()
