"""Softmax over the edges of each row, with a gradient written by hand.

Sums and maxima run over the edges of one row in their order, without atomic additions.

Shapes: N rows, M columns, E edges.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmrec.graph.sparse import Pattern


def edge_softmax(pattern: Pattern, values: Tensor) -> Tensor:
    """Return ``exp(s_e) / sum of exp(s_e') over the edges e' of the row of e``, [E].

    Differentiable in ``values``. A row without edges has no result.

    Args:
        pattern: the edges, [N, M].
        values: [E] float, s; large values do not overflow.
    """
    weights: Tensor = _EdgeSoftmax.apply(pattern, values)  # type: ignore[no-untyped-call]
    return weights


class _EdgeSoftmax(Function):
    @staticmethod
    def forward(ctx: Any, pattern: Pattern, values: Tensor) -> Tensor:  # noqa: ANN401 - torch's
        weights = (values - _of_rows(pattern, values, "max")).exp_()
        weights /= _of_rows(pattern, weights, "sum")
        ctx.pattern = pattern
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:  # noqa: ANN401
        (weights,) = ctx.saved_tensors
        weighted = weights * gradient
        return None, weighted.addcmul_(weights, _of_rows(ctx.pattern, weighted, "sum"), value=-1)


def _of_rows(pattern: Pattern, values: Tensor, reduce: str) -> Tensor:
    """Return the sum or the maximum of the row of each edge, [E]."""
    rows = torch.segment_reduce(values, reduce, offsets=pattern.rowptr, unsafe=True)
    return rows.index_select(0, pattern.rows)
