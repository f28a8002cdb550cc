"""Penalties on embeddings, and the divergence of their distribution from a normal one.

Shapes: B rows of a batch, K negatives of each, D width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def l2_penalty(*embeddings: Tensor, divisor: int | None = None) -> Tensor:
    """Return ``1/2 * sum of squares / B`` over all tensors, a scalar.

    Args:
        embeddings: [B, D], or [B, K, D].
        divisor: instead of B, the rows of the first tensor.
    """
    n_rows = divisor or len(embeddings[0])
    penalty: Tensor = _L2Penalty.apply(n_rows, *embeddings)  # type: ignore[no-untyped-call]
    return penalty


class _L2Penalty(Function):
    """``1/2 sum of squares / B`` with its gradient ``x / B``, for which autograd takes a power."""

    @staticmethod
    def forward(ctx: Any, n_rows: int, *embeddings: Tensor) -> Tensor:  # noqa: ANN401
        ctx.n_rows = n_rows
        ctx.save_for_backward(*embeddings)
        return half_squares(n_rows, *embeddings)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        share = gradient / ctx.n_rows
        needed = zip(ctx.saved_tensors, ctx.needs_input_grad[1:], strict=True)
        return None, *(x * share if needs else None for x, needs in needed)


def half_squares(n_rows: int, *embeddings: Tensor) -> Tensor:
    """Return ``1/2 * sum of squares / n_rows`` over all tensors, a scalar."""
    squares = torch.stack([x.square().sum() for x in embeddings])
    return squares.sum() / (2 * n_rows)


def norm_penalty(*embeddings: Tensor) -> Tensor:
    """Return ``sum of Frobenius norms / B``, a scalar: the ``EmbLoss`` of MMRec, not squared.

    Args:
        embeddings: tensors [N, D]; B is the number of rows of the last one.
    """
    norms = torch.stack([torch.linalg.vector_norm(x) for x in embeddings])
    return norms.sum() / len(embeddings[-1])


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the mean over rows of ``KL(N(mean, variance) || N(0, 1))``, a scalar.

    ``-1/2 sum_d (1 + log_variance - mean^2 - exp(log_variance))`` (Kingma and Welling, ICLR 2014,
    appendix B).

    Args:
        mean: [B, D].
        log_variance: [B, D].
    """
    # expm1(v) - v keeps the digits of variances near 1.
    divergence = log_variance.expm1() - log_variance + mean.square()
    return divergence.sum(1).mean() / 2
