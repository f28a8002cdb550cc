"""Nearest neighbours by cosine, found by blocks of rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph.top_k import top_k

_BLOCK_VALUES = 1 << 24
"""Similarities held at once (64 MiB in float32); the [I, I] matrix never exists."""


@torch.no_grad()
def nearest_neighbours(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the ``k`` rows of the largest cosine for every row, usually including itself.

    The cosine with a zero vector is 0. Equal similarities are taken by ascending row number.

    Args:
        x: [I, F] float32.
        k: neighbours per row; at most I are returned.

    Returns:
        The neighbours [I, k] int64 and their similarities [I, k] float32, largest first.
    """
    directions = normalize(x)
    k = min(k, len(x))
    block = block_rows(len(x))
    indices, similarities = [], []
    # One buffer for all blocks, so that memory is not fragmented.
    buffer = x.new_empty(min(block, len(x)), len(x))
    for rows in directions.split(block):
        cosines = torch.mm(rows, directions.T, out=buffer[: len(rows)])
        best, which = top_k(cosines, k)
        indices.append(which)
        similarities.append(best)
    return torch.cat(indices), torch.cat(similarities)


def block_rows(n_items: int) -> int:
    """Return how many rows are compared with all others at once."""
    return max(1, _BLOCK_VALUES // n_items)
