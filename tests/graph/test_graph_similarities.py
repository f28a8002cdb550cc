"""Similarities against scipy's distances, and against the formulas written out pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from mmrec.graph.row_blocks import Rows, blocks
from mmrec.graph.shrunk_similarities import (
    ShrunkSettings,
    ShrunkSimilarity,
    shrunk_similarities,
)
from mmrec.graph.similarities import ON_NON_ZEROS, Similarity, similar_rows

SCIPY = {"l1": "cityblock", "manhattan": "cityblock", "l2": "euclidean"}
DISTANCES = [name for name in get_args(Similarity) if name not in ("cosine", "dot")]


def ratings(n: int = 30, width: int = 23, density: float = 0.3, seed: int = 0) -> np.ndarray:
    """Ratings from 0.5 to 5; the first two rows are equal."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 11, (n, width)) / 2.0 * (rng.random((n, width)) < density)
    x[:, 0] = np.maximum(x[:, 0], 0.5)
    x[1] = x[0]
    return x


def features(n: int = 30, width: int = 7, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, width))
    x[1] = x[0]
    return x


def whole(rows: Rows, n: int) -> np.ndarray:
    parts = [rows(start, stop) for start, stop in blocks(n)]
    return np.concatenate([p if isinstance(p, np.ndarray) else p.toarray() for p in parts])


def oracle(x: np.ndarray, name: str) -> np.ndarray:
    """``1 / (1 + d)`` with scipy's distance; sets are compared as booleans."""
    compared = x != 0 if name in ON_NON_ZEROS else x
    options = {"V": np.var(x, axis=0, ddof=1)} if name == "seuclidean" else {}
    similarity = 1 / (1 + cdist(compared, compared, SCIPY.get(name, name), **options))
    np.fill_diagonal(similarity, 1)
    return similarity


@pytest.mark.parametrize("density", [0.07, 0.3])
@pytest.mark.parametrize("name", DISTANCES)
def test_distances_of_sparse_rows_are_those_of_scipy(name: Similarity, density: float) -> None:
    x = ratings(60, 46, density)
    ours = whole(similar_rows(csr_array(x), name), len(x))
    assert np.allclose(ours, oracle(x, name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in DISTANCES if name not in ON_NON_ZEROS])
