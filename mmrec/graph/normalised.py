"""Propagation whose every layer is L2-normalised, with a gradient written out by hand.

Left to autograd, each layer's normalisation alone walks a dozen times over the [N, D] embeddings;
written out, a layer with its gradient is two sparse products and six such passes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmrec.graph.adjacency import Adjacency
from mmrec.graph.sparse import propagate, transposed_spmm

_TINY = 1e-12
"""Least norm that a row is divided by, as in :func:`torch.nn.functional.normalize`."""


def mean_of_normalised_layers(adjacency: Adjacency, x: Tensor, n_layers: int) -> Tensor:
    """Return the mean of ``z_0 = x`` and ``z_l = normalised(A z_(l-1))`` for l = 1..L, [N, D].

    Args:
        adjacency: A, [N, N].
        x: [N, D].
        n_layers: L; 0 gives ``x`` back.
    """
    mean: Tensor = _MeanOfNormalisedLayers.apply(adjacency, x, n_layers)  # type: ignore[no-untyped-call]
    return mean


class _MeanOfNormalisedLayers(Function):
    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor, n_layers: int) -> Tensor:  # noqa: ANN401
        ctx.adjacency = adjacency
        layers, scales = [], []
        total, z = x, x
        for _ in range(n_layers):
            y = propagate(adjacency.pattern, adjacency.values, z)
            scale = y.norm(dim=1, keepdim=True).clamp_(min=_TINY).reciprocal_()
            z = y.mul_(scale)
            total = total + z if total is x else total.add_(z)
            layers.append(z)
            scales.append(scale)
        ctx.save_for_backward(*layers, *scales)
        return total / (n_layers + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:  # noqa: ANN401
        n_layers = len(ctx.saved_tensors) // 2
        layers, scales = ctx.saved_tensors[:n_layers], ctx.saved_tensors[n_layers:]
        adjacency: Adjacency = ctx.adjacency
        shared = gradient / (n_layers + 1)
        dz = shared
        for z, scale in zip(reversed(layers), reversed(scales), strict=True):
            # The normalised z = y / |y| has dy = (dz - z <z, dz>) / |y|.
            along = torch.linalg.vecdot(z, dz).unsqueeze(1)
            dy = torch.addcmul(dz, z, along, value=-1).mul_(scale)
            dz = transposed_spmm(adjacency.pattern, adjacency.values, dy).add_(shared)
        return None, dz, None
