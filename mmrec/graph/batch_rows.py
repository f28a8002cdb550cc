"""Some rows of a sparse matrix: a product with them, and one with their transpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmrec.graph.kernels import sddmm, spmm
from mmrec.graph.matrix import SparseMatrix
from mmrec.graph.sparse import Pattern, transposed_spmm

_CUT_RATIO = 3
"""Rows with at most a third of the edges are cut out; with more, the whole matrix is faster."""

Csr = tuple[Tensor, Tensor, Tensor]
"""Row pointer, columns, values."""


class BatchRows:
    """The rows of a sparse matrix at some nodes, repetitions allowed; ``rows @ x`` has a gradient.

    On the CPU they are cut out of the matrix when they are few. On other devices the whole matrix
    is multiplied, because the host would have to wait for the number of edges to cut. The choice
    depends on numbers of edges alone. A product has the same bits either way; a transposed product
    may round differently.

    Shapes: N rows, M columns, E edges, P nodes, D width of the embeddings.

    Args:
        matrix: [N, M].
        nodes: [P] int64.

    Attributes:
        nodes: [P] int64.
    """

    def __init__(self, matrix: SparseMatrix, nodes: Tensor) -> None:
        self.nodes = nodes
        self._pattern, self._values = matrix.pattern, matrix.values
        is_on_cpu = nodes.device.type == "cpu"
        self._cut = _Cut.of(matrix.pattern, matrix.values, nodes) if is_on_cpu else None

    @property
    def shape(self) -> tuple[int, int]:
        """Selected rows and columns, (P, M)."""
        return len(self.nodes), self._pattern.shape[1]

    def __matmul__(self, x: Tensor) -> Tensor:
        """Return ``(A x)[nodes]``, [P, D] for ``x`` [M, D].

        Differentiable in the values of the matrix and in ``x``.
        """
        product: Tensor = _Product.apply(self, self._values, x)  # type: ignore[no-untyped-call]
        return product

    def product(self, x: Tensor) -> Tensor:
        """Return ``(A x)[nodes]``, [P, D] for ``x`` [M, D], without gradient."""
        if self._cut is None:
            return spmm(*self._pattern.csr(), self._values, x).index_select(0, self.nodes)
        return spmm(*self._cut.csr, x)

    def transposed_product(self, y: Tensor) -> Tensor:
        """Return ``A[nodes]^T y``, [M, D] for ``y`` [P, D], without gradient."""
        if self._cut is None:
            spread = scattered(y, self.nodes, self._pattern.shape[0])
            return transposed_spmm(self._pattern, self._values, spread)
        return spmm(*_transposed(self._cut.csr, self._pattern.shape[1]), y)

    def edge_products(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``<x_p, y_j>``, summed up over the nodes p of each edge (i, j), [E].

        Args:
            x: [P, D], without gradient.
            y: [M, D], without gradient.
        """
        if self._cut is None:
            spread = scattered(x, self.nodes, self._pattern.shape[0])
            return sddmm(*self._pattern.csr(), self._pattern.rows, spread, y)
        rowptr, cols, _ = self._cut.csr
        products = sddmm(rowptr, cols, self._cut.rows(), x, y)
        return x.new_zeros(len(self._pattern)).index_add_(0, self._cut.edges, products)


class _Product(Function):
    @staticmethod
    def forward(ctx: Any, rows: BatchRows, values: Tensor, x: Tensor) -> Tensor:  # noqa: ANN401
        ctx.rows = rows
        ctx.save_for_backward(x)
        return rows.product(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (x,) = ctx.saved_tensors
        _, needs_values, needs_x = ctx.needs_input_grad
        return (
            None,
            ctx.rows.edge_products(gradient, x) if needs_values else None,
            ctx.rows.transposed_product(gradient) if needs_x else None,
        )


@dataclass(frozen=True, eq=False)
class _Cut:
    """Some rows as a separate matrix [P, M] of K edges."""

    csr: Csr
    edges: Tensor
    """[K] int64, their places in the whole matrix."""

    @classmethod
    def of(cls, pattern: Pattern, values: Tensor, nodes: Tensor) -> _Cut | None:
        """Cut some rows out of a matrix; None if that is slower."""
        all_rowptr, all_cols = pattern.csr()
        starts = all_rowptr.index_select(0, nodes)
        lengths = all_rowptr.index_select(0, nodes + 1) - starts
        rowptr = torch.zeros(len(nodes) + 1, dtype=all_rowptr.dtype)
        torch.cumsum(lengths, 0, out=rowptr[1:])
        n_edges = int(rowptr[-1])
        if n_edges * _CUT_RATIO > len(pattern):
            return None
        edges = torch.arange(n_edges) + torch.repeat_interleave(starts - rowptr[:-1], lengths)
        csr = rowptr, all_cols.index_select(0, edges), values.detach().index_select(0, edges)
        return cls(csr, edges)

    def rows(self) -> Tensor:
        """Return the row of each edge, [K] int64."""
        rowptr = self.csr[0].long()
        return torch.arange(len(rowptr) - 1).repeat_interleave(rowptr[1:] - rowptr[:-1])


def scattered(rows: Tensor, places: Tensor, n_rows: int) -> Tensor:
    """Return zeros [n_rows, D] to which ``rows`` [P, D] are added at their ``places`` [P]."""
    return rows.new_zeros(n_rows, rows.shape[1]).index_add_(0, places, rows)


def _transposed(matrix: Csr, n_columns: int) -> Csr:
    rowptr, cols, values = (part.numpy() for part in matrix)
    csc = csr_array((values, cols, rowptr), shape=(len(rowptr) - 1, n_columns)).tocsc()
    return torch.from_numpy(csc.indptr), torch.from_numpy(csc.indices), torch.from_numpy(csc.data)
