"""The layers of NGCF, which NGCF, NGCFM and LATTICE share.

Neural Graph Collaborative Filtering (Wang et al., SIGIR 2019), equation 7, with one graph for both
terms, as in the authors' code:

    s = A x,  y = dropout(LeakyReLU_0.2(s W1 + b1 + (s * x) W2 + b2)),  x <- y / |y|

Shapes: N nodes, P selected nodes, L layers, D width of the embeddings, W of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu_

from mmrec.graph import BatchRows, SparseMatrix, bipartite
from mmrec.graph.normalisation import gradient_of_normalised, inverse_norms
from mmrec.models.draws import dropout_factors

_SLOPE = 0.2
"""Of LeakyReLU below 0."""

leaky_relu_backward = torch.ops.aten.leaky_relu_backward


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
        self.width = width or factors
        inputs = [factors, *[self.width for _ in self.dropouts]][: len(self.dropouts)]
        self.layers = nn.ModuleList(NGCFLayer(n, self.width) for n in inputs)

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

    def mask(self, layer: int, n_nodes: int) -> Tensor:
        """Draw the factors of a dropout, 0 or ``1 / (1 - rate)``, [N, W].

        They are drawn for all nodes, so that a node has one however often it is selected.

        Args:
            layer: counted from 0.
            n_nodes: N.
        """
        like = self.graph.values.new_empty(n_nodes, self.width)
        return dropout_factors(like, self.dropouts[layer])

    def outputs(self, x: Tensor, nodes: Tensor) -> list[Tensor]:
        """Return the input and the output of each layer at some nodes, [P, D] and L x [P, W].

        Args:
            x: [N, D].
            nodes: [P] int64, in any order and with repetitions.
        """
        graph = self.graph_of_epoch if self.training else self.graph
        rows = [x.index_select(0, nodes)]
        for number, layer in enumerate(self.layers):
            is_last = number == len(self.layers) - 1
            mask = self.mask(number, len(x)) if self.training and self.dropouts[number] else None
            if is_last and mask is not None:
                mask = mask.index_select(0, nodes)
            x = layer(graph, x, nodes if is_last else None, mask)
            rows.append(x if is_last else x.index_select(0, nodes))
        return rows

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return the mean of the input and all outputs at some nodes, [P, D], if W is D."""
        return torch.stack(self.outputs(x, nodes)).mean(0)


class NGCFLayer(nn.Module):
    """One layer; all weights are Xavier uniform."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.W1 = nn.Parameter(torch.empty(inputs, outputs))
        self.b1 = nn.Parameter(torch.empty(1, outputs))
        self.W2 = nn.Parameter(torch.empty(inputs, outputs))
        self.b2 = nn.Parameter(torch.empty(1, outputs))
        for weight in (self.W1, self.b1, self.W2, self.b2):
            nn.init.xavier_uniform_(weight)

    def forward(
        self, graph: SparseMatrix, x: Tensor, nodes: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        """Return the output at some nodes, [P, W].

        Args:
            graph: A, [N, N]; constant.
            x: [N, D].
            nodes: [P] int64; without them all nodes.
            mask: [P, W], the factors of the dropout; None without dropout.
        """
        if nodes is None:
            side, own = graph @ x, x
        else:
            side, own = BatchRows(graph, nodes) @ x, x.index_select(0, nodes)
        output: Tensor = _Layer.apply(  # type: ignore[no-untyped-call]
            side, own, mask, self.W1, self.b1, self.W2, self.b2
        )
        return output


class _Layer(Function):
    """The layer from ``s`` and ``x`` at the same nodes, with few passes over them."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch's, without a type
        side: Tensor,
        x: Tensor,
        mask: Tensor | None,
        w1: Tensor,
        b1: Tensor,
        w2: Tensor,
        b2: Tensor,
    ) -> Tensor:
        y = leaky_relu_(torch.addmm(b1 + b2, side, w1).addmm_(side * x, w2), _SLOPE)
        if mask is not None:
            y.mul_(mask)
        scale = inverse_norms(y)
        z = y.mul_(scale)
        ctx.save_for_backward(side, x, mask, w1, w2, z, scale)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        side, x, mask, w1, w2, z, scale = ctx.saved_tensors
        dy = gradient_of_normalised(gradient, z, scale)
        if mask is not None:
            dy.mul_(mask)
        # z has the sign of what LeakyReLU has read.
        dy = leaky_relu_backward(dy, z, _SLOPE, self_is_result=True)
        product = side * x
        dw1, dw2, db = side.T @ dy, product.T @ dy, dy.sum(0, keepdim=True)
        dproduct = torch.mm(dy, w2.T, out=product)
        dside = (dproduct * x).addmm_(dy, w1.T)
        return dside, dproduct.mul_(side), None, dw1, db, dw2, db.clone()
