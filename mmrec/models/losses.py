"""Losses: of ranking, of agreement between two views, and penalties.

None of them overflows, divides by zero or loses digits where embeddings are large or zero. Where a
gradient is written by hand, it can be taken once.

Shapes: B rows of a batch, K negatives of each, D width of the embeddings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import cosine_similarity, normalize, softplus

from mmrec.graph import normalise_rows

softplus_backward = torch.ops.aten.softplus_backward

_BLOCK_VALUES = 1 << 22
"""Similarities that are held at once (16 MiB in float32)."""

_LEAST_ROWS = 64
"""Rows of a block at least, whatever they have in columns: products of fewer rows are slow."""


def total_loss(loss: Tensor | Mapping[str, Tensor]) -> Tensor:
    """Return what :meth:`mmrec.models.Model.loss` returns as one scalar.

    Args:
        loss: a scalar, or one or more terms by name, which are added in their order.
    """
    if isinstance(loss, Tensor):
        return loss
    first, *others = loss.values()
    for term in others:
        first = first + term
    return first


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
        return loss + l_w * _half_squares(len(user), user, positive, negative) if l_w else loss

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
        return _half_squares(n_rows, *embeddings)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        share = gradient / ctx.n_rows
        needed = zip(ctx.saved_tensors, ctx.needs_input_grad[1:], strict=True)
        return None, *(x * share if needs else None for x, needs in needed)


def _half_squares(n_rows: int, *embeddings: Tensor) -> Tensor:
    squares = torch.stack([x.square().sum() for x in embeddings])
    return squares.sum() / (2 * n_rows)


def norm_penalty(*embeddings: Tensor) -> Tensor:
    """Return ``sum of Frobenius norms / B``, a scalar: the ``EmbLoss`` of MMRec, not squared.

    Args:
        embeddings: tensors [N, D]; B is the number of rows of the last one.
    """
    norms = torch.stack([torch.linalg.vector_norm(x) for x in embeddings])
    return norms.sum() / len(embeddings[-1])
