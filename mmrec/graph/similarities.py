"""Similarities of rows: cosine, dot, and distances d as ``1 / (1 + d)``.

They are those of the same names in scikit-learn and scipy, computed in float64 by blocks of rows.

Shapes: N rows, F columns, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
from scipy.sparse import csr_array

from mmrec.graph.coordinate_distances import CoordinateDistance, coordinate_distances
from mmrec.graph.row_blocks import (
    DenseArray,
    DenseRows,
    IntArray,
    Matrix,
    Rows,
    SparseArray,
    by_pairs,
    dense,
)

Similarity = Literal[
    "cosine",
    "dot",
    "euclidean",
    "l2",
    "minkowski",
    "sqeuclidean",
    "manhattan",
    "l1",
    "cityblock",
    "chebyshev",
    "correlation",
    "braycurtis",
    "canberra",
    "hamming",
    "seuclidean",
    "jaccard",
    "dice",
    "rogerstanimoto",
    "russellrao",
    "sokalsneath",
    "yule",
]
"""Names of similarities."""

_SAME: Mapping[str, str] = MappingProxyType(
    {"l2": "euclidean", "minkowski": "euclidean", "l1": "cityblock", "manhattan": "cityblock"}
)
_CLOSE = 1e-7
"""Squared distances below this share of the squared norms are computed from differences."""

_FEW_COLUMNS = 1024
_FILLED = 8
"""Sparse rows of at most so many columns are multiplied as dense ones if an eighth is not zero."""

_PAIR_VALUES = 1 << 22
"""Values of the differences that are computed at once."""


def similar_rows(
    x: Matrix, similarity: Similarity, shrink: float = 0.0, *, fitted: int | None = None
) -> Rows:
    """Return a function that computes rows of the similarities between all rows, [N, N].

    - cosine ``x_i.x_j / (|x_i| |x_j| + shrink)``; dot ``x_i.x_j``

    The others are ``1 / (1 + d)`` of a distance d. For the values a and b of both rows:

    - euclidean, l2, minkowski ``sqrt(sum (a - b)^2)``; sqeuclidean its square; seuclidean with
      columns divided by their standard deviations (ddof 1), without columns of equal values
    - manhattan, l1, cityblock ``sum |a - b|``; chebyshev ``max |a - b|``
    - correlation ``1 - Pearson``; braycurtis ``sum |a - b| / sum |a + b|``; canberra
      ``sum |a - b| / (|a| + |b|)``; hamming the share of columns that differ

    For rows with n_i and n_j non-zero columns, c of them common, and m = n_i + n_j - 2c:

    - jaccard ``1 - c / (n_i + n_j - c)``; dice ``1 - 2c / (n_i + n_j)``
    - rogerstanimoto ``2m / (F + m)``; sokalsneath ``2m / (c + 2m)``; russellrao ``(F - c) / F``
    - yule ``2p / (c (F - n_i - n_j + c) + p)`` with ``p = (n_i - c)(n_j - c)``

    A row has the distance 0 to itself. Rows of zeros, and constant rows for correlation, have the
    similarity 0 to all rows.

    Args:
        x: [N, F].
        similarity: its name.
        shrink: for cosine.
        fitted: the number of first rows that variances are computed of; all by default.
    """
    name = _SAME.get(similarity, similarity)
    if name == "cosine":
        return _cosine(x, shrink)
    if name == "dot":
        return dots(x)
    if name in _ON_COUNTS:
        return _on_counts(x, _ON_COUNTS[name])
    if name == "correlation":
        return _correlation(x)
    if name in ("euclidean", "sqeuclidean", "seuclidean"):
        scaled = _standardised(x, fitted) if name == "seuclidean" else x
        return _from_distances(_euclidean(scaled, name == "sqeuclidean"), squared_norms(x))
    coordinate: CoordinateDistance = name  # type: ignore[assignment]
    return _from_distances(coordinate_distances(x, coordinate), squared_norms(x))


def dots(x: Matrix) -> Rows:
    """Return a function that computes rows of ``x x^T``, sparse if ``x`` is and has many zeros."""
    if not isinstance(x, np.ndarray) and _is_rather_dense(x):
        x = x.toarray()
    if isinstance(x, np.ndarray):
        return lambda start, stop: x[start:stop] @ x.T
    columns = x.T.tocsr()
    return lambda start, stop: x[start:stop] @ columns


def _is_rather_dense(x: SparseArray) -> bool:
    """Return whether dense products are faster; the dense matrix is at most six times as large."""
    return bool(x.shape[1] <= _FEW_COLUMNS and _FILLED * x.nnz >= x.shape[0] * x.shape[1])


def squared_norms(x: Matrix) -> DenseArray:
    """Return the squared norm of each row, [N]."""
    return np.asarray(squared(x) @ np.ones(x.shape[1]))


def squared(x: Matrix) -> Matrix:
    """Return the square of each value."""
    if isinstance(x, np.ndarray):
        return x**2
    return csr_array((x.data**2, x.indices, x.indptr), shape=x.shape)


def indicators(x: Matrix) -> SparseArray:
    """Return ones where ``x`` is not zero, [N, F]; zeros may be stored."""
    sparse = csr_array(x)
    ones = (sparse.data != 0).astype(np.float64)
    return csr_array((ones, sparse.indices, sparse.indptr), shape=sparse.shape)


def divided(values: DenseArray, by: DenseArray) -> DenseArray:
    """Return the quotients, 0 where the divisor is 0."""
    return np.divide(values, by, out=np.zeros(np.broadcast(values, by).shape), where=by != 0)


def _cosine(x: Matrix, shrink: float) -> Rows:
    products, norms = dots(x), np.sqrt(squared_norms(x))
    norms[norms == 0] = np.inf  # so that the quotient is 0

    def rows(start: int, stop: int) -> Matrix:
        block = products(start, stop)
        return by_pairs(block, start, lambda dot, i, j: dot / (norms[i] * norms[j] + shrink))

    return rows


def _from_distances(distances: DenseRows, norms: DenseArray) -> DenseRows:
    """Return ``1 / (1 + d)``, 1 of a row with itself, 0 where ``norms`` are 0."""
    is_zero = norms == 0

    def rows(start: int, stop: int) -> DenseArray:
        block = distances(start, stop)
        similarity = np.asarray(1 / (1 + block))
        numbers = np.arange(stop - start)
        similarity[numbers, start + numbers] = 1
        similarity[is_zero[start:stop]] = 0
        similarity[:, is_zero] = 0
        return similarity

    return rows


def _euclidean(x: Matrix, is_squared: bool) -> DenseRows:
    products, norms = dots(x), squared_norms(x)

    def distances(start: int, stop: int) -> DenseArray:
        sums = norms[start:stop, None] + norms
        squares = sums - 2 * dense(products(start, stop))
        first, second = np.nonzero(squares < _CLOSE * sums)
        squares[first, second] = _squared_differences(x, start + first, second)
        return squares if is_squared else np.sqrt(squares)

    return distances


def _squared_differences(x: Matrix, first: IntArray, second: IntArray) -> DenseArray:
    """Return ``|x_i - x_j|^2`` of some pairs; products of close rows would cancel out."""
    step = max(1, _PAIR_VALUES // x.shape[1])
    parts = [np.empty(0)]
    for place in range(0, len(first), step):
        some = slice(place, place + step)
        parts.append(squared_norms(cast("Matrix", x[first[some]] - x[second[some]])))
    return np.concatenate(parts)


def _standardised(x: Matrix, fitted: int | None) -> Matrix:
    """Divide each column by its standard deviation; columns of equal values become 0."""
    first: Matrix = x if fitted is None else x[:fitted]
    n = first.shape[0]
    if isinstance(first, np.ndarray):  # sums of squares would cancel out
        is_constant = (first == first[0]).all(axis=0)
        variances = first.var(axis=0) * (n / max(1, n - 1))
    else:
        means, squares = (matrix.T @ np.ones(n) for matrix in (first, squared(first)))
        means = means / n
        variances = (squares - n * means**2) / max(1, n - 1)
        is_constant = variances <= 1e-14 * squares
    scales = np.where(is_constant, 0, 1 / np.sqrt(np.where(is_constant, 1, variances)))
    if isinstance(x, np.ndarray):
        return x * scales
    return csr_array((x.data * scales[x.indices], x.indices, x.indptr), shape=x.shape)


def _correlation(x: Matrix) -> Rows:
    n_columns = x.shape[1]
    if isinstance(x, np.ndarray):  # sums of squares would cancel out
        is_constant = (x == x[:, :1]).all(axis=1)
        x = x - x.mean(axis=1, keepdims=True)
        offsets, variances = np.zeros(len(x)), squared_norms(x)
    else:
        offsets, squares = x @ np.ones(n_columns) / n_columns, squared_norms(x)
        variances = squares - n_columns * offsets**2
        is_constant = variances <= 1e-14 * squares
    norms, products = np.sqrt(np.where(is_constant, 0, variances)), dots(x)

    def distances(start: int, stop: int) -> DenseArray:
        block = dense(products(start, stop))
        block = block - n_columns * offsets[start:stop, None] * offsets
        return np.maximum(1 - divided(block, norms[start:stop, None] * norms), 0)

    return _from_distances(distances, norms)


_OnCounts = Callable[[DenseArray, DenseArray, DenseArray, int], DenseArray]


def _yule(c: DenseArray, a: DenseArray, b: DenseArray, n_columns: int) -> DenseArray:
    product = (a - c) * (b - c)
    return divided(2 * product, c * (n_columns - a - b + c) + product)


_ON_COUNTS: Mapping[str, _OnCounts] = MappingProxyType(
    {
        "jaccard": lambda c, a, b, _: 1 - divided(c, a + b - c),
        "dice": lambda c, a, b, _: 1 - divided(2 * c, a + b),
        "rogerstanimoto": lambda c, a, b, f: 2 * (a + b - 2 * c) / (f + a + b - 2 * c),
        "russellrao": lambda c, a, b, f: (f - c) / f,
        "sokalsneath": lambda c, a, b, _: divided(2 * (a + b - 2 * c), c + 2 * (a + b - 2 * c)),
        "yule": _yule,
    }
)
"""Distances by the common columns c [B, N] and the non-zero columns [B, 1] and [N] of rows."""

ON_NON_ZEROS = tuple(_ON_COUNTS)
"""The similarities that depend only on which values are zero."""


def _on_counts(x: Matrix, distance: _OnCounts) -> Rows:
    ones = indicators(x)
    common, degrees = dots(ones), squared_norms(ones)

    def distances(start: int, stop: int) -> DenseArray:
        counts = dense(common(start, stop))
        return distance(counts, degrees[start:stop, None], degrees, x.shape[1])

    return _from_distances(distances, degrees)
