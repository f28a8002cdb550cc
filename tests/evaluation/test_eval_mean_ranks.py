"""Mean ranks and the tests of Friedman and Nemenyi: by hand, from Demšar (2006), by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmrec.evaluation import critical_difference, friedman_test, nemenyi_test, ranks_of

# Demšar 2006, table 6: AUC of four learners on 14 data sets.
AUC = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_ranks_by_hand() -> None:
    values = np.array([[0.3, 0.1, 0.3], [0.1, 0.2, 0.3]])
    assert ranks_of(values).tolist() == [[1.5, 3, 1.5], [3, 2, 1]]
    assert ranks_of(values, higher_is_better=False).tolist() == [[2.5, 1, 2.5], [1, 2, 3]]


def test_the_published_example() -> None:
    assert ranks_of(AUC).mean(axis=0) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)]
)
def test_the_published_quantiles(k: int, q: float) -> None:
    # With N = k (k + 1) / 6 the critical difference is q itself; scale from N = 1.
    assert critical_difference(k, 1) / np.sqrt(k * (k + 1) / 6) == pytest.approx(q, abs=2e-3)


def test_friedman_by_hand() -> None:
    # Ranks 1, 2, 3 on all of 5 data sets: 12 / (5 * 3 * 4) * (5² + 10² + 15²) - 3 * 5 * 4 = 10.
    values = np.tile([0.3, 0.2, 0.1], (5, 1))
    assert friedman_test(values) == pytest.approx(stats.chi2.sf(10, 2))
    assert friedman_test(np.ones((5, 3))) == 1.0


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=5, max_size=9))
def test_friedman_is_that_of_the_ranks(rows: list[list[int]]) -> None:
    values = np.array(rows, dtype=float)
    ranks = ranks_of(values)
    n, k = ranks.shape
    # Conover's form, which corrects for ties.
    a, c = (ranks**2).sum(), n * k * (k + 1) ** 2 / 4
    if a == c:
        assert friedman_test(values) == 1.0
        return
    statistic = (k - 1) * ((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum() / (a - c)
    assert friedman_test(values) == pytest.approx(stats.chi2.sf(statistic, k - 1), abs=1e-9)


def test_nemenyi_is_5_percent_at_the_critical_difference() -> None:
    for n_models, n_datasets in ((3, 5), (6, 9)):
        difference = critical_difference(n_models, n_datasets)
        assert nemenyi_test(difference, n_models, n_datasets) == pytest.approx(0.05, abs=1e-6)
        assert nemenyi_test(-difference, n_models, n_datasets) == pytest.approx(0.05, abs=1e-6)
        assert nemenyi_test(0, n_models, n_datasets) == pytest.approx(1, abs=1e-6)
