"""The item graphs of LATTICE, of raw features and of projected features.

Equation numbers are those of Zhang et al., "Mining Latent Structures for Multimedia
Recommendation", ACM MM 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import normalize

from mmrec.graph import NeighbourSearch, Pattern, SparseMatrix, edge_products, knn_graph
from mmrec.graph.builders import SEARCHES, with_unit_diagonal
from mmrec.graph.matrix import symmetric_normalise


def raw_item_graph(x: Tensor, top_k: int, search: NeighbourSearch) -> SparseMatrix:
    """Return the constant graph [I, I] of raw features [I, F]: cosines with a diagonal of 1.

    It is symmetrically normalised; a row whose sum is not positive is zero.
    """
    graph = knn_graph(x, top_k, diagonal="one", search=search)
    pattern, values = graph.pattern, symmetric_normalise(graph.pattern, graph.values)
    return SparseMatrix.from_edges(pattern.rows, pattern.cols, pattern.shape, values)


def learned_item_graph(
    projected: Sequence[Tensor], weights: Tensor, top_k: int, search: NeighbourSearch
) -> SparseMatrix:
    """Return the weighted graph of the projected features (equations 2 to 5).

    A row whose sum is not positive is zero.

    Args:
        projected: M tensors [I, P].
        weights: [M], the importance of each modality.
        top_k: neighbours of each item in a modality.
        search: how neighbours are found.

    Returns:
        [I, I], symmetrically normalised, with a diagonal of 1 before that; differentiable in
        ``projected`` and ``weights``.
    """
    lists, similarities = [], []
    for weight, x in zip(weights, projected, strict=True):
        neighbours, _ = SEARCHES[search](x, top_k)  # eq. 3: the neighbours, without gradient
        directions = normalize(x)
        cosines = edge_products(  # eq. 2, of these alone, with gradient
            Pattern.from_lists(neighbours, len(x)), directions, directions
        )
        lists.append(neighbours)
        similarities.append(weight * cosines.view_as(neighbours))
    pattern, values = with_unit_diagonal(lists, similarities)  # eq. 4: modalities side by side
    return SparseMatrix(pattern, symmetric_normalise(pattern, values))  # eq. 5
