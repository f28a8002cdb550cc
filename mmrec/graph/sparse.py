"""Two adjoint products over one sparse pattern, and the kernels behind them.

Everything that mmrec does on graphs is made of

    propagate:      y_i = sum over edges (i, j) of  a_ij x_j          (SpMM)
    edge_products:  p_ij = <x_i, y_j>  for every edge (i, j)          (SDDMM)

and each one's gradient is the other, or itself over the transposed pattern. Sums run over the
sorted columns of one row at a time, so no result depends on the order in which threads finish:
there is no scatter with atomics anywhere.

Shapes: N rows, M columns, E edges, D width of the embeddings.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

Backend = Literal["csr", "torch_sparse", "segment"]

_BLOCK_VALUES = 1 << 24
"""Gathered values held at once (64 MiB in float32): bounds the memory of the edge-wise products."""


class Pattern(nn.Module):
    """The edges of a sparse [N, M] matrix, row after row; its transpose is found when needed.

    A module so that it follows ``model.to(device)``; its buffers stay out of ``state_dict``,
    because they are rebuilt from the data. An edge may stand more than once: its values add up.

    Args:
        rows: [E] int64, ascending.
        cols: [E] int64, in any order within a row.
        shape: (N, M).
        rowptr: [N+1] int64, where the edges of each row begin, if it is known already.
    """

    rows: Tensor
    """[E] int64, ascending."""
    cols: Tensor
    """[E] int64."""
    rowptr: Tensor
    """[N+1] int64: the edges of row i are ``rowptr[i]:rowptr[i + 1]``."""

    def __init__(
        self, rows: Tensor, cols: Tensor, shape: tuple[int, int], rowptr: Tensor | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        rowptr = _offsets(rows, shape[0]) if rowptr is None else rowptr
        for name, buffer in (("rows", rows), ("cols", cols), ("rowptr", rowptr)):
            self.register_buffer(name, buffer, persistent=False)
        self._csr: tuple[Tensor, Tensor] | None = None
        self._transposed: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def from_lists(cls, lists: Tensor, n_cols: int) -> Pattern:
        """Make the edges from each row to the columns of its list, [N, K] int64."""
        n_rows, length = lists.shape
        rows = torch.arange(n_rows, device=lists.device)
        rowptr = torch.arange(n_rows + 1, device=lists.device) * length
        return cls(rows.repeat_interleave(length), lists.flatten(), (n_rows, n_cols), rowptr)

    def csr(self) -> tuple[Tensor, Tensor]:
        """Return row pointer and columns as the kernels of the device like them best."""
        if self._csr is None or self._csr[0].device != self.cols.device:
            self._csr = (_for_kernels(self.rowptr), _for_kernels(self.cols))
        return self._csr

    def transposed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the transpose: its row pointer [M+1], its columns [E], and the permutation [E].

        Edge ``permutation[e]`` is the e-th one of the transpose.
        """
        if self._transposed is None or self._transposed[0].device != self.cols.device:
            rowptr, cols, permutation = self._transpose()
            self._transposed = (_for_kernels(rowptr), _for_kernels(cols), permutation)
        return self._transposed

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
    """Merge edges in any order, with repetitions, into a pattern.

    Returns:
        The pattern, and for each given edge its place in it, [len(rows)] int64.
    """
    keys, places = torch.unique(rows * shape[1] + cols, sorted=True, return_inverse=True)
    return Pattern(keys // shape[1], keys % shape[1], shape), places


def propagate(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """Multiply the sparse matrix with dense columns: ``y_i = sum_j a_ij x_j``.

    Differentiable in ``values`` and ``x``.

    Args:
        pattern: the edges of A, [N, M].
        values: [E], the value of each edge.
        x: [M, D].

    Returns:
        [N, D].
    """
    product: Tensor = _Propagate.apply(pattern, values, x)  # type: ignore[no-untyped-call]
    return product


def edge_products(pattern: Pattern, x: Tensor, y: Tensor) -> Tensor:
    """Return the inner product ``<x_i, y_j>`` of every edge (i, j), [E].

    Differentiable in ``x`` [N, D] and ``y`` [M, D]. Never holds more than a bounded number of
    gathered rows, let alone the [N, M] product.
    """
    products: Tensor = _EdgeProducts.apply(pattern, x, y)  # type: ignore[no-untyped-call]
    return products


class _Propagate(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
        ctx.pattern = pattern  # type: ignore[attr-defined]
        ctx.save_for_backward(values, x)
        return spmm(*pattern.csr(), values, x)

    @staticmethod
    def backward(  # ctx is torch's, without a type
        ctx: Any,  # noqa: ANN401
        gradient: Tensor,
    ) -> tuple[None, Tensor | None, Tensor | None]:
        values, x = ctx.saved_tensors
        pattern: Pattern = ctx.pattern
        _, needs_values, needs_x = ctx.needs_input_grad
        return (
            None,
            _row_dots(pattern, gradient, x) if needs_values else None,
            transposed_spmm(pattern, values, gradient) if needs_x else None,
        )


class _EdgeProducts(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, pattern: Pattern, x: Tensor, y: Tensor) -> Tensor:
        ctx.pattern = pattern  # type: ignore[attr-defined]
        ctx.save_for_backward(x, y)
        return _row_dots(pattern, x, y)

    @staticmethod
    def backward(  # ctx is torch's, without a type
        ctx: Any,  # noqa: ANN401
        gradient: Tensor,
    ) -> tuple[None, Tensor | None, Tensor | None]:
        x, y = ctx.saved_tensors
        pattern: Pattern = ctx.pattern
        _, needs_x, needs_y = ctx.needs_input_grad
        return (
            None,
            spmm(*pattern.csr(), gradient, y) if needs_x else None,
            transposed_spmm(pattern, gradient, x) if needs_y else None,
        )


def transposed_spmm(pattern: Pattern, values: Tensor, x: Tensor) -> Tensor:
    """Return ``A^T x``, [M, D] for ``x`` [N, D], without gradient."""
    rowptr, cols, permutation = pattern.transposed()
    return spmm(rowptr, cols, values.index_select(0, permutation), x)


def _row_dots(pattern: Pattern, x: Tensor, y: Tensor) -> Tensor:
    n_rows, n_cols = pattern.shape
    # torch's sampled product refuses more edges than places: lists of whole tiny catalogues.
    if default_backend(x.device.type) == "csr" and len(pattern) <= n_rows * n_cols:
        zeros = x.new_zeros(len(pattern))
        sampled = torch.sparse_csr_tensor(
            *pattern.csr(), zeros, pattern.shape, check_invariants=False
        )
        products: Tensor = torch.sparse.sampled_addmm(sampled, x, y.T, beta=0.0).values()
        return products
    block = max(1, _BLOCK_VALUES // x.shape[1])
    return torch.cat(
        [
            (x.index_select(0, rows) * y.index_select(0, cols)).sum(1)
            for rows, cols in zip(pattern.rows.split(block), pattern.cols.split(block), strict=True)
        ]
    )


def _offsets(ascending: Tensor, n_rows: int) -> Tensor:
    return torch.searchsorted(ascending, torch.arange(n_rows + 1, device=ascending.device))


def _for_kernels(index: Tensor) -> Tensor:
    """Return an index as int32 on the CPU, whose library would convert it at each product."""
    fits = index.numel() == 0 or int(index.max()) < 2**31
    return index.to(torch.int32) if index.device.type == "cpu" and fits else index.long()


def spmm(
    rowptr: Tensor, cols: Tensor, values: Tensor, x: Tensor, backend: Backend | None = None
) -> Tensor:
    """Multiply a CSR matrix [N, M] with ``x`` [M, D], without gradient.

    Args:
        rowptr: [N+1] int32 or int64.
        cols: [E] of the same type.
        values: [E].
        x: [M, D].
        backend: the kernel; by default the one of :func:`default_backend`.
    """
    backend = backend or default_backend(x.device.type)
    x = x.contiguous()
    if backend == "csr":
        shape = (len(rowptr) - 1, len(x))
        return torch.sparse_csr_tensor(rowptr, cols, values, shape, check_invariants=False) @ x
    rowptr, cols = rowptr.long(), cols.long()
    if backend == "torch_sparse":
        product: Tensor = torch.ops.torch_sparse.spmm_sum(None, rowptr, cols, values, None, None, x)
        return product
    return torch.segment_reduce(
        values[:, None] * x.index_select(0, cols), "sum", offsets=rowptr, unsafe=True
    )


@functools.cache
def default_backend(device_type: str) -> Backend:
    """Choose the kernel of :func:`spmm` for a device type, once per process.

    On the CPU torch's own CSR product, which sums each row in order. On CUDA that product uses a
    cuSPARSE algorithm which NVIDIA does not call bitwise reproducible, so there torch-sparse's
    row-wise kernel if it was built for CUDA, else a segmented sum over the gathered rows: slower
    and [E, D] in memory, but sequential within a row.
    """
    if device_type == "cpu":
        with warnings.catch_warnings():  # torch says once per process that its CSR layout is beta
            warnings.simplefilter("ignore")
            torch.sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)
        return "csr"
    return "torch_sparse" if _torch_sparse_has_cuda() else "segment"


def _torch_sparse_has_cuda() -> bool:
    try:
        import torch_sparse  # noqa: F401 - registers torch.ops.torch_sparse
    except (ImportError, OSError, RuntimeError):  # absent, or built for another torch or CUDA
        return False
    return bool(torch.ops.torch_sparse.cuda_version() != -1)
