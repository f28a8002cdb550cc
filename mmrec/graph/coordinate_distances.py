"""Distances that do not follow from dot products, by blocks of rows.

Shapes: N rows, F columns, B rows of a block, P columns of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from scipy.spatial.distance import cdist

from mmrec.graph.row_blocks import DenseArray, DenseRows, IntArray, Matrix, SparseArray

CoordinateDistance = Literal["cityblock", "chebyshev", "braycurtis", "canberra", "hamming"]
"""Names of distances, those of scipy."""

_PART_VALUES = 1 << 22
"""Values of the columns that are dense at once (32 MiB)."""


def coordinate_distances(x: Matrix, name: CoordinateDistance) -> DenseRows:
    """Return a function that computes rows of the distances between all rows, [N, N] dense.

    Time is in proportion to N^2 F for a dense ``x`` and to N times its non-zero values for a
    sparse one.

    Args:
        x: [N, F].
        name: the distance; see :func:`mmrec.graph.similarities.similar_rows`. That of rows of
            zeros may be NaN or infinite.
    """
    if isinstance(x, np.ndarray):
        return lambda start, stop: cdist(x[start:stop], x, name)
    sparse = _SparseRows(x)
    compute = getattr(sparse, name)
    return lambda start, stop: np.stack([compute(row) for row in range(start, stop)])


class _SparseRows:
    """The distances of one sparse row to all rows, [N].

    A row j has few non-zero columns. In the others a row i is compared with zeros, for which sums
    over the row suffice.

    Args:
        x: [N, F].
    """

    def __init__(self, x: SparseArray) -> None:
        x = x.copy()
        x.eliminate_zeros()  # two zeros in the same place would give 0 / 0 in canberra
        self._x, self._columns = x, x.T.tocsr()
        self._n_columns = x.shape[1]
        rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        self._totals = np.bincount(rows, np.abs(x.data), x.shape[0])
        self._n_non_zero = np.diff(x.indptr)

    def cityblock(self, row: int) -> DenseArray:
        """Return ``sum |a - b|``."""
        inner = self._sum(row, lambda a, b: abs(a - b) - abs(a))
        return np.maximum(self._totals + inner, 0)

    def braycurtis(self, row: int) -> DenseArray:
        """Return ``sum |a - b| / sum |a + b|``, infinity of opposite rows and of rows of zeros."""
        sums = self._totals + self._sum(row, lambda a, b: abs(a + b) - abs(a))
        return np.divide(self.cityblock(row), sums, out=np.full_like(sums, np.inf), where=sums > 0)

    def canberra(self, row: int) -> DenseArray:
        """Return ``sum |a - b| / (|a| + |b|)``."""
        inner = self._sum(row, lambda a, b: abs(a - b) / (abs(a) + abs(b)) - (a != 0))
        return np.maximum(self._n_non_zero + inner, 0)

    def hamming(self, row: int) -> DenseArray:
        """Return the share of columns that differ."""
        differing = self._sum(row, lambda a, b: (a != b) * 1.0 - (a != 0))
        return (self._n_non_zero + differing) / self._n_columns

    def chebyshev(self, row: int) -> DenseArray:
        """Return ``max |a - b|``."""
        x, own = self._x, np.zeros(self._n_columns)
        columns, values = self._entries(row)
        own[columns] = values
        result = np.zeros(x.shape[0])
        filled = np.flatnonzero(np.diff(x.indptr))
        if len(filled):  # the columns of row i
            differences = np.abs(x.data - own[x.indices])
            result[filled] = np.maximum.reduceat(differences, x.indptr[filled])
        for a, b in self._parts(columns, values):  # the columns of row j
            np.maximum(result, np.abs(a - b).max(axis=0), out=result)
        return result

    def _entries(self, row: int) -> tuple[IntArray, DenseArray]:
        places = slice(self._x.indptr[row], self._x.indptr[row + 1])
        return self._x.indices[places], self._x.data[places]

    def _parts(
        self, columns: IntArray, values: DenseArray
    ) -> Iterator[tuple[DenseArray, DenseArray]]:
        """Yield the values of all rows in some columns, [P, N], and those of one row, [P, 1]."""
        step = max(1, _PART_VALUES // self._x.shape[0])
        for start in range(0, len(columns), step):
            part = slice(start, start + step)
            yield self._columns[columns[part]].toarray(), values[part, None]

    def _sum(self, row: int, term: Callable[[DenseArray, DenseArray], DenseArray]) -> DenseArray:
        """Return the sums of a term over the non-zero columns of a row, [N]."""
        result = np.zeros(self._x.shape[0])
        for a, b in self._parts(*self._entries(row)):
            result += term(a, b).sum(axis=0)
        return result
