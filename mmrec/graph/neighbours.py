"""Nearest neighbours by cosine, and exact top-k with ties broken by number."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_BLOCK_VALUES = 1 << 24
"""Similarities held at once (64 MiB in float32); the [I, I] matrix never exists."""


@torch.no_grad()
def nearest_neighbours(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` rows of the largest cosine for every row, itself among them.

    The cosine with a zero vector is 0. Equal similarities are taken by ascending row number.

    Args:
        x: [I, F] float32.
        k: neighbours per row; at most I are returned.

    Returns:
        The neighbours [I, k] int64 and their similarities [I, k] float32, largest first.
    """
    directions = normalize(x)
    k = min(k, len(x))
    block = max(1, _BLOCK_VALUES // len(x))
    indices, similarities = [], []
    for rows in directions.split(block):
        best, which = top_k(rows @ directions.T, k)
        indices.append(which)
        similarities.append(best)
    return torch.cat(indices), torch.cat(similarities)


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