def test_distances_of_dense_rows_are_those_of_scipy(name: Similarity) -> None:
    x = features()
    ours = whole(similar_rows(x, name), len(x))
    assert np.allclose(ours, oracle(x, name), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", get_args(Similarity))
def test_sparse_rows_with_negative_values_are_compared_like_dense_ones(name: Similarity) -> None:
    x = features()
    x[np.abs(x) < 0.5] = 0
    sparse, dense = (whole(similar_rows(y, name), len(x)) for y in (csr_array(x), x))
    assert np.allclose(sparse, dense, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", get_args(Similarity))
def test_equal_rows_have_bitwise_equal_similarities(name: Similarity) -> None:
    for x in (csr_array(ratings()), features()):
        n = x.shape[0]
        rows = whole(similar_rows(x, name), n)
        assert np.allclose(rows[0, 2:], rows[1, 2:], rtol=1e-15, atol=0)
        if name not in ("dot", "russellrao"):
            assert rows[0, 1] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", get_args(Similarity))
def test_zeros_that_are_stored_are_zeros(name: Similarity) -> None:
    stored = csr_array(ratings())
    stored.data[::3] = 0
    removed = stored.copy()
    removed.eliminate_zeros()
    one, other = (whole(similar_rows(x, name), x.shape[0]) for x in (stored, removed))
    assert np.allclose(one, other, rtol=1e-12, atol=0)


def test_close_rows_keep_their_distance() -> None:
    # The squared distance 1e-16 is lost in |a|^2 + |b|^2 - 2 a.b.
    x = np.array([[3.3, 1e4], [3.3 + 1e-8, 1e4], [0, 1]])
    for rows in (x, csr_array(x)):
        similarity = whole(similar_rows(rows, "euclidean"), 3)
        assert similarity[0, 1] == pytest.approx(1 / (1 + abs(x[0, 0] - x[1, 0])), abs=1e-15)


def test_cosine_and_dot() -> None:
    for x in (ratings(60, 46, 0.07), ratings(), features()):
        dot, norms = x @ x.T, np.linalg.norm(x, axis=1)
        for rows in (x, csr_array(x)):
            assert np.allclose(whole(similar_rows(rows, "dot"), len(x)), dot)
            for shrink in (0, 10):
                cosine = dot / (np.outer(norms, norms) + shrink)
                assert np.allclose(whole(similar_rows(rows, "cosine", shrink), len(x)), cosine)


def test_opposite_rows_are_infinitely_far_apart_in_braycurtis() -> None:
    x = np.array([[1, -2.5], [-1, 2.5], [1, 0]])
    for rows in (x, csr_array(x)):
        similarity = whole(similar_rows(rows, "braycurtis"), 3)
        assert similarity[0].tolist() == [1, 0, pytest.approx(1 / (1 + 2.5 / 4.5))]


@pytest.mark.parametrize("name", get_args(Similarity))
def test_rows_of_zeros_are_similar_to_nothing(name: Similarity) -> None:
    x = ratings()
    x[4] = 0
    for rows in (x, csr_array(x)):
        similarity = whole(similar_rows(rows, name), len(x))
        assert not similarity[4].any()
        assert not similarity[:, 4].any()
        assert np.isfinite(similarity).all()


def test_constant_rows_have_no_correlation() -> None:
    x = ratings()
    x[4] = 3.3
    for rows in (x, csr_array(x)):
        similarity = whole(similar_rows(rows, "correlation"), len(x))
        assert not similarity[4].any()
        assert not similarity[:, 4].any()


def test_columns_of_equal_values_do_not_count_in_seuclidean() -> None:
    x = ratings()
    x[:, 3] = 4.4
    expected = oracle(np.delete(x, 3, axis=1), "seuclidean")
    for rows in (x, csr_array(x)):
        assert np.allclose(whole(similar_rows(rows, "seuclidean"), len(x)), expected, rtol=1e-9)


def test_rows_without_other_columns_are_close_in_seuclidean() -> None:
    x = np.array([[2.0, 0, 0], [2, 1, 0], [2, 0, 4]])
    expected = 1 / (1 + cdist(x[:, 1:], x[:, 1:], "seuclidean", V=x[:, 1:].var(axis=0, ddof=1)))
    for rows in (x, csr_array(x)):
        assert np.allclose(whole(similar_rows(rows, "seuclidean"), 3), expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["correlation", "seuclidean"])
def test_an_offset_of_all_values_costs_no_digits(name: Similarity) -> None:
    x = 1e4 + 1e-3 * features()
    assert np.allclose(whole(similar_rows(x, name), len(x)), oracle(x, name), rtol=1e-9)


@pytest.mark.parametrize("value", [0.7, 9.1])
def test_columns_of_equal_values_do_not_count_for_later_rows_either(value: float) -> None:
    x = ratings()
    x[:25, 3], x[25:, 3] = value, 2.5
    others = np.delete(x, 3, axis=1)
    variances = np.var(others[:25], axis=0, ddof=1)
    expected = 1 / (1 + cdist(others, others, "seuclidean", V=variances))
    for rows in (x, csr_array(x)):
        ours = whole(similar_rows(rows, "seuclidean", fitted=25), len(x))
        assert np.allclose(ours, expected, rtol=1e-9)


def pair_by_pair(x: np.ndarray, formula: Callable[[np.ndarray, np.ndarray], float]) -> np.ndarray:
    """Row j holds formula(x_i, x_j), the diagonal is 0."""
    n = len(x)
    values = [[formula(x[i], x[j]) if i != j else 0 for i in range(n)] for j in range(n)]
    return np.array(values)


def centred(x: np.ndarray, axis: int) -> np.ndarray:
    means = x.sum(axis=axis, keepdims=True) / np.maximum((x != 0).sum(axis=axis, keepdims=True), 1)
    return np.where(x != 0, x - means, 0)


def cosine(a: np.ndarray, b: np.ndarray, s: float) -> float:
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + s)


def common(a: np.ndarray, b: np.ndarray) -> tuple[int, int, int]:
    return ((a != 0) & (b != 0)).sum(), (a != 0).sum(), (b != 0).sum()


def expected(x: np.ndarray, name: str, shrink: float) -> np.ndarray:
    """The definitions, with x_j the choosing row."""
    s = shrink + 1e-6
    if name in ("cosine", "pearson", "adjusted"):
        y = x if name == "cosine" else centred(x, 1 if name == "pearson" else 0)
        return pair_by_pair(y, lambda i, j: cosine(i, j, s))
    if name == "asymmetric":
        norm = np.linalg.norm
        return pair_by_pair(x, lambda i, j: i @ j / (norm(j) ** 0.6 * norm(i) ** 1.4 + s))

    def on_counts(i: np.ndarray, j: np.ndarray) -> float:
        c, n_i, n_j = common(i, j)
        below = {
            "dice": n_i + n_j,
            "tversky": c + 0.4 * (n_j - c) + 1.3 * (n_i - c),
        }.get(name, n_i + n_j - c)
        return c / (below + s)

    return pair_by_pair(x, on_counts)


@pytest.mark.parametrize("shrink", [0, 7.5])
@pytest.mark.parametrize("name", get_args(ShrunkSimilarity))
def test_shrunk_similarities_follow_their_definitions(
    name: ShrunkSimilarity, shrink: float
) -> None:
    x = ratings()
    settings = ShrunkSettings(
        shrink=shrink, asymmetric_alpha=0.3, tversky_alpha=0.4, tversky_beta=1.3
    )
    ours = whole(shrunk_similarities(csr_array(x), name, settings), len(x))
    assert np.allclose(ours, expected(x, name, shrink), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shrink", [0, 4])
@pytest.mark.parametrize("name", ["cosine", "asymmetric", "pearson", "adjusted"])
def test_without_normalisation_products_are_divided_by_shrink(
    name: ShrunkSimilarity, shrink: float
) -> None:
    x = ratings()
    y = {"pearson": centred(x, 1), "adjusted": centred(x, 0)}.get(name, x)
    settings = ShrunkSettings(shrink=shrink, normalize=False)
    ours = whole(shrunk_similarities(csr_array(x), name, settings), len(x))
    products = pair_by_pair(y, lambda i, j: i @ j / (shrink or 1))
    assert np.allclose(ours, products, rtol=1e-9, atol=1e-12)


def test_tversky_without_weights_is_one_for_every_pair_with_a_common_column() -> None:
    x = ratings()
    ours = whole(shrunk_similarities(csr_array(x), "tversky", ShrunkSettings()), len(x))
    shares = ((x != 0) * 1.0) @ (x != 0).T > 0
    np.fill_diagonal(shares, False)
    assert np.allclose(ours, shares, atol=1e-5)


def test_products_that_cancel_out_are_zero() -> None:
    # Centred, the rows are orthogonal; in float64 their product is not 0.
    x = np.array([[1.1, 2.3, 3.5, 0], [2.1, 4.2, 2.1, 0], [0, 0, 3, 4], [3.3, 3.3, 3.3, 0]])
    ours = whole(shrunk_similarities(csr_array(x), "pearson", ShrunkSettings()), 4)
    assert ours[0, 1] == 0
    assert not ours[3].any()
