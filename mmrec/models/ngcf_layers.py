"""The layers of NGCF, which NGCF, NGCFM and LATTICE share.

Neural Graph Collaborative Filtering (Wang et al., SIGIR 2019), equation 7, with one graph for both
terms, as in the authors' code:

    s = A x,  y = dropout(LeakyReLU_0.2(s W1 + b1 + (s * x) W2 + b2)),  x <- y / |y|

Shapes: N nodes, P selected nodes, L layers, D width of the embeddings, W of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu, normalize

from mmrec.graph import SparseMatrix, bipartite


def ngcf_graph(interactions: SparseMatrix, *, normalize: bool = True) -> SparseMatrix:
    """Return ``D^-1 (A + I)`` of users and items, or A without self-loops, [U+I, U+I].

    Args:
        interactions: [U, I].
        normalize: whether rows are divided by their sums; otherwise there are no self-loops.
    """
    graph = bipartite(interactions, self_loops=normalize)
    return graph.by_row() if normalize else graph


class NGCFLayers(nn.Module):
    """L layers; the output of each is normalised before the next one reads it.

    Args:
        graph: A, [N, N]; constant.
        factors: D.
        dropouts: a rate for each layer, of the entries of its output.
        width: W; by default D.
        node_dropout: the rate of the edges that an epoch leaves out.
    """

    def __init__(
        self,
        graph: SparseMatrix,
        factors: int,
        dropouts: Sequence[float],
        width: int | None = None,
        node_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.graph = self.graph_of_epoch = graph
        self.dropouts = tuple(dropouts)
        self.node_dropout = node_dropout
        widths = [factors, *[width or factors for _ in self.dropouts]]
        self.layers = nn.ModuleList(map(NGCFWeights, widths, widths[1:]))

    def begin_epoch(self, rng: np.random.Generator) -> None:
        """Draw for each edge of the graph whether the epoch's batches use it."""
        if self.node_dropout:
            kept = np.flatnonzero(rng.random(len(self.graph)) >= self.node_dropout)
            self.keep(torch.from_numpy(kept).to(self.graph.device))

    def keep(self, edges: Tensor) -> None:
        """Train on some of the edges, divided by ``1 - node_dropout``.

        Args:
            edges: [K] int64, ascending positions in the graph.
        """
        self.graph_of_epoch = self.graph.select(edges) * (1 / (1 - self.node_dropout))

    def mask(self, layer: int, shape: torch.Size) -> Tensor:
        """Draw the factors of a dropout, 0 or ``1 / (1 - rate)``.

        Args:
            layer: counted from 0.
            shape: of its output, (N, W).
        """
        ones = torch.ones(shape, device=self.graph.device, dtype=self.graph.values.dtype)
        return dropout(ones, self.dropouts[layer])

    def outputs(self, x: Tensor, nodes: Tensor) -> list[Tensor]:
        """Return the input and the output of each layer at some nodes, [P, D] and L x [P, W].

        Args:
            x: [N, D].
            nodes: [P] int64, in any order and with repetitions.
        """
        graph = self.graph_of_epoch if self.training else self.graph
        rows = [x.index_select(0, nodes)]
        for number, layer in enumerate(self.layers):
            y = layer(graph @ x, x)
            if self.training and self.dropouts[number]:
                y = y * self.mask(number, y.shape)
            x = normalize(y)
            rows.append(x.index_select(0, nodes))
        return rows

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return the mean of the input and all outputs at some nodes, [P, D], if W is D."""
        return torch.stack(self.outputs(x, nodes)).mean(0)


class NGCFWeights(nn.Module):
    """``LeakyReLU_0.2(s W1 + b1 + (s * x) W2 + b2)``; all weights are Xavier uniform."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W1 = nn.Parameter(torch.empty(inputs, outputs))
        self.b1 = nn.Parameter(torch.empty(1, outputs))
        self.W2 = nn.Parameter(torch.empty(inputs, outputs))
        self.b2 = nn.Parameter(torch.empty(1, outputs))
        for weight in (self.W1, self.b1, self.W2, self.b2):
            nn.init.xavier_uniform_(weight)

    def forward(self, side: Tensor, x: Tensor) -> Tensor:
        """Return [N, W] for what nodes gathered, [N, D], and the nodes themselves, [N, D]."""
        messages = side @ self.W1 + self.b1 + (side * x) @ self.W2 + self.b2
        return leaky_relu(messages, negative_slope=0.2)
