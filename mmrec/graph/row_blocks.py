"""Matrices of all pairs of rows, computed in blocks, of which each row keeps the largest values.

Shapes: N rows, F columns, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

SparseArray: TypeAlias = "csr_array[np.float64, tuple[int, int]]"
"""A sparse float64 matrix of scipy by rows."""

DenseArray: TypeAlias = npt.NDArray[np.float64]
"""A dense float64 matrix or vector."""

Matrix: TypeAlias = "SparseArray | DenseArray"
"""A sparse or a dense float64 matrix."""

Rows: TypeAlias = Callable[[int, int], Matrix]
"""First and last row (excluded) -> these rows of an [N, N] matrix, [B, N]."""

DenseRows: TypeAlias = Callable[[int, int], DenseArray]
"""The same, always dense."""

IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
"""Numbers of rows or columns."""

_BLOCK_VALUES = 1 << 22
"""Values of a dense block (32 MiB); the [N, N] matrix never exists."""

_GROUP = 16
"""Values that are represented by their largest one when the k-th largest is bounded."""

_NOISE_BITS = 12
"""Last bits of a float64 that do not count in comparisons, a relative difference of 1e-12."""


def keep_largest(
    rows: Rows, n: int, k: int, *, zeros_compete: bool = False, width: int | None = None
) -> SparseArray:
    """Return a matrix whose rows keep the ``k`` largest values and no zeros, [N, W].

    Equal values are taken by ascending column. Values are equal here if they differ by rounding,
    by less than about 1e-12 of themselves.

    Args:
        rows: returns rows of the whole matrix; in a sparse block what is absent is zero.
        n: N.
        k: from 1 up; W and more keep everything.
        zeros_compete: zeros count among the k before they are dropped, so that negative values
            are kept only if fewer than k values are positive or zero.
        width: W, the number of columns; N by default.
    """
    width = n if width is None else width
    counts, columns, values = [], [], []
    for start, stop in blocks(n, width):
        for places, found in _entries(rows(start, stop)):
            room = _room(found, k, width - len(found)) if zeros_compete else k
            kept = largest(found, room, places)
            counts.append(len(kept))
            columns.append(places[kept])
            values.append(found[kept])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    parts = (np.concatenate(values), np.concatenate(columns), offsets)
    return csr_array(parts, shape=(n, width))


def blocks(n: int, width: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield the first and the last row (excluded) of each block of an [n, width] matrix.

    Args:
        n: the number of rows.
        width: that of columns; n by default.
    """
    size = max(1, _BLOCK_VALUES // max(1, n if width is None else width))
    for start in range(0, n, size):
        yield start, min(start + size, n)


def largest(values: DenseArray, k: int, columns: IntArray) -> IntArray:
    """Return the places of the ``k`` largest values, by ascending column.

    Args:
        values: [P].
        k: how many; of equal values those of the lowest columns are taken.
        columns: [P], in any order.
    """
    if k <= 0:
        return np.empty(0, np.int64)
    if k >= len(values):
        return np.argsort(columns)
    candidates = np.flatnonzero(values >= _lower_bound(values, k))
    candidates = candidates[np.argsort(columns[candidates])]
    rounded = without_noise(values[candidates])
    least = np.partition(rounded, len(rounded) - k)[len(rounded) - k]
    is_kept = rounded > least
    equal = np.flatnonzero(rounded == least)
    is_kept[equal[: k - int(is_kept.sum())]] = True
    kept: IntArray = candidates[is_kept]
    return kept


def _room(values: DenseArray, k: int, n_zeros: int) -> int:
    """Return how many of the values that are not zero are among the k largest of all values."""
    n_positive = int((values > 0).sum())
    return k if n_positive >= k else max(n_positive, k - n_zeros)


def rows_of(matrix: SparseArray) -> Rows:
    """Return a function that returns rows of a matrix that exists already."""
    return lambda start, stop: matrix[start:stop]


def transposed(matrix: SparseArray) -> SparseArray:
    """Return the transposed matrix by rows, with sorted columns."""
    return matrix.T.tocsr()


def dense(matrix: Matrix) -> DenseArray:
    """Return a matrix as a dense one."""
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def by_pairs(
    block: Matrix, start: int, function: Callable[[DenseArray, IntArray, IntArray], DenseArray]
) -> Matrix:
    """Replace the values of some rows of an [N, N] matrix.

    Args:
        block: [B, N]; in a sparse block what is absent stays zero.
        start: number of the first row.
        function: returns the new values for values, the numbers of their rows and those of their
            columns, three arrays that broadcast.
    """
    if isinstance(block, np.ndarray):
        numbers = np.arange(start, start + len(block))[:, None], np.arange(block.shape[1])[None]
        return function(block, *numbers)
    rows = np.repeat(np.arange(start, start + block.shape[0]), np.diff(block.indptr))
    values = function(block.data, rows, block.indices)
    return csr_array((values, block.indices, block.indptr), shape=block.shape)


def without_diagonal(rows: Rows) -> Rows:
    """Return the same matrix with zeros on the diagonal."""

    def others(start: int, stop: int) -> Matrix:
        block = rows(start, stop)
        return by_pairs(block, start, lambda value, row, column: np.where(row == column, 0, value))

    return others


def _entries(block: Matrix) -> Iterator[tuple[IntArray, DenseArray]]:
    """Yield the columns, in any order, and the values of each row that are not zero."""
    for row in range(block.shape[0]):
        if isinstance(block, np.ndarray):
            places = np.flatnonzero(block[row])
            yield places, block[row][places]
        else:
            entries = slice(block.indptr[row], block.indptr[row + 1])
            columns, values = block.indices[entries], block.data[entries]
            is_non_zero = values != 0
            if not is_non_zero.all():
                columns, values = columns[is_non_zero], values[is_non_zero]
            yield columns, values


def _lower_bound(values: DenseArray, k: int) -> float:
    """Return a value that at least k values reach, and all that are equal to the k-th largest.

    It is the k-th largest of the maxima of groups, or of the values themselves if they are few.
    """
    n_groups = len(values) // _GROUP
    if n_groups >= 2 * k:
        values = values[: n_groups * _GROUP].reshape(_GROUP, n_groups).max(axis=0)
    bound = float(np.partition(values, len(values) - k)[len(values) - k])
    return bound - 1e-11 * abs(bound)


def without_noise(values: DenseArray) -> DenseArray:
    """Return the values rounded to 40 bits, so that rounding noise does not order them."""
    half = 1 << (_NOISE_BITS - 1)
    bits = values.view(np.int64) + half
    return (bits >> _NOISE_BITS << _NOISE_BITS).view(np.float64)
