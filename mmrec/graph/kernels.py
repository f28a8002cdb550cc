"""The kernels of the two sparse products, and which one runs where.

Each adds up the sorted columns of one row at a time, so no result depends on the order in which
threads finish. Nothing here knows gradients; see :mod:`mmrec.graph.sparse`.

Shapes: N rows, M columns, E edges, D width of the embeddings.
"""

from __future__ import annotations

import functools
import warnings
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

Backend = Literal["embedding_bag", "csr", "torch_sparse", "segment"]

_BLOCK_VALUES = 1 << 24
"""Gathered values held at once (64 MiB in float32), which bounds the memory of the products."""

_NARROW = 16
"""Below this width torch's CSR product is faster than its bags of embeddings."""


def spmm(
    rowptr: Tensor, cols: Tensor, values: Tensor, x: Tensor, backend: Backend | None = None
) -> Tensor:
    """Multiply a CSR matrix [N, M] with ``x`` [M, D], without gradient.

    Args:
        rowptr: [N+1] int32 or int64.
        cols: [E] of the same type.
        values: [E].
        x: [M, D].
        backend: the kernel; by default that of :func:`default_backend`.
    """
    backend = backend or default_backend(x.device.type)
    # Inside an autograd function they still require a gradient. torch-sparse would then ask for
    # what its own backward needs.
    values, x = values.detach(), x.detach().contiguous()
    if backend == "embedding_bag":
        if x.dtype == torch.float32 and x.shape[1] >= _NARROW:
            return _sum_of_bags(rowptr, cols, values, x)
        backend = "csr"
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


def _sum_of_bags(rowptr: Tensor, cols: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """A row of the product is a weighted bag of embeddings, for which FBGEMM has vector code."""
    return embedding_bag(
        cols, x, rowptr, mode="sum", per_sample_weights=values, include_last_offset=True
    )


def sddmm(rowptr: Tensor, cols: Tensor, rows: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return ``<x_i, y_j>`` for every edge (i, j), [E], without gradient.

    Args:
        rowptr: [N+1] int32 or int64.
        cols: [E] of the same type.
        rows: [E] int64, the row of each edge.
        x: [N, D].
        y: [M, D].
    """
    x, y = x.detach(), y.detach()
    # torch's sampled product refuses more edges than places, as in tiny catalogues.
    if default_backend(x.device.type) in ("embedding_bag", "csr") and len(cols) <= len(x) * len(y):
        zeros, shape = x.new_zeros(len(cols)), (len(x), len(y))
        sampled = torch.sparse_csr_tensor(rowptr, cols, zeros, shape, check_invariants=False)
        products: Tensor = torch.sparse.sampled_addmm(sampled, x, y.T, beta=0.0).values()
        return products
    block = max(1, _BLOCK_VALUES // x.shape[1])
    return torch.cat(
        [
            (x.index_select(0, some_rows) * y.index_select(0, some_cols)).sum(1)
            for some_rows, some_cols in zip(rows.split(block), cols.split(block), strict=True)
        ]
    )


@functools.cache
def default_backend(device_type: str) -> Backend:
    """Choose the kernel of :func:`spmm` for a device type, once per process.

    On the CPU: the weighted sum of embedding bags, two to three times as fast as torch's CSR
    product, which computes narrow and float64 matrices. On CUDA, torch's CSR product uses a
    cuSPARSE algorithm that is not bitwise reproducible. Therefore: the row-wise kernel of
    torch-sparse if it was built for CUDA, else a segmented sum over the gathered rows, which is
    slower and needs [E, D] of memory, but is sequential within a row.
    """
    if device_type == "cpu":
        with warnings.catch_warnings():  # torch warns once per process that its CSR layout is beta
            warnings.simplefilter("ignore")
            torch.sparse_csr_tensor([0, 0], [], [], (1, 1), check_invariants=False)
        return "embedding_bag"
    is_built = load_torch_sparse() and torch.ops.torch_sparse.cuda_version() != -1
    return "torch_sparse" if is_built else "segment"


def load_torch_sparse() -> bool:
    """Register the operators of torch-sparse, and return whether it could be loaded."""
    try:
        with warnings.catch_warnings():  # it compiles by torch.jit.script, which torch deprecates
            warnings.simplefilter("ignore")
            import torch_sparse  # noqa: F401
    except (ImportError, OSError, RuntimeError):  # absent, or built for another torch or CUDA
        return False
    return True
