"""The nearest items of an item in the item graphs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch

from mmrec.graph import SparseMatrix
from mmrec.models import Recommender

N_NEIGHBOURS = 3
"""How many neighbours are shown."""


@runtime_checkable
class HasItemGraph(Protocol):
    """A model with an item graph that mixes a learned one with one of the raw features."""

    def item_graph(self, raw_share: float | None = None) -> SparseMatrix:
        """Return the graph with this share of the raw one; by default the model's own share."""


def item_graphs(recommender: Recommender | None) -> Mapping[str, SparseMatrix]:
    """Return the learned and the raw item graph of a model; none if it has no item graph."""
    if not isinstance(recommender, HasItemGraph):
        return {}
    with torch.no_grad():
        return {
            "learned": recommender.item_graph(raw_share=0.0),
            "raw": recommender.item_graph(raw_share=1.0),
        }


def nearest_items(graph: SparseMatrix, item: int) -> list[tuple[int, float]]:
    """Return the items of the largest weights in an item's row, and the weights, largest first.

    The item itself is left out; equal weights are sorted by ascending number.
    """
    start, stop = graph.pattern.rowptr[item : item + 2].tolist()
    weights: dict[int, float] = {}
    places = zip(
        graph.pattern.cols[start:stop].tolist(), graph.values[start:stop].tolist(), strict=True
    )
    for other, weight in places:
        weights[other] = weights.get(other, 0.0) + weight  # an edge may occur more than once
    found = [(other, w) for other, w in weights.items() if other != item and w > 0]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:N_NEIGHBOURS]
