"""Two adjoint products over one sparse pattern.

Everything that mmrec does on graphs is made of

    propagate:      y_i = sum over edges (i, j) of  a_ij x_j          (SpMM)
    edge_products:  p_ij = <x_i, y_j>  for every edge (i, j)          (SDDMM)

and each one's gradient is the other, or itself over the transposed pattern. Sums run over the
sorted columns of one row at a time, so no result depends on the order in which threads finish:
there is no scatter with atomics anywhere.

Shapes: N rows, M columns, E edges, D width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from mmrec.graph.kernels import sddmm, spmm


class Pattern:
    """The edges of a sparse [N, M] matrix, row by row. The transpose is computed when needed.

    A pattern does not change. An edge may occur more than once: its values add up.

    Args:
        rows: [E] int64, ascending.
        cols: [E] int64, in any order within a row.
        shape: (N, M).
        rowptr: [N+1] int64, where the edges of each row begin; computed unless it is given.

    Attributes:
        rows: [E] int64, ascending.
        cols: [E] int64.
        rowptr: [N+1] int64; the edges of row i are ``rowptr[i]:rowptr[i + 1]``.
        shape: (N, M).
    """

    def __init__(
        self, rows: Tensor, cols: Tensor, shape: tuple[int, int], rowptr: Tensor | None = None
    ) -> None:
        self.rows, self.cols, self.shape = rows, cols, shape
        self.rowptr = _offsets(rows, shape[0]) if rowptr is None else rowptr
        self._csr: tuple[Tensor, Tensor] | None = None
        self._transposed: tuple[Tensor, Tensor, Tensor] | None = None
        self._permuted: tuple[Tensor, int, Tensor] | None = None
        self._copies: dict[torch.device, Pattern] = {}

    @classmethod
    def from_lists(cls, lists: Tensor, n_cols: int) -> Pattern:
        """Return the edges from each row to the columns of its list, [N, K] int64."""
        n_rows, length = lists.shape
        rows = torch.arange(n_rows, device=lists.device)
        rowptr = torch.arange(n_rows + 1, device=lists.device) * length
        return cls(rows.repeat_interleave(length), lists.flatten(), (n_rows, n_cols), rowptr)

    def to(self, device: torch.device) -> Pattern:
        """Return the pattern on a device; the same object each time."""
        if device == self.cols.device:
            return self
        if device not in self._copies:
            rows, cols, rowptr = (x.to(device) for x in (self.rows, self.cols, self.rowptr))
            self._copies[device] = Pattern(rows, cols, self.shape, rowptr)
        return self._copies[device]

    def csr(self) -> tuple[Tensor, Tensor]:
        """Return row pointer and columns in the type that the kernels of the device prefer."""
        if self._csr is None:
            self._csr = (_for_kernels(self.rowptr), _for_kernels(self.cols))
        return self._csr

    def transposed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the transpose: its row pointer [M+1], its columns [E], and the permutation [E].

        Edge ``permutation[e]`` is the e-th one of the transpose.
        """
        if self._transposed is None:
            rowptr, cols, permutation = self._transpose()
            self._transposed = (_for_kernels(rowptr), _for_kernels(cols), permutation)
        return self._transposed

    def permuted(self, values: Tensor) -> Tensor:
        """Return the values of the edges, [E], in the order of the transpose.

        The result for constant values is kept, because every step needs it.
        """
        known = self._permuted
        if known is not None and known[0] is values and known[1] == values._version:
            return known[2]
        permuted = values.index_select(0, self.transposed()[2])
        if not values.requires_grad:
            self._permuted = (values, values._version, permuted)
        return permuted

    def _transpose(self) -> tuple[Tensor, Tensor, Tensor]:
        if self.cols.device.type == "cpu":  # scipy counts instead of sorting
            arrays = (np.arange(len(self)), self.cols.numpy(), self.rowptr.numpy())
            csc = csr_array(arrays, shape=self.shape).tocsc()
            rowptr, cols, permutation = (
                torch.from_numpy(part) for part in (csc.indptr, csc.indices, csc.data)
            )
            return rowptr, cols, permutation
        permutation = torch.argsort(self.cols, stable=True)
        rowptr = _offsets(self.cols[permutation], self.shape[1])
        return rowptr, self.rows[permutation], permutation

    def __len__(self) -> int:
        return len(self.cols)

    def __repr__(self) -> str:
        return f"<Pattern {self.shape[0]} x {self.shape[1]} with {len(self)} edges>"


