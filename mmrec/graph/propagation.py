"""Propagation over a graph: all layers, or their mean with a gradient written by hand.

A loss reads a few thousand nodes of its batch. The last layer is needed at these nodes only, and
is computed only there. Autograd would also read the [N, D] embeddings a dozen times for the
normalisation of a layer; six times are enough.

Shapes: N nodes, P selected nodes, L layers, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    matrix: SparseMatrix | Sequence[SparseMatrix],
    x: Tensor,
    n_layers: int,
    nodes: Tensor | None = None,
    *,
    normalised: bool = False,
) -> Tensor:
    """Return the mean of ``z_0 = x`` and ``z_l = A z_(l-1)`` for l = 1..L.

    It is differentiable in ``x`` alone, and quicker than ``layers(...).mean(0)`` at some nodes.

    Args:
        matrix: A, [N, N], constant; or one for each layer, the first layer's first.
        x: [N, D].
        n_layers: L; 0 returns the rows of ``x``.
        nodes: [P] int64, in any order and with repetitions; without them all nodes.
        normalised: divide every row of a layer by its norm, before the next layer reads it.

    Returns:
        [P, D], or [N, D] without ``nodes``.

    Raises:
        ValueError: the values of a matrix require a gradient, or there are not L of them.
    """
    matrices = [matrix] * n_layers if isinstance(matrix, SparseMatrix) else list(matrix)
    if len(matrices) != n_layers:
        raise ValueError(f"expected a matrix for each of {n_layers} layers, found {len(matrices)}")
    if any(each.values.requires_grad for each in matrices):
        raise ValueError("mean_of_layers expects a constant matrix; use layers(...).mean(0)")
    mean: Tensor = _MeanOfLayers.apply(  # type: ignore[no-untyped-call]
        matrices, x, nodes, normalised
    )
    return mean


class _MeanOfLayers(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        matrices: Sequence[SparseMatrix],
        x: Tensor,
        nodes: Tensor | None,
        normalised: bool,
    ) -> Tensor:
        rows = None
        n_layers = len(matrices)
        if nodes is not None and n_layers:
            rows = BatchRows(matrices[-1], nodes)
        total = _rows(x, nodes, copy=True)
        kept: list[Tensor] = []
        z = x
        for layer, matrix in enumerate(matrices, start=1):
            if layer < n_layers or rows is None:
                z = propagate(matrix.pattern, matrix.values, z)
            else:
                z = rows.product(z)
            if normalised:
                scale = inverse_norms(z)
                z.mul_(scale)
                kept += [z, scale]
            total.add_(z if layer == n_layers else _rows(z, nodes))
        ctx.matrices, ctx.rows, ctx.n_nodes = matrices, rows, len(x)
        ctx.save_for_backward(nodes, *kept)
        return total.div_(n_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        nodes, *kept = ctx.saved_tensors
        matrices: Sequence[SparseMatrix] = ctx.matrices
        shared_rows = gradient / (len(matrices) + 1)  # every layer has this share in the mean
        shared = shared_rows if nodes is None else scattered(shared_rows, nodes, ctx.n_nodes)
        dz = shared
        n_whole = len(matrices)  # the layers that were computed at all nodes
        if ctx.rows is not None:
            n_whole -= 1
            dz = ctx.rows.transposed_product(_unscaled(shared_rows, *kept[-2:])).add_(shared)
        for layer in range(n_whole, 0, -1):
            dy = _unscaled(dz, *kept[2 * layer - 2 : 2 * layer])
            matrix = matrices[layer - 1]
            dz = transposed_spmm(matrix.pattern, matrix.values, dy).add_(shared)
        return None, dz, None, None


def _unscaled(dz: Tensor, z: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
    """Return dy for ``z = scale y``, normalised; dz where layers are not normalised."""
    if z is None or scale is None:
        return dz
    return gradient_of_normalised(dz, z, scale)


def _rows(x: Tensor, nodes: Tensor | None, *, copy: bool = False) -> Tensor:
    if nodes is not None:
        return x.index_select(0, nodes)
    return x.clone() if copy else x
