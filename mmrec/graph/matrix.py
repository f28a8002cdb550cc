"""One sparse matrix for all graphs: of users and items, and of items alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate


class SparseMatrix:
    """A sparse [N, M] matrix, ``matrix @ x``; its values may have a gradient.

    A matrix does not change: every operation returns a new one, and matrices of the same edges
    share their :class:`Pattern`. A model keeps it as an attribute, which ``model.to(device)``
    moves; it is not part of the model's state.

    Args:
        pattern: E edges.
        values: [E] floating point, in the order of the pattern.

    Shapes: N rows, M columns, E edges, D width of the embeddings.
    """

    def __init__(self, pattern: Pattern, values: Tensor) -> None:
        self.pattern = pattern
        self.values = values
        self._copies: dict[tuple[torch.device, torch.dtype], SparseMatrix] = {}

    @classmethod
    def from_edges(
        cls, rows: Tensor, cols: Tensor, shape: tuple[int, int], values: Tensor | None = None
    ) -> SparseMatrix:
        """Build a matrix from edges in any order.

        Args:
            rows: [E] int64.
            cols: [E] int64.
            shape: (N, M).
            values: [E] float; those of a repeated edge are added up. Without values every edge
                has the value 1, repeated or not.
        """
        pattern, places = coalesce(rows, cols, shape)
        if values is None:
            return cls(pattern, torch.ones(len(pattern), device=rows.device))
        return cls(pattern, _spread(values, places, len(pattern)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (N, M)."""
        return self.pattern.shape

    @property
    def device(self) -> torch.device:
        """The device of the values."""
        return self.values.device

    @property
    def row_sums(self) -> Tensor:
        """The sum of the values of each row, [N]; degrees, where the values are 1."""
        return _row_sums(self.pattern, self.values)[:, 0]

    def __matmul__(self, x: Tensor) -> Tensor:
        """Return ``A x``, [N, D] for ``x`` [M, D]; differentiable in the values and in ``x``."""
        return propagate(self.pattern, self.values, x)

    def __mul__(self, factor: float | Tensor) -> SparseMatrix:
        """Multiply every value by a number or a scalar tensor."""
        return SparseMatrix(self.pattern, self.values * factor)

    __rmul__ = __mul__

    def __add__(self, other: SparseMatrix) -> SparseMatrix:
        """Add two matrices of one shape.

        Nothing is sorted: the edges of each row of ``other`` follow those of this matrix, and
        edges that both have occur twice. Rounding can therefore depend on the order.
        """
        if self.shape != other.shape:
            raise ValueError(f"cannot add matrices of the shapes {self.shape} and {other.shape}")
        if self.pattern is other.pattern:
            return SparseMatrix(self.pattern, self.values + other.values)
        return _side_by_side(self, other)

    @staticmethod
    def aligned(matrices: Sequence[SparseMatrix]) -> list[SparseMatrix]:
        """Return the same matrices over one pattern, which has the edges of all of them."""
        if all(matrix.pattern is matrices[0].pattern for matrix in matrices):
            return list(matrices)
        pattern, places = coalesce(
            torch.cat([matrix.pattern.rows for matrix in matrices]),
            torch.cat([matrix.pattern.cols for matrix in matrices]),
            matrices[0].shape,
        )
        shares = places.split([len(matrix.pattern) for matrix in matrices])
        return [
            SparseMatrix(pattern, _spread(matrix.values, place, len(pattern)))
            for matrix, place in zip(matrices, shares, strict=True)
        ]

    @staticmethod
    def weighted_sum(
        matrices: Sequence[SparseMatrix], weights: Sequence[float] | Tensor
    ) -> SparseMatrix:
        """Return ``sum_m weights_m matrices_m``, differentiable in the values and weights.

        Args:
            matrices: M matrices of one shape; quickest where they are :meth:`aligned`.
            weights: M numbers, or [M] float.
        """
        if len(weights) != len(matrices):
            raise ValueError(f"expected {len(matrices)} weights, found {len(weights)}")
        matrices = SparseMatrix.aligned(matrices)
        values = torch.stack([matrix.values for matrix in matrices])
        if not isinstance(weights, Tensor):
            weights = values.new_tensor(weights)
        return SparseMatrix(matrices[0].pattern, weights @ values)

    def symmetric(self) -> SparseMatrix:
        """Return ``D^-1/2 A D^-1/2`` of a square matrix, where D has the row sums of A.

        The row sums scale both sides, also where A is not symmetric. A row whose sum is zero has
        the factor 0.

        Raises:
            ValueError: a row sum is negative, or the matrix is not square.
        """
        if self.shape[0] != self.shape[1]:
            raise ValueError(f"expected a square matrix, found the shape {self.shape}")
        self._check_row_sums()
        return SparseMatrix(self.pattern, symmetric_normalise(self.pattern, self.values))

    def by_row(self) -> SparseMatrix:
        """Return ``D^-1 A``, where D has the row sums of A; a row whose sum is zero is zero.

        Raises:
            ValueError: a row sum is negative.
        """
        self._check_row_sums()
        sums = self.row_sums[self.pattern.rows]
        is_zero = sums == 0
        values = self.values / sums.masked_fill(is_zero, 1.0)
        return SparseMatrix(self.pattern, values.masked_fill(is_zero, 0.0))

    def by_row_and_column(self) -> SparseMatrix:
        """Return ``D_r^-1/2 A D_c^-1/2`` with the sums of the rows and of the columns.

        That of users and items is the upper right block of ``bipartite(A).symmetric()``.

        Raises:
            ValueError: the sum of a row or of a column is negative.
        """
        self._check_row_sums()
        transposed = self.transposed()
        transposed._check_row_sums()
        scales = (inverse_root(matrix.row_sums)[:, None] for matrix in (self, transposed))
        return SparseMatrix(self.pattern, self.values * edge_products(self.pattern, *scales))

    def transposed(self) -> SparseMatrix:
        """Return ``A^T``, [M, N]."""
        rowptr, cols, permutation = self.pattern.transposed()
        n_edges = rowptr[1:] - rowptr[:-1]
        rows = torch.arange(self.shape[1], device=self.device).repeat_interleave(n_edges.long())
        pattern = Pattern(rows, cols.long(), (self.shape[1], self.shape[0]), rowptr.long())
        return SparseMatrix(pattern, self.values.index_select(0, permutation.long()))

    def select(self, edges: Tensor) -> SparseMatrix:
        """Return a matrix of the same shape with some of the edges.

        Args:
            edges: [K] int64, ascending positions in the order of the pattern.
        """
        pattern = Pattern(self.pattern.rows[edges], self.pattern.cols[edges], self.shape)
        return SparseMatrix(pattern, self.values[edges])

    def detach(self) -> SparseMatrix:
        """Return the same matrix without the gradient's history."""
        return SparseMatrix(self.pattern, self.values.detach())

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> SparseMatrix:
        """Return the matrix on a device, with values of a type.

        A constant matrix keeps its copies: one that several models share is copied once.
        """
        dtype = dtype or self.values.dtype
        if (device, dtype) == (self.device, self.values.dtype):
            return self
        copy = self._copies.get((device, dtype))
        if copy is None:
            copy = SparseMatrix(self.pattern.to(device), self.values.to(device, dtype))
            if not self.values.requires_grad:
                self._copies[device, dtype] = copy
        return copy

    def to_dense(self) -> Tensor:
        """Return the matrix [N, M], for tests and small examples."""
        dense = self.values.new_zeros(self.shape)
        places = (self.pattern.rows, self.pattern.cols)
        return dense.index_put(places, self.values, accumulate=True)

    def _check_row_sums(self) -> None:
        negative = (self.row_sums < 0).nonzero()
        if len(negative):
            row = int(negative[0])
            raise ValueError(
                f"the sum of row {row} is negative, {self.row_sums[row].item():.6g}: "
                "the matrix cannot be normalised"
            )

    def __len__(self) -> int:
        return len(self.pattern)

    def __repr__(self) -> str:
        return f"<SparseMatrix {self.shape[0]} x {self.shape[1]} with {len(self)} edges>"


