"""The item-item graphs of LATTICE, as sparse patterns that carry gradients.

Equation numbers are those of Zhang et al., "Mining Latent Structures for Multimedia
Recommendation", ACM MM 2021.

Shapes: I items, M modalities, E edges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from mmrec.graph.adjacency import symmetric_normalise
from mmrec.graph.approximate import approximate_neighbours
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate

Search = Literal["exact", "approximate"]

_SEARCHES: Mapping[Search, Callable[[Tensor, int], tuple[Tensor, Tensor]]] = {
    "exact": nearest_neighbours,
    "approximate": approximate_neighbours,
}


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
        places = (self.pattern.rows, self.pattern.cols)
        return dense.index_put(places, self.values, accumulate=True)


class RawItemGraphs(nn.Module):
    """The constant graph of each modality's raw features, over one merged pattern.

    Each is the cosine of the features, its ``top_k`` largest values of every row kept, with a
    diagonal of 1 and symmetric normalisation.
    """

    values: Tensor
    """[M, E] float32, a row for each modality."""

    def __init__(self, features: Sequence[Tensor], top_k: int, search: Search = "exact") -> None:
        super().__init__()
        n_items = len(features[0])
        graphs = [_raw_graph(x, top_k, search) for x in features]
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


def _raw_graph(features: Tensor, top_k: int, search: Search) -> ItemGraph:
    neighbours, similarities = _SEARCHES[search](features, top_k)
    return _normalised([neighbours], [_without_self(neighbours, similarities)])


def fuse(
    raw: RawItemGraphs,
    projected: Sequence[Tensor],
    weights: Tensor,
    *,
    top_k: int,
    raw_share: float,
    search: Search = "exact",
) -> ItemGraph:
    """Mix the graph learned from the projected features with the raw ones (equations 2 to 6).

    Args:
        raw: the graphs of the raw features, M modalities.
        projected: M tensors [I, P], the projected features.
        weights: [M], the importance of each modality, summing to 1.
        top_k: neighbours kept in a row of the learned graph.
        raw_share: weight of the raw graphs, the rest is the learned one's (``l_m``).
        search: how neighbours are found.

    Returns:
        The item graph; its values have a gradient in ``projected`` and ``weights``.
    """
    lists, similarities = [], []
    for weight, x in zip(weights, projected, strict=True):
        neighbours, _ = _SEARCHES[search](x, top_k)  # eq. 3: which stay, without gradient
        directions = normalize(x)
        cosines = edge_products(  # eq. 2, of those alone, with gradient
            Pattern.from_lists(neighbours, len(x)), directions, directions
        )
        lists.append(neighbours)
        similarities.append(weight * _without_self(neighbours, cosines.view_as(neighbours)))
    learned = _normalised(lists, similarities)  # eq. 4: the rows of all modalities, side by side
    raw_values = raw_share * (weights @ raw.values)
    return _beside(learned.pattern, (1 - raw_share) * learned.values, raw.pattern, raw_values)


def _normalised(lists: Sequence[Tensor], similarities: Sequence[Tensor]) -> ItemGraph:
    """Add a diagonal of 1 to weighted neighbour lists and normalise symmetrically (eq. 5).

    Args:
        lists: neighbours, tensors [I, K_m] int64; those in several lists add up.
        similarities: their values, of the same shapes.
    """
    n_items = len(lists[0])
    items = torch.arange(n_items, device=lists[0].device)[:, None]
    ones = similarities[0].new_ones(n_items, 1)
    pattern = Pattern.from_lists(torch.cat([*lists, items], dim=1), n_items)
    values = torch.cat([*similarities, ones], dim=1).flatten()
    return ItemGraph(pattern, symmetric_normalise(pattern, values))


def _without_self(neighbours: Tensor, similarities: Tensor) -> Tensor:
    """Zero an item's similarity with itself, [I, K]: it is set to 1 apart, whatever it is."""
    items = torch.arange(len(neighbours), device=neighbours.device)[:, None]
    return similarities.masked_fill(neighbours == items, 0.0)


def _beside(
    learned: Pattern, learned_values: Tensor, raw: Pattern, raw_values: Tensor
) -> ItemGraph:
    """Add two graphs (eq. 6) by putting their rows side by side; nothing has to be sorted."""
    rowptr = learned.rowptr + raw.rowptr
    edges = torch.arange(len(learned) + len(raw), device=rowptr.device)
    places = torch.cat(
        [
            edges[: len(learned)] + raw.rowptr[learned.rows],
            edges[: len(raw)] + learned.rowptr[raw.rows + 1],
        ]
    )
    size = len(edges)

    def put(x: Tensor, y: Tensor) -> Tensor:
        return x.new_empty(size).scatter(0, places, torch.cat([x, y]))

    pattern = Pattern(
        put(learned.rows, raw.rows), put(learned.cols, raw.cols), learned.shape, rowptr
    )
    return ItemGraph(pattern, put(learned_values, raw_values))


def _spread(values: Tensor, places: Tensor, length: int) -> Tensor:
    """Add up ``values`` at their ``places`` in a vector of zeros."""
    return values.new_zeros(length).index_add(0, places, values)
