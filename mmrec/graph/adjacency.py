"""The bipartite user-item graph and its normalisations."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate

Normalisation = Literal["none", "symmetric", "row"]


class Adjacency(nn.Module):
    """A constant sparse matrix that embeddings are propagated over.

    ``adjacency(x)`` is one graph convolution without weights, ``A x``.
    """

    values: Tensor
    """[E] float32, in the order of ``pattern``."""

    def __init__(self, pattern: Pattern, values: Tensor) -> None:
        super().__init__()
        self.pattern = pattern
        self.register_buffer("values", values, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``A x``, [N, D] for ``x`` [M, D]."""
        return propagate(self.pattern, self.values, x)

    def to_dense(self) -> Tensor:
        """Return the matrix [N, M]; for tests and small examples."""
        dense = self.values.new_zeros(self.pattern.shape)
        dense[self.pattern.rows, self.pattern.cols] = self.values
        return dense


def bipartite_adjacency(
    users: Tensor,
    items: Tensor,
    n_users: int,
    n_items: int,
    *,
    normalisation: Normalisation,
    self_loops: bool = False,
) -> Adjacency:
    """Build the graph whose nodes are the users 0..U-1 followed by the items U..U+I-1.

    Args:
        users: [E] int64, the user of each training interaction.
        items: [E] int64, its item.
        n_users: U.
        n_items: I.
        normalisation: ``symmetric`` for ``D^-1/2 A D^-1/2`` (LightGCN), ``row`` for ``D^-1 A``.
        self_loops: add the identity to A before it is normalised.

    Returns:
        A matrix [U+I, U+I] of float32.
    """
    n_nodes = n_users + n_items
    items = items + n_users
    rows, cols = torch.cat([users, items]), torch.cat([items, users])
    if self_loops:
        nodes = torch.arange(n_nodes)
        rows, cols = torch.cat([rows, nodes]), torch.cat([cols, nodes])
    pattern, _ = coalesce(rows, cols, (n_nodes, n_nodes))
    values = torch.ones(len(pattern))
    if normalisation == "symmetric":
        values = symmetric_normalise(pattern, values)
    elif normalisation == "row":
        values = values / _degrees(pattern, values)[pattern.rows, 0]
    return Adjacency(pattern, values)


def symmetric_normalise(pattern: Pattern, values: Tensor) -> Tensor:
    """Return the values of ``D^-1/2 S D^-1/2``, where D holds the row sums of S; differentiable.

    A row whose sum is not positive has no such scale; it becomes zero instead of NaN.
    """
    degrees = _degrees(pattern, values)
    positive = degrees > 0
    scale = torch.where(positive, torch.where(positive, degrees, 1.0).rsqrt(), 0.0)
    return values * edge_products(pattern, scale, scale)


def _degrees(pattern: Pattern, values: Tensor) -> Tensor:
    """Return the row sums, [N, 1]."""
    return propagate(pattern, values, values.new_ones(pattern.shape[1], 1))