def symmetric_normalise(pattern: Pattern, values: Tensor) -> Tensor:
    """Return the values of ``D^-1/2 S D^-1/2``, where D has the row sums of S; differentiable.

    A row whose sum is not positive has the factor 0.
    """
    scale = inverse_root(_row_sums(pattern, values))
    return values * edge_products(pattern, scale, scale)


def inverse_root(sums: Tensor) -> Tensor:
    """Return ``1 / sqrt(sums)``, 0 where a sum is not positive, without NaN in the gradient."""
    positive = sums > 0
    return torch.where(positive, torch.where(positive, sums, 1.0).rsqrt(), 0.0)


def _row_sums(pattern: Pattern, values: Tensor) -> Tensor:
    """Return the row sums, [N, 1]."""
    return propagate(pattern, values, values.new_ones(pattern.shape[1], 1))


def _side_by_side(one: SparseMatrix, other: SparseMatrix) -> SparseMatrix:
    first, second = one.pattern, other.pattern
    rowptr = first.rowptr + second.rowptr
    edges = torch.arange(len(first) + len(second), device=rowptr.device)
    places = torch.cat(
        [
            edges[: len(first)] + second.rowptr[first.rows],
            edges[: len(second)] + first.rowptr[second.rows + 1],
        ]
    )

    def put(x: Tensor, y: Tensor) -> Tensor:
        return x.new_empty(len(edges)).scatter(0, places, torch.cat([x, y]))

    pattern = Pattern(
        put(first.rows, second.rows), put(first.cols, second.cols), first.shape, rowptr
    )
    return SparseMatrix(pattern, put(one.values, other.values))


def _spread(values: Tensor, places: Tensor, length: int) -> Tensor:
    """Add up ``values`` at their ``places`` in a vector of zeros."""
    return values.new_zeros(length).index_add(0, places, values)
