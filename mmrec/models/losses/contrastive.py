"""Losses between two views of the same nodes.

Shapes: B rows of a batch, N nodes, D width of the embeddings.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import cosine_similarity, normalize

from mmrec.graph import normalise_rows

_BLOCK_VALUES = 1 << 22
"""Similarities that are held at once (16 MiB in float32)."""

_LEAST_ROWS = 64
"""Rows of a block at least, whatever they have in columns: products of fewer rows are slow."""


def info_nce(x: Tensor, y: Tensor, temperature: float, counts: Tensor | None = None) -> Tensor:
    """Return the mean of ``-log softmax_j(cos(x_i, y_j) / temperature)`` at j = i, a scalar.

    Contrastive Predictive Coding (van den Oord et al., 2018): row i of ``y`` is the positive of
    row i of ``x``, all other rows of ``y`` are its negatives. Both have a gradient.

    Args:
        x: [B, D], one view.
        y: [B, D], the other view.
        temperature: above 0.
        counts: [B], how many times each row occurs, in the mean and among the negatives; without
            them once.
    """
    repetitions = x.new_ones(len(x)) if counts is None else counts.to(x.dtype)
    rows = torch.arange(len(x), device=x.device)
    return info_nce_to_all(x, y, rows, temperature, repetitions / repetitions.sum(), counts)


def info_nce_in_batch(x: Tensor, y: Tensor, places: Tensor, temperature: float) -> Tensor:
    """Return :func:`info_nce` between the rows of two views at some places, a scalar.

    A place that occurs several times, as a popular item does in a batch, is computed once and
    counted as often as it occurs.

    Args:
        x: [N, D], one view.
        y: [N, D], the other view.
        places: [B] int64, in any order and with repetitions.
        temperature: above 0.
    """
    rows, counts = places.unique(return_counts=True)
    return info_nce(x.index_select(0, rows), y.index_select(0, rows), temperature, counts)


def info_nce_to_all(
    x: Tensor,
    y: Tensor,
    positives: Tensor,
    temperature: float,
    weights: Tensor | None = None,
    counts: Tensor | None = None,
) -> Tensor:
    """Return ``sum_i w_i * -log softmax_j(cos(x_i, y_j) / temperature)`` at j = positives_i.

    InfoNCE of some rows against all users or all items: all rows of ``y`` but the positive are
    negatives. Both views have a gradient. The [B, N] similarities exist in blocks of rows only,
    once: the gradient of a block is computed with its loss.

    Args:
        x: [B, D], one view of some nodes.
        y: [N, D], the other view of all nodes.
        positives: [B] int64, the row of ``y`` that belongs to each row of ``x``.
        temperature: above 0.
        weights: w, [B]; without them 1.
        counts: [N], how many times each row of ``y`` occurs; without them once.
    """
    if weights is None:
        weights = x.new_ones(len(x))
    loss: Tensor = _InfoNCEToAll.apply(  # type: ignore[no-untyped-call]
        normalise_rows(x), normalise_rows(y), positives, temperature, weights.to(x.dtype), counts
    )
    return loss


class _InfoNCEToAll(Function):
    """The loss of normalised views, with the gradients of both."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        y: Tensor,
        positives: Tensor,
        temperature: float,
        weights: Tensor,
        counts: Tensor | None,
    ) -> Tensor:
        dx, dy, losses = torch.empty_like(x), torch.zeros_like(y), torch.empty_like(weights)
        n_rows = max(_LEAST_ROWS, _BLOCK_VALUES // max(len(y), 1))
        for start in range(0, len(x), n_rows):
            rows = slice(start, start + n_rows)
            scaled, places, weight = x[rows] / temperature, positives[rows, None], weights[rows]
            logits = scaled @ y.T
            positive, largest = logits.gather(1, places), logits.amax(1, keepdim=True)
            shares = logits.sub_(largest).exp_()
            if counts is not None:
                shares.mul_(counts)
            sums = shares.sum(1, keepdim=True)
            losses[rows] = (largest - positive + sums.log())[:, 0]
            shares.mul_(weight[:, None] / sums)
            shares.scatter_(1, places, shares.gather(1, places) - weight[:, None])
            torch.matmul(shares, y, out=dx[rows])
            dy.addmm_(shares.T, scaled)
        ctx.save_for_backward(dx.div_(temperature), dy)
        return losses @ weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        dx, dy = ctx.saved_tensors
        return dx * gradient, dy * gradient, None, None, None, None


def alignment_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return ``1 - mean_i cos(prediction_i, target_i)``, a scalar; ``target`` has no gradient.

    The loss of bootstrapped representations (BYOL, Grill et al., NeurIPS 2020, up to a factor).

    Args:
        prediction: [B, D].
        target: [B, D].
    """
    return 1 - cosine_similarity(prediction, target.detach(), dim=-1).mean()


def uniformity_loss(x: Tensor, t: float = 2.0) -> Tensor:
    """Return ``log mean_(i<j) exp(-t |x_i - x_j|^2)`` of normalised rows, a scalar.

    Wang and Isola, ICML 2020. It is 0 for a single row.

    Args:
        x: [B, D].
        t: above 0.
    """
    n_rows = len(x)
    if n_rows < 2:
        return 0 * x.sum()
    directions = normalize(x)
    exponents = 2 * t * (directions @ directions.T - 1)  # |a - b|^2 = 2 - 2 <a, b>
    above = torch.ones_like(exponents, dtype=torch.bool).triu(1)
    return exponents[above].logsumexp(0) - math.log(n_rows * (n_rows - 1) / 2)
