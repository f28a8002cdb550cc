"""Similarities of rows with common columns, with a shrinkage in the denominator.

Shapes: N rows, F columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.sparse import csr_array

from mmrec.graph.row_blocks import (
    DenseArray,
    IntArray,
    Matrix,
    Rows,
    SparseArray,
    by_pairs,
    without_diagonal,
)
from mmrec.graph.similarities import dots, indicators, squared_norms

ShrunkSimilarity = Literal[
    "cosine", "asymmetric", "pearson", "adjusted", "jaccard", "tanimoto", "dice", "tversky"
]
"""Names of similarities."""

_Pairs: TypeAlias = Callable[[DenseArray, IntArray, IntArray], DenseArray]

_EPSILON = 1e-6
"""Added to every denominator."""

_NOISE = 1e-13
"""Shares of a value below which it is taken for the rounding error of a zero."""


@dataclass(frozen=True)
class ShrunkSettings:
    """What the similarities depend on besides the rows."""

    shrink: float = 0.0
    """Added to every denominator."""
    normalize: bool = True
    """Whether products are divided by norms."""
    asymmetric_alpha: float = 0.0
    """a, the share of the choosing row's norm in the denominator of asymmetric."""
    tversky_alpha: float = 0.0
    """Weight of the columns that only the choosing row has."""
    tversky_beta: float = 0.0
    """Weight of the columns that only the other row has."""


def shrunk_similarities(x: SparseArray, name: ShrunkSimilarity, settings: ShrunkSettings) -> Rows:
    """Return a function that computes rows of the similarities, [N, N] sparse with zero diagonal.

    Row j holds the similarities of all rows i from which j chooses neighbours. With c common
    non-zero columns, n_i non-zero columns, l_i = |x_i|, a = ``asymmetric_alpha``, and
    s = ``shrink`` + 1e-6:

    - cosine ``x_i.x_j / (l_i l_j + s)``; asymmetric ``x_i.x_j / (l_j^(2a) l_i^(2(1-a)) + s)``
    - pearson: as cosine, after the mean of its non-zero values is subtracted from each row;
      adjusted: after that of each column is
    - jaccard, tanimoto ``c / (n_i + n_j - c + s)``; dice ``c / (n_i + n_j + s)``
    - tversky ``c / (c + tversky_alpha (n_j - c) + tversky_beta (n_i - c) + s)``

    Without ``normalize`` the first four are ``x_i.x_j / shrink``, or ``x_i.x_j`` if that is 0.

    Args:
        x: [N, F].
        name: of the similarity.
        settings: its parameters.
    """
    if name in ("jaccard", "tanimoto", "dice", "tversky"):
        x = indicators(x)
        return _rows(dots(x), _of_counts(squared_norms(x), name, settings))
    is_centred = name in ("pearson", "adjusted")
    x = _centred(x, by_row=name == "pearson") if is_centred else x
    norms = np.sqrt(squared_norms(x))
    products = _without_noise(dots(x), norms) if is_centred else dots(x)
    return _rows(products, _of_products(norms, name, settings))


def _rows(products: Rows, similarity: _Pairs) -> Rows:
    return without_diagonal(lambda start, stop: by_pairs(products(start, stop), start, similarity))


def _of_products(norms: DenseArray, name: ShrunkSimilarity, settings: ShrunkSettings) -> _Pairs:
    if not settings.normalize:
        return lambda dot, j, i: dot / (settings.shrink or 1.0)
    s = settings.shrink + _EPSILON
    if name == "asymmetric":
        a = settings.asymmetric_alpha
        choosing, other = norms ** (2 * a), norms ** (2 * (1 - a))
        return lambda dot, j, i: dot / (choosing[j] * other[i] + s)
    return lambda dot, j, i: dot / (norms[j] * norms[i] + s)


def _of_counts(degrees: DenseArray, name: ShrunkSimilarity, settings: ShrunkSettings) -> _Pairs:
    n, s = degrees, settings.shrink + _EPSILON
    if name == "dice":
        return lambda c, j, i: c / (n[i] + n[j] + s)
    if name == "tversky":
        alpha, beta = settings.tversky_alpha, settings.tversky_beta
        return lambda c, j, i: c / (c + alpha * (n[j] - c) + beta * (n[i] - c) + s)
    return lambda c, j, i: c / (n[i] + n[j] - c + s)


def _without_noise(products: Rows, norms: DenseArray) -> Rows:
    """Return the products, with 0 for those that cancel out up to rounding."""

    def rows(start: int, stop: int) -> Matrix:
        return by_pairs(
            products(start, stop),
            start,
            lambda dot, j, i: np.where(np.abs(dot) <= _NOISE * norms[j] * norms[i], 0, dot),
        )

    return rows


def _centred(x: SparseArray, *, by_row: bool) -> SparseArray:
    """Subtract the mean of the non-zero values of each row, or of each column, from them."""
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    groups, n_groups = (rows, x.shape[0]) if by_row else (x.indices, x.shape[1])
    sums = np.bincount(groups, weights=x.data, minlength=n_groups)
    counts = np.bincount(groups, minlength=n_groups)
    values = x.data - (sums / np.maximum(counts, 1))[groups]
    values[np.abs(values) <= _NOISE * np.abs(x.data)] = 0
    return csr_array((values, x.indices, x.indptr), shape=x.shape)
