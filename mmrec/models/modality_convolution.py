"""The graph convolutions of MMGCN: users and items exchange what they are in one modality.

Shapes: U users, I items, P selected nodes, M nodes of the other side, K width of the input of a
layer, D width of its output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from mmrec.graph import BatchRows, SparseMatrix, normalise_rows
from mmrec.models.wide import WideLinear, wide_linear

Variant = Literal["formal", "mmrec"]
Pair = tuple[Tensor, Tensor]
"""Users and items."""


class ModalityConvolution(nn.Module):
    """The preferences of users in a modality, and layers over users and items.

    Args:
        n_users: U.
        widths: the width of the input of each layer.
        factors: D.
        concatenation: whether a linear map joins both parts of a node; they are added otherwise.
        variant: the public implementation whose initial values to draw; ``mmrec`` does not train
            the preferences.

    Attributes:
        preferences: [U, K].
    """

    def __init__(
        self,
        n_users: int,
        widths: Sequence[int],
        factors: int,
        *,
        concatenation: bool,
        variant: Variant,
    ) -> None:
        super().__init__()
        is_formal = variant == "formal"
        xavier_ = nn.init.xavier_uniform_ if is_formal else nn.init.xavier_normal_
        preferences = xavier_(torch.empty(n_users, widths[0]))
        self.preferences = nn.Parameter(preferences, requires_grad=is_formal)
        self.layers = nn.ModuleList()
        for number, width in enumerate(widths):
            layer = _Layer(width, factors, concatenation=concatenation)
            for weight in (layer.weight, layer.own.weight):
                xavier_(weight)
            if is_formal or number == 0:
                xavier_(layer.join.weight)
            self.layers.append(layer)

    def forward(
        self,
        items: Tensor,
        ids: Pair | None,
        graphs: tuple[SparseMatrix, SparseMatrix],
        rows: tuple[BatchRows, BatchRows],
    ) -> Pair:
        """Return the last layer at some users and some items, [P, D] each.

        Args:
            items: the features, [I, K].
            ids: embeddings that are added to each layer, [U, D] and [I, D].
            graphs: to users, [U, I], and to items, [I, U].
            rows: of the graphs, those of the users and the items to return.
        """
        (to_users, to_items), (to_some_users, to_some_items) = graphs, rows
        users, items = normalise_rows(self.preferences), normalise_rows(items)
        user_ids, item_ids = ids or (None, None)
        *others, last = self.layers
        for layer in others:
            users, items = (
                layer(to_users, items, users, user_ids),
                layer(to_items, users, items, item_ids),
            )
        return (
            last(to_some_users, items, *_selected(to_some_users.nodes, users, user_ids)),
            last(to_some_items, users, *_selected(to_some_items.nodes, items, item_ids)),
        )


class _Layer(nn.Module):
    """What a node receives from its neighbours, joined with its own part."""

    def __init__(self, width: int, factors: int, *, concatenation: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, width))
        self.own = WideLinear(width, factors)
        self.join = WideLinear(width + factors if concatenation else width, factors)
        self.concatenation = concatenation

    def forward(
        self, graph: SparseMatrix | BatchRows, neighbours: Tensor, own: Tensor, ids: Tensor | None
    ) -> Tensor:
        """Return the output at P nodes, [P, D].

        Args:
            graph: the edges to these nodes, [P, M].
            neighbours: the input of all nodes of the other side, [M, K].
            own: the input of these nodes, [P, K].
            ids: embeddings of these nodes, [P, D].
        """
        received = leaky_relu(_convolved(graph, neighbours, self.weight), inplace=True)
        kept = leaky_relu(self.own(own), inplace=True)
        kept = kept if ids is None else kept + ids
        if not self.concatenation:
            return leaky_relu(self.join(received).add_(kept), inplace=True)
        # Each part has its columns of the map: wide parts are not copied side by side.
        of_received, of_kept = self.join.weight.split([received.shape[1], kept.shape[1]], dim=1)
        return leaky_relu(
            wide_linear(received, of_received, self.join.bias) + wide_linear(kept, of_kept),
            inplace=True,
        )


def _convolved(graph: SparseMatrix | BatchRows, x: Tensor, weight: Tensor) -> Tensor:
    """Return ``A x C``, [P, K] for ``x`` [M, K]; C multiplies the side that has fewer rows."""
    n_rows, n_columns = graph.shape
    if n_columns <= n_rows:
        return graph @ wide_linear(x, weight.T)
    return wide_linear(graph @ x, weight.T)


def _selected(nodes: Tensor, x: Tensor, ids: Tensor | None) -> tuple[Tensor, Tensor | None]:
    return x.index_select(0, nodes), None if ids is None else ids.index_select(0, nodes)
