"""The item-item graphs of LATTICE, as sparse patterns that carry gradients.

Equation numbers are those of Zhang et al., "Mining Latent Structures for Multimedia
Recommendation", ACM MM 2021.

Shapes: I items, M modalities, E edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrec.graph.adjacency import symmetric_normalise
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate


@dataclass(frozen=True, eq=False)
class ItemGraph:
    """A sparse [I, I] matrix whose values may carry a gradient."""

    pattern: Pattern
    values: Tensor
    """[E] float32."""

    def propagate(self, x: Tensor) -> Tensor:
        """Return ``A x``, [I, D] for ``x`` [I, D]; differentiable in the values and in ``x``."""
        return propagate(self.pattern, self.values, x)

    def detach(self) -> ItemGraph:
        """Return the same graph without the gradient's history."""
        return ItemGraph(self.pattern, self.values.detach())

    def to_dense(self) -> Tensor:
        """Return the matrix [I, I]; for tests and small examples."""
        dense = self.values.new_zeros(self.pattern.shape)
        dense[self.pattern.rows, self.pattern.cols] = self.values
        return dense


class RawItemGraphs(nn.Module):
    """The constant graph of each modality's raw features, over one merged pattern.

    Each is the cosine of the features, its ``top_k`` largest values of every row kept, with a
    diagonal of 1 and symmetric normalisation.
    """

    values: Tensor
    """[M, E] float32, a row for each modality."""

    def __init__(self, features: Sequence[Tensor], top_k: int) -> None:
        super().__init__()
        n_items = len(features[0])
        graphs = [_raw_graph(x, top_k) for x in features]
        self.pattern, places = coalesce(
            torch.cat([graph.pattern.rows for graph in graphs]),
            torch.cat([graph.pattern.cols for graph in graphs]),
            (n_items, n_items),
        )
        values = torch.stack(
            [
                _spread(graph.values, place, len(self.pattern))
                for graph, place in zip(
                    graphs, places.split([len(g.pattern) for g in graphs]), strict=True
                )
            ]
        )
        self.register_buffer("values", values, persistent=False)


def _raw_graph(features: Tensor, top_k: int) -> ItemGraph:
    neighbours, similarities = nearest_neighbours(features, top_k)
    rows, cols, kept = _without_self(neighbours)
    items = torch.arange(len(features), device=features.device)
    pattern, places = coalesce(
        torch.cat([rows, items]), torch.cat([cols, items]), (len(items), len(items))
    )
    edges = torch.cat([similarities[kept], similarities.new_ones(len(items))])
    return ItemGraph(pattern, symmetric_normalise(pattern, _spread(edges, places, len(pattern))))


def fuse(
    raw: RawItemGraphs,
    projected: Sequence[Tensor],
    weights: Tensor,
    *,
    top_k: int,
    raw_share: float,
) -> ItemGraph:
    """Mix the graph learned from the projected features with the raw ones (equations 2 to 6).

    Args:
        raw: the graphs of the raw features, M modalities.
        projected: M tensors [I, P], the projected features.
        weights: [M], the importance of each modality, summing to 1.
        top_k: neighbours kept in a row of the learned graph.
        raw_share: weight of the raw graphs, the rest is the learned one's (``l_m``).

    Returns:
        The item graph; its values have a gradient in ``projected`` and ``weights``.
    """
    n_items = len(projected[0])
    shape = (n_items, n_items)
    learned = []
    for x in projected:
        rows, cols, _ = _without_self(nearest_neighbours(x, top_k)[0])  # eq. 3: which stay
        pattern, _ = coalesce(rows, cols, shape)
        directions = normalize(x)
        learned.append(ItemGraph(pattern, edge_products(pattern, directions, directions)))  # eq. 2

    items = torch.arange(n_items, device=weights.device)
    patterns = [graph.pattern for graph in learned]
    sources = [(p.rows, p.cols) for p in (*patterns, raw.pattern)] + [(items, items)]
    union, places = coalesce(
        torch.cat([rows for rows, _ in sources]), torch.cat([cols for _, cols in sources]), shape
    )
    *learned_places, raw_places, diagonal = places.split([len(rows) for rows, _ in sources])

    similarity = _spread(weights.new_ones(n_items), diagonal, len(union))
    for weight, graph, place in zip(weights, learned, learned_places, strict=True):
        similarity = similarity + _spread(weight * graph.values, place, len(union))  # eq. 4
    values = symmetric_normalise(union, similarity)  # eq. 5
    raw_values = _spread(weights @ raw.values, raw_places, len(union))
    return ItemGraph(union, (1 - raw_share) * values + raw_share * raw_values)  # eq. 6


def _without_self(neighbours: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn neighbour lists [I, k] into edges (rows, cols) and the [I, k] mask of those kept.

    An item's similarity with itself is set to 1 whatever it is, so it is no edge that is learned.
    """
    items = torch.arange(len(neighbours), device=neighbours.device)
    rows = items[:, None].expand_as(neighbours)
    kept = neighbours != rows
    return rows[kept], neighbours[kept], kept


def _spread(values: Tensor, places: Tensor, length: int) -> Tensor:
    """Put ``values`` at distinct ``places`` of a vector of zeros; differentiable in ``values``."""
    return values.new_zeros(length).scatter(0, places, values)
