"""The mean of propagated layers, at the nodes of a batch, with a gradient written out by hand.

A loss reads a few thousand nodes of its batch. The last layer is needed at these alone, so that
is where it is computed; and left to autograd, the normalisation of a layer would walk a dozen
times over the [N, D] embeddings where six times are enough.

Shapes: N nodes, P nodes asked for, D width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmrec.graph.adjacency import Adjacency
from mmrec.graph.rows import Rows, scattered
from mmrec.graph.sparse import propagate, transposed_spmm

_TINY = 1e-12
"""Least norm that a row is divided by, as in :func:`torch.nn.functional.normalize`."""


def mean_of_layers(
    adjacency: Adjacency, x: Tensor, n_layers: int, nodes: Tensor, *, normalised: bool
) -> Tensor:
    """Return the mean of ``z_0 = x`` and ``z_l = A z_(l-1)`` for l = 1..L at some nodes, [P, D].

    Args:
        adjacency: A, [N, N].
        x: [N, D].
        n_layers: L; 0 gives the rows of ``x``.
        nodes: [P] int64, in any order and with repetitions.
        normalised: divide every row of a layer by its norm, before the next one reads it.
    """
    mean: Tensor = _MeanOfLayers.apply(  # type: ignore[no-untyped-call]
        adjacency, x, n_layers, nodes, normalised
    )
    return mean


class _MeanOfLayers(Function):
    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        adjacency: Adjacency,
        x: Tensor,
        n_layers: int,
        nodes: Tensor,
        normalised: bool,
    ) -> Tensor:
        rows = Rows(adjacency.pattern, adjacency.values, nodes) if n_layers else None
        total = x.index_select(0, nodes)
        kept: list[Tensor] = []
        z = x
        for layer in range(1, n_layers + 1):
            if layer < n_layers or rows is None:
                z = propagate(adjacency.pattern, adjacency.values, z)
            else:
                z = rows.product(z)
            if normalised:
                scale = z.norm(dim=1, keepdim=True).clamp_(min=_TINY).reciprocal_()
                z.mul_(scale)
                kept += [z, scale]
            total.add_(z if layer == n_layers else z.index_select(0, nodes))
        ctx.adjacency, ctx.rows, ctx.n_layers, ctx.n_nodes = adjacency, rows, n_layers, len(x)
        ctx.save_for_backward(nodes, *kept)
        return total.div_(n_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        nodes, *kept = ctx.saved_tensors
        adjacency: Adjacency = ctx.adjacency
        shared_rows = gradient / (ctx.n_layers + 1)  # every layer has this share in the mean
        shared = scattered(shared_rows, nodes, ctx.n_nodes)
        if ctx.rows is None:
            return None, shared, None, None, None
        dz = ctx.rows.transposed_product(_unscaled(shared_rows, *kept[-2:])).add_(shared)
        for layer in range(ctx.n_layers - 1, 0, -1):
            dy = _unscaled(dz, *kept[2 * layer - 2 : 2 * layer])
            dz = transposed_spmm(adjacency.pattern, adjacency.values, dy).add_(shared)
        return None, dz, None, None, None


def _unscaled(dz: Tensor, z: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
    """Return dy for the normalised ``z = y / |y|``: ``(dz - z <z, dz>) / |y|``; dz without them."""
    if z is None or scale is None:
        return dz
    along = torch.linalg.vecdot(z, dz).unsqueeze(1)
    return torch.addcmul(dz, z, along, value=-1).mul_(scale)