def coalesce(rows: Tensor, cols: Tensor, shape: tuple[int, int]) -> tuple[Pattern, Tensor]:
    """Merge edges in any order, with repetitions, into a pattern of distinct edges.

    Returns:
        The pattern, and the place of each given edge in it, [len(rows)] int64.
    """
    keys, places = torch.unique(rows * shape[1] + cols, sorted=True, return_inverse=True)
    return Pattern(keys // shape[1], keys % shape[1], shape), places


def propagate(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """Multiply the sparse matrix with dense columns: ``y_i = sum_j a_ij x_j``.

    Differentiable in ``values`` and ``x``, any number of times.

    Args:
        pattern: the edges of A, [N, M].
        values: [E], the value of each edge.
        x: [M, D].

    Returns:
        [N, D].
    """
    return _propagate(pattern, values, x, transposed=False)


def edge_products(pattern: Pattern, x: Tensor, y: Tensor) -> Tensor:
    """Return the inner product ``<x_i, y_j>`` of every edge (i, j), [E].

    Differentiable in ``x`` [N, D] and ``y`` [M, D], any number of times. The gathered rows that
    exist at once are bounded, and the [N, M] product never exists.
    """
    products: Tensor = _EdgeProducts.apply(pattern, x, y)  # type: ignore[no-untyped-call]
    return products


def _propagate(pattern: Pattern, values: Tensor, x: Tensor, *, transposed: bool) -> Tensor:
    product: Tensor = _Propagate.apply(  # type: ignore[no-untyped-call]
        pattern, values, x, transposed
    )
    return product


class _Propagate(Function):
    """``A x``, or ``A^T x`` where ``transposed``."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, pattern: Pattern, values: Tensor, x: Tensor, transposed: bool
    ) -> Tensor:
        ctx.pattern, ctx.transposed = pattern, transposed  # type: ignore[attr-defined]
        ctx.save_for_backward(values, x)
        product = transposed_spmm if transposed else _spmm
        return product(pattern, values, x)

    @staticmethod
    def backward(  # ctx is torch's, without a type
        ctx: Any,  # noqa: ANN401
        gradient: Tensor,
    ) -> tuple[None, Tensor | None, Tensor | None, None]:
        values, x = ctx.saved_tensors
        of_rows, of_columns = (x, gradient) if ctx.transposed else (gradient, x)
        _, needs_values, needs_x, _ = ctx.needs_input_grad
        return (
            None,
            edge_products(ctx.pattern, of_rows, of_columns) if needs_values else None,
            _propagate(ctx.pattern, values, gradient, transposed=not ctx.transposed)
            if needs_x
            else None,
            None,
        )


class _EdgeProducts(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, pattern: Pattern, x: Tensor, y: Tensor) -> Tensor:
        ctx.pattern = pattern  # type: ignore[attr-defined]
        ctx.save_for_backward(x, y)
        return sddmm(*pattern.csr(), pattern.rows, x, y)

    @staticmethod
    def backward(  # ctx is torch's, without a type
        ctx: Any,  # noqa: ANN401
        gradient: Tensor,
    ) -> tuple[None, Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        _, needs_x, needs_y = ctx.needs_input_grad
        return (
            None,
            propagate(ctx.pattern, gradient, y) if needs_x else None,
            _propagate(ctx.pattern, gradient, x, transposed=True) if needs_y else None,
        )


def _spmm(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    return spmm(*pattern.csr(), values, x)


def transposed_spmm(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """Return ``A^T x``, [M, D] for ``x`` [N, D], without gradient."""
    rowptr, cols, _ = pattern.transposed()
    return spmm(rowptr, cols, pattern.permuted(values), x)


def _offsets(ascending: Tensor, n_rows: int) -> Tensor:
    return torch.searchsorted(ascending, torch.arange(n_rows + 1, device=ascending.device))


def _for_kernels(index: Tensor) -> Tensor:
    """Return an index as int32 on the CPU, where it takes half the memory to walk over."""
    if index.device.type != "cpu":  # to look at its values, the host would wait for the device
        return index.long()
    fits = index.numel() == 0 or int(index.max()) < 2**31
    return index.to(torch.int32) if fits else index
