"""Elastic nets that predict each column of a matrix from the others, from their Gram matrix.

For the Gram matrix G and every column j, the minimiser of

    1/2 w^T G w - G_j^T w + l1 |w|_1 + l2 / 2 |w|^2, w_j = 0

Many columns are solved at once. Each has an active set of coordinates, on which coordinate descent
finds the minimum. Coordinates that violate the optimality conditions are added to the set until
there are none.

Shapes: I columns, B columns of a block, A active coordinates.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack

from mmrec.graph.row_blocks import DenseArray, SparseArray
from mmrec.models.coordinate_descent import CoordinateDescent

logger = logging.getLogger(__name__)

_BLOCK = 256
"""Columns solved at once."""

_BLOCK_VALUES = 1 << 23
"""Entries of the systems solved at once (64 MiB)."""

_FIRST = 16
"""Coordinates that are added first; later as many as a column has."""

_ALIGNED = 8
"""Systems have sides of this multiple: their place in a batch then does not change the bits."""

_ROUNDS = 100
"""How often coordinates are added; more are only needed where descent does not converge."""

_VIOLATION = 1e-10
"""Violations of optimality that do not count, relative to the largest target of a column."""

_Numbers = npt.NDArray[np.int64]
"""Numbers of columns [B], or coordinates of each column [B, A], padded with -1."""


@dataclass(frozen=True)
class ElasticNet:
    """The penalties of the problem above."""

    l1: float
    l2: float
    is_positive: bool = True
    """Whether coefficients are at least 0."""
    is_hidden: bool = True
    """Whether ``w_j = 0``."""

    def columns(self, gram: DenseArray) -> SparseArray:
        """Return the coefficients; those of column j are row j, [I, I].

        Args:
            gram: G, [I, I] float64, symmetric.
        """
        n = len(gram)
        # Columns with similar numbers of candidates are solved together.
        sizes = np.array([int((np.abs(row) > self.l1).sum()) for row in gram])
        order = np.argsort(sizes, kind="stable")
        blocks = [self._block(gram, order[i : i + _BLOCK]) for i in range(0, n, _BLOCK)]
        numbers, parts = zip(*(part for block in blocks for part in block), strict=True)
        result: SparseArray = vstack(parts, format="csr")[np.argsort(np.concatenate(numbers))]
        result.sort_indices()
        return result

    def _block(self, gram: DenseArray, columns: _Numbers) -> list[tuple[_Numbers, SparseArray]]:
        """Return the coefficients of some columns: numbers of columns, and their rows [., I]."""
        targets = gram[columns]
        if self.is_hidden:
            targets[np.arange(len(columns)), columns] = 0
        noise = _VIOLATION * np.abs(targets).max(axis=1)
        active = np.full((len(columns), 0), -1, np.int64)
        weights = np.zeros(active.shape)
        pending = np.arange(len(columns))
        done = []
        for number in range(_ROUNDS + 1):
            found = _sparse(active, weights, gram.shape[1])
            residuals = targets[pending] - found @ gram
            if self.is_hidden:
                residuals[np.arange(len(pending)), columns[pending]] = 0
            if not self.is_positive:
                residuals = np.abs(residuals)
            rows, places = np.nonzero(active >= 0)
            residuals[rows, active[rows, places]] = 0
            is_open = residuals.max(axis=1) > self.l1 + noise[pending]
            if number == _ROUNDS:
                logger.warning("%d columns are not at their optimum", is_open.sum())
                is_open[:] = False
            done.append((columns[pending[~is_open]], found[~is_open]))
            pending, active, weights = pending[is_open], active[is_open], weights[is_open]
            if not len(pending):
                break
            active, weights = self._extended(
                active, weights, residuals[is_open] - (self.l1 + noise[pending, None])
            )
            weights = self._solved(gram, targets[pending], active, weights, noise[pending])
        return done

    @staticmethod
    def _extended(
        active: _Numbers, weights: DenseArray, violations: DenseArray
    ) -> tuple[_Numbers, DenseArray]:
        """Drop coordinates that are 0, and add those with the largest violations."""
        is_kept = weights != 0
        n_kept = is_kept.sum(axis=1)
        n_new = np.minimum(np.maximum(n_kept, _FIRST), (violations > 0).sum(axis=1))
        size = -(-int((n_kept + n_new).max()) // _ALIGNED) * _ALIGNED
        extended = np.full((len(active), size), -1, np.int64)
        values = np.zeros(extended.shape)
        for row, (kept, n) in enumerate(zip(is_kept, n_new.tolist(), strict=True)):
            largest = np.argpartition(-violations[row], n - 1)[:n]
            known = active[row, kept]
            extended[row, : len(known) + n] = np.concatenate([known, np.sort(largest)])
            values[row, : len(known)] = weights[row, kept]
        return extended, values

    def _solved(
        self,
        gram: DenseArray,
        targets: DenseArray,
        active: _Numbers,
        weights: DenseArray,
        noise: DenseArray,
    ) -> DenseArray:
        """Return the minimisers over the active coordinates, [B, A]."""
        descent = CoordinateDescent(self.l1, is_positive=self.is_positive)
        size = active.shape[1]
        n = max(1, _BLOCK_VALUES // size**2)
        parts = []
        for start in range(0, len(active), n):
            part = slice(start, start + n)
            is_active = active[part] >= 0
            systems = gram[active[part, :, None], active[part, None, :]]
            systems *= is_active[:, :, None] & is_active[:, None, :]
            systems[:, np.arange(size), np.arange(size)] += np.where(is_active, self.l2, 1)
            right = np.where(is_active, np.take_along_axis(targets[part], active[part], axis=1), 0)
            parts.append(descent.minimise(systems, right, weights[part], noise[part]))
        return np.concatenate(parts)


def _sparse(active: _Numbers, weights: DenseArray, n: int) -> SparseArray:
    """Return coefficients [B, A] of active coordinates as a matrix [B, n] without zeros."""
    rows, places = np.nonzero(weights)
    return csr_array((weights[rows, places], (rows, active[rows, places])), (len(active), n))
