"""Nearest neighbours by cosine, found by blocks of rows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph.normalisation import TINY
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
    unit = directions(x)
    k = min(k, len(x))
    block = block_rows(len(x))
    indices, similarities = [], []
    # One buffer for all blocks, so that memory is not fragmented.
    buffer = x.new_empty(min(block, len(x)), len(x))
    for rows in unit.split(block):
        cosines = torch.mm(rows, unit.T, out=buffer[: len(rows)])
        best, which = top_k(cosines, k)
        indices.append(which)
        similarities.append(best)
    return torch.cat(indices), torch.cat(similarities)


def directions(x: Tensor) -> Tensor:
    """Return rows divided by their norms, [I, F] for ``x`` [I, F]; rows of zeros stay zero.

    Rows whose squares are outside of the range of float32 are scaled first.
    """
    norms = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    is_usual = (norms >= TINY) & norms.isfinite()
    if not is_usual.all():
        largest = x.abs().amax(1, keepdim=True)
        x = torch.where(is_usual, x, x / largest.masked_fill(largest == 0, 1.0))
    return normalize(x)


def block_rows(n_items: int) -> int:
    """Return how many rows are compared with all others at once."""
    return max(1, _BLOCK_VALUES // n_items)
