"""Propagation over a graph: all layers, or their mean with a gradient written by hand.

A loss reads a few thousand nodes of its batch. The last layer is needed at these nodes only, and
is computed only there. Autograd would also read the [N, D] embeddings a dozen times for the
normalisation of a layer; six times are enough.

Shapes: N nodes, P selected nodes, L layers, D width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmrec.graph.batch_rows import BatchRows, scattered
from mmrec.graph.matrix import SparseMatrix
from mmrec.graph.normalisation import gradient_of_normalised, inverse_norms
from mmrec.graph.sparse import propagate, transposed_spmm


def layers(matrix: SparseMatrix, x: Tensor, n_layers: int) -> Tensor:
    """Return ``x``, ``A x``, ..., ``A^L x``, [L+1, N, D]; the result of layer l is at index l.

    Args:
        matrix: A, [N, N].
        x: [N, D].
        n_layers: L.
    """
    outputs = [x]
    for _ in range(n_layers):
        outputs.append(matrix @ outputs[-1])
    return torch.stack(outputs)


def mean_of_layers(
    matrix: SparseMatrix,
    x: Tensor,
    n_layers: int,
    nodes: Tensor | None = None,
    *,
    normalised: bool = False,
) -> Tensor:
    """Return the mean of ``z_0 = x`` and ``z_l = A z_(l-1)`` for l = 1..L.

    It is differentiable in ``x`` alone, and quicker than ``layers(...).mean(0)`` at some nodes.

    Args:
        matrix: A, [N, N]; constant.
        x: [N, D].
        n_layers: L; 0 returns the rows of ``x``.
        nodes: [P] int64, in any order and with repetitions; without them all nodes.
        normalised: divide every row of a layer by its norm, before the next layer reads it.

    Returns:
        [P, D], or [N, D] without ``nodes``.

    Raises:
        ValueError: the values of the matrix require a gradient.
    """
    if matrix.values.requires_grad:
        raise ValueError("mean_of_layers expects a constant matrix; use layers(...).mean(0)")
    mean: Tensor = _MeanOfLayers.apply(  # type: ignore[no-untyped-call]
        matrix, x, n_layers, nodes, normalised
    )
    return mean


class _MeanOfLayers(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        matrix: SparseMatrix,
        x: Tensor,
        n_layers: int,
        nodes: Tensor | None,
        normalised: bool,
    ) -> Tensor:
        rows = None
        if nodes is not None and n_layers:
            rows = BatchRows(matrix.pattern, matrix.values, nodes)
        total = _rows(x, nodes, copy=True)
        kept: list[Tensor] = []
        z = x
        for layer in range(1, n_layers + 1):
            if layer < n_layers or rows is None:
                z = propagate(matrix.pattern, matrix.values, z)
            else:
                z = rows.product(z)
            if normalised:
                scale = inverse_norms(z)
                z.mul_(scale)
                kept += [z, scale]
            total.add_(z if layer == n_layers else _rows(z, nodes))
        ctx.matrix, ctx.rows, ctx.n_layers, ctx.n_nodes = matrix, rows, n_layers, len(x)
        ctx.save_for_backward(nodes, *kept)
        return total.div_(n_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        nodes, *kept = ctx.saved_tensors
        matrix: SparseMatrix = ctx.matrix
        shared_rows = gradient / (ctx.n_layers + 1)  # every layer has this share in the mean
        shared = shared_rows if nodes is None else scattered(shared_rows, nodes, ctx.n_nodes)
        dz = shared
        if ctx.rows is not None:
            dz = ctx.rows.transposed_product(_unscaled(shared_rows, *kept[-2:])).add_(shared)
        for layer in range(ctx.n_layers - (ctx.rows is not None), 0, -1):
            dy = _unscaled(dz, *kept[2 * layer - 2 : 2 * layer])
            dz = transposed_spmm(matrix.pattern, matrix.values, dy).add_(shared)
        return None, dz, None, None, None


def _unscaled(dz: Tensor, z: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
    """Return dy for ``z = scale y``, normalised; dz where layers are not normalised."""
    if z is None or scale is None:
        return dz
    return gradient_of_normalised(dz, z, scale)


def _rows(x: Tensor, nodes: Tensor | None, *, copy: bool = False) -> Tensor:
    if nodes is not None:
        return x.index_select(0, nodes)
    return x.clone() if copy else x
