"""Ranking losses: the positive items of a user should have higher scores than the negative ones.

Shapes: B rows of a batch, K negatives of each, D width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from mmrec.models.losses.regularisation import half_squares, l2_penalty

softplus_backward = torch.ops.aten.softplus_backward


def bpr_loss(user: Tensor, positive: Tensor, negative: Tensor, *, l_w: float = 0.0) -> Tensor:
    """Return the mean of ``-log sigmoid(<u, p> - <u, n>)``, plus an L2 penalty, a scalar.

    Bayesian Personalized Ranking (Rendle et al., UAI 2009) on embeddings, as ``batch.of(users,
    items)`` returns them.

    Args:
        user: [B, D].
        positive: [B, D], of items that the users have.
        negative: [B, D], or [B, K, D]: of items that they do not have.
        l_w: weight of the :func:`l2_penalty` of the same rows.
    """
    if negative.dim() == 3:
        penalty = l_w * l2_penalty(user, positive, negative) if l_w else 0.0
        user, positive = user.unsqueeze(1), positive.unsqueeze(1)
        return bpr_from_scores((user * positive).sum(-1), (user * negative).sum(-1)) + penalty
    loss: Tensor = _BPR.apply(user, positive, negative, l_w)  # type: ignore[no-untyped-call]
    return loss


class _BPR(Function):
    """The loss of one negative each, with a third of the operations of autograd's gradient."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        user: Tensor,
        positive: Tensor,
        negative: Tensor,
        l_w: float,
    ) -> Tensor:
        differences = (user * negative).sum(1) - (user * positive).sum(1)
        ctx.save_for_backward(user, positive, negative, differences)
        ctx.l_w = l_w
        loss = softplus(differences).mean()
        return loss + l_w * half_squares(len(user), user, positive, negative) if l_w else loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        user, positive, negative, differences = ctx.saved_tensors
        share = gradient / len(differences)
        slopes = softplus_backward(share.expand_as(differences), differences, 1.0, 20.0)
        slopes.unsqueeze_(1)
        needs_user, needs_positive, needs_negative, _ = ctx.needs_input_grad
        gradients = [
            (negative * slopes).sub_(positive * slopes) if needs_user else None,
            user * -slopes if needs_positive else None,
            user * slopes if needs_negative else None,
        ]
        if ctx.l_w:
            pull = share * ctx.l_w
            for rows, dx in zip((user, positive, negative), gradients, strict=True):
                if dx is not None:
                    dx.addcmul_(rows, pull)
        return *gradients, None


def bounded_bpr_loss(user: Tensor, positive: Tensor, negative: Tensor, *, offset: float) -> Tensor:
    """Return the mean of ``-log(offset + sigmoid(<u, p> - <u, n>))``, at most ``-log(offset)``.

    Args:
        user: [B, D].
        positive: [B, D].
        negative: [B, D].
        offset: a small positive number.
    """
    probability = offset + (user * (positive - negative)).sum(1).sigmoid()
    return -probability.log().mean()


def bpr_from_scores(positive: Tensor, negative: Tensor) -> Tensor:
    """Return the mean of ``-log sigmoid(positive - negative)``, a scalar.

    Args:
        positive: [B] or [B, 1], scores of items that the users have.
        negative: [B], or [B, K]: scores of items that they do not have.
    """
    if positive.dim() < negative.dim():
        positive = positive.unsqueeze(1)
    return softplus(negative - positive).mean()
