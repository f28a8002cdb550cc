"""Regularised least squares for many rows that share their matrix, as in ALS."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mmrec.data import FloatArray
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import SparseArray
from mmrec.interruption import check_interrupted
from mmrec.models.threads import torch_threads

_BLOCK_VALUES = 1 << 22
"""Gathered numbers held at once (32 MiB)."""

_ALIGNED = 8
"""Matrices of a batch have sides of this multiple, with zeros. Each then begins at a multiple of
64 bytes; without it, their place in the batch changes the last bits."""


class LeastSquares:
    """``(b Y^T Y + w sum_{i in u} y_i y_i^T + p_u 1)^-1 t sum_{i in u} y_i`` for all rows u.

    With the eigenvectors ``Y^T Y = Q L Q^T`` and ``V = (Y_u Q) (b L + p_u)^-1/2`` it is
    ``t Q (b L + p_u)^-1/2 z`` with ``(1 + w V^T V) z = V^T 1``, or equally ``z = V^T s`` with
    ``(1 + w V V^T) s = 1``. The smaller of the two systems is solved, by Cholesky; its eigenvalues
    are at least 1. Rows of similar degrees are solved together. Each row is computed on its own, so
    the bits do not depend on the blocks.

    Shapes: N rows, M columns, f width of the factors.

    Args:
        rows: sparse [N, M]; says which columns belong to a row, its values are not read.
        penalties: p, [N].
        weight: w, at least 0.
        target: t.
        background: b, at least 0.
        block_values: numbers gathered at once.
    """

    def __init__(
        self,
        rows: SparseArray,
        penalties: FloatArray,
        *,
        weight: float = 1.0,
        target: float = 1.0,
        background: float = 1.0,
        block_values: int = _BLOCK_VALUES,
    ) -> None:
        self._starts = torch.from_numpy(rows.indptr.astype(np.int64))
        self._columns = torch.from_numpy(np.append(rows.indices, rows.shape[1]).astype(np.int64))
        self._degrees = self._starts.diff()
        self._penalties = torch.from_numpy(penalties)
        self._weight, self._target, self._background = weight, target, background
        self._block_values = block_values

    def solve(self, y: Tensor) -> Tensor:
        """Return the solutions [N, f] for ``y`` [M, f] float64; those of empty rows are 0.

        Raises:
            ModelError: a system is singular.
        """
        with torch_threads(1):  # the bits of an eigendecomposition depend on the threads
            values, vectors = torch.linalg.eigh(y.T @ y)
        scale = self._background * values.clamp_(min=0)
        self._check(scale)
        width = y.shape[1]
        wide = -width % _ALIGNED
        rotated = pad(y @ vectors, (0, wide, 0, 1))  # a last row of zeros, for shorter rows
        result = y.new_zeros(len(self._degrees), width + wide)
        for rows, length in self._blocks(width + wide):
            check_interrupted()
            places = torch.arange(length)
            is_edge = places < self._degrees[rows, None]
            edges = torch.where(is_edge, self._starts[rows, None] + places, -1)
            root = pad((scale + self._penalties[rows, None]).rsqrt(), (0, wide))
            v = rotated[self._columns[edges]] * root[:, None, :]
            ones = is_edge.to(v.dtype)[:, None, :]
            # torch.bmm rather than @, which treats a batch of one matrix as a special case.
            if length < width:
                z = torch.bmm(self._solved(torch.bmm(v, v.mT), ones), v)
            else:
                z = self._solved(torch.bmm(v.mT, v), torch.bmm(ones, v))
            result[rows] = z[:, 0] * root
        solutions: Tensor = self._target * (result[:, :width] @ vectors.T)
        return solutions

    def _solved(self, gram: Tensor, right: Tensor) -> Tensor:
        """Solve ``(1 + w gram) s = right^T``; return the transposed solutions, like ``right``."""
        system = gram.mul_(self._weight)
        system.diagonal(dim1=1, dim2=2).add_(1)
        return torch.cholesky_solve(right.mT, torch.linalg.cholesky(system)).mT

    def _blocks(self, width: int) -> Iterator[tuple[Tensor, int]]:
        """Yield rows whose degrees are in one range, and the end of the range."""
        lengths = -(-self._degrees // _ALIGNED) * _ALIGNED
        order = lengths.argsort(stable=True)
        found, counts = lengths[order].unique_consecutive(return_counts=True)
        for rows, length in zip(order.split(counts.tolist()), found.tolist(), strict=True):
            if length:
                for block in rows.split(max(1, self._block_values // (length * width))):
                    yield block, length

    def _check(self, scale: Tensor) -> None:
        """Refuse systems whose smallest eigenvalue is 0 within rounding."""
        smallest = float(scale[0] + self._penalties[self._degrees > 0].min())
        if smallest <= len(scale) * 2.3e-16 * float(scale[-1]):
            raise ModelError(
                "reg: the normal equations are singular, because the factors of the other side "
                f"have a rank below {len(scale)} (factors); use a larger reg"
            )
