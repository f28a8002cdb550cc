"""The graph refining of GRCN: edges are weighted and pruned by what users prefer.

The modalities are computed together: their users follow each other in one tensor, their items in
another, and their edges are the blocks of one graph. Each edge exists twice: to a user, in the
order of users and items, and to an item, in the order of items and users.

Shapes: U users, I items, E edges, M modalities, K width of preferences and features.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from mmrec.graph import (
    BatchRows,
    SparseMatrix,
    block_diagonal,
    edge_products,
    edge_softmax,
    normalise_rows,
)
from mmrec.models.parts import embedding

WeightMode = Literal["mean", "max", "confid"]
Graphs = tuple[SparseMatrix, SparseMatrix]
"""The edges to users, and the edges to items."""


class GraphRefining(nn.Module):
    """Preferences of users, attention over the edges, and the weights of the edges.

    Args:
        interactions: [U, I].
        n_modalities: M.
        width: K.
        weight_mode: how the attention of the modalities becomes a weight.
        n_routings: times that preferences move.
        has_act: whether LeakyReLU is applied to what a node receives.
        aligned: whether the attention of items belongs to their own edges. Otherwise that of the
            n-th edge to users is taken for the n-th edge to items.
        confidence_of: the node of an edge whose confidence counts.

    Attributes:
        preferences: [U, K] of each modality.
        confidence: [U+I, M], None unless ``weight_mode`` is confid.
    """

    def __init__(
        self,
        interactions: SparseMatrix,
        n_modalities: int,
        width: int,
        *,
        weight_mode: WeightMode,
        n_routings: int,
        has_act: bool,
        aligned: bool,
        confidence_of: Literal["target", "source"],
    ) -> None:
        super().__init__()
        self.weight_mode, self.n_routings, self.has_act = weight_mode, n_routings, has_act
        self.aligned, self.confidence_of = aligned, confidence_of
        n_users, n_items = interactions.shape
        self.preferences = nn.ParameterList(
            embedding(n_users, width).weight for _ in range(n_modalities)
        )
        self.confidence: Tensor | None = None
        if weight_mode == "confid":
            self.confidence = embedding(n_users + n_items, n_modalities).weight
        self.graphs = interactions, interactions.transposed()
        blocks = block_diagonal(interactions, n_modalities)
        self.blocks = blocks, blocks.transposed()

    def routed(self, items: Tensor) -> Tensor:
        """Return the preferences of users, moved towards the items that they attend to, [MU, K].

        Args:
            items: features of length 1, [MI, K].
        """
        edges = self.blocks[0].pattern
        users = normalise_rows(torch.cat([*self.preferences]))
        for _ in range(self.n_routings):
            attention = edge_softmax(edges, edge_products(edges, users, items))
            received = self.act(SparseMatrix(edges, attention) @ items)
            users = normalise_rows(received.add_(users))
        return users

    def attention(self, users: Tensor, items: Tensor) -> Graphs:
        """Return the attention of users to their items, [MU, MI], and of items, [MI, MU]."""
        to_users, to_items = (block.pattern for block in self.blocks)
        affinity = edge_products(to_users, users, items)
        return (
            SparseMatrix(to_users, edge_softmax(to_users, affinity)),
            SparseMatrix(to_items, edge_softmax(to_items, self.of_edges_to_items(affinity))),
        )

    def views(
        self, graph: SparseMatrix, own: Tensor, neighbours: Tensor, nodes: Tensor
    ) -> list[Tensor]:
        """Return P nodes with what they receive, [P, K] for each modality.

        Args:
            graph: the attention of all N nodes of their side, [MN, MN'].
            own: [MN, K].
            neighbours: [MN', K].
            nodes: [P] int64.
        """
        starts = range(0, len(own), len(own) // len(self.preferences))
        rows = torch.cat([nodes + start for start in starts])
        received = self.act(BatchRows(graph, rows) @ neighbours)
        return [*received.add_(own.index_select(0, rows)).split(len(nodes))]

    def weighted(self, attention: Graphs, *, pruning: bool) -> Graphs:
        """Return the weights of the edges to users, [U, I], and to items, [I, U].

        Args:
            attention: of users and of items.
            pruning: whether negative weights become 0.
        """
        values = [graph.values for graph in attention]
        if self.confidence is not None:
            confidences = self.confidences_of_edges(self.confidence)
            values = [x * y for x, y in zip(values, confidences, strict=True)]
        graphs = []
        for graph, x in zip(self.graphs, values, strict=True):
            by_modality = x.view(len(self.preferences), -1)
            weights = by_modality.mean(0) if self.weight_mode == "mean" else by_modality.amax(0)
            graphs.append(SparseMatrix(graph.pattern, weights.relu() if pruning else weights))
        return graphs[0], graphs[1]

    def confidences_of_edges(self, of_nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the confidence of each edge to users and to items, [ME], from [U+I, M]."""
        edges = self.blocks[0].pattern
        users, items = (x.T.reshape(-1, 1) for x in of_nodes.split(self.graphs[0].shape))
        of_users = edge_products(edges, users, torch.ones_like(items))
        of_items = edge_products(edges, torch.ones_like(users), items)
        if self.confidence_of == "source":
            of_users, of_items = of_items, of_users
        return of_users, self.of_edges_to_items(of_items)

    def of_edges_to_items(self, values: Tensor) -> Tensor:
        """Return values of the edges to users, [ME], as those of the edges to items."""
        if not self.aligned:
            return values
        return values.index_select(0, self.blocks[0].pattern.transposed()[2])

    def act(self, received: Tensor) -> Tensor:
        """Return what nodes receive, activated with ``has_act``; it may be added to in place."""
        return leaky_relu(received) if self.has_act else received
