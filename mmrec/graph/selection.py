"""Exact top-k: equal values are ordered by their column, on every device."""

from __future__ import annotations

from torch import Tensor


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` largest scores of each row, equal scores by ascending column.

    ``torch.topk`` promises no order among equals, neither inside the list nor at its end, and
    answers differ between devices; this function's answer is unique.

    Args:
        scores: [B, I], without NaN.
        k: at most I.

    Returns:
        Scores and columns, both [B, k], best first.
    """
    n_columns = scores.shape[1]
    best, columns = scores.topk(min(k + 1, n_columns))
    if k < n_columns:
        tied_rows = (best[:, k - 1] == best[:, k]).nonzero()[:, 0]
        best, columns = best[:, :k], columns[:, :k]
        if len(tied_rows):
            columns[tied_rows] = _lowest_columns(scores[tied_rows], best[tied_rows, -1:], k)
    columns, _ = columns.sort(dim=1)
    best, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return best, columns.gather(1, order)


def _lowest_columns(scores: Tensor, threshold: Tensor, k: int) -> Tensor:
    """Return the columns above ``threshold`` [B, 1] and the first ones equal to it, [B, k]."""
    above = scores > threshold
    equal = scores == threshold
    room = k - above.sum(1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(1) <= room))
    return chosen.nonzero()[:, 1].view(-1, k)
