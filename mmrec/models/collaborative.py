"""The collaborative half of LATTICE: propagation over users and items, L2-normalised per layer.

Each module maps node embeddings [U+I, D] to the mean of the input and all layers at some nodes.
The output of every layer is normalised before the next layer reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from mmrec.graph import SparseMatrix, mean_of_layers
from mmrec.models.ngcf_layers import NGCFLayers, ngcf_graph

Collaborative = Literal["lightgcn", "ngcf", "mf"]


def collaborative_layers(
    kind: Collaborative,
    interactions: SparseMatrix,
    n_layers: int,
    factors: int,
    dropouts: Sequence[float],
) -> nn.Module:
    """Return the layers of a kind over ``D^-1 (A + I)``.

    Args:
        kind: ``mf`` has no layers.
        interactions: [U, I].
        n_layers: number of layers.
        factors: width of the embeddings.
        dropouts: of NGCF, a rate for each layer; more are ignored.
    """
    if kind == "mf":
        return NoLayers()
    graph = ngcf_graph(interactions)
    if kind == "lightgcn":
        return LightGCNLayers(graph, n_layers)
    return NGCFLayers(graph, factors, dropouts[:n_layers])


def check_ngcf_layers(
    n_layers: int, factors: int, widths: Sequence[int], dropouts: Sequence[float]
) -> None:
    """Check the hyper-parameters ``ws`` and ``dl`` of NGCF.

    Raises:
        ValueError: one has fewer values than layers, or a width is not ``factors``.
    """
    for name, values in (("ws", widths), ("dl", dropouts)):
        if len(values) < n_layers:
            raise ValueError(
                f"{name}: expected a value for each of the {n_layers} layers (n_ui_layers), "
                f"found {values}"
            )
    if any(width != factors for width in widths[:n_layers]):
        raise ValueError(
            f"ws: layers are averaged, so every width must equal factors = {factors}, "
            f"found {widths}"
        )


class NoLayers(nn.Module):
    """Matrix factorisation: the input itself."""

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return the rows of the nodes [P], [P, D]."""
        return x.index_select(0, nodes)


class LightGCNLayers(nn.Module):
    """``x <- normalised(A x)``, without weights."""

    def __init__(self, graph: SparseMatrix, n_layers: int) -> None:
        super().__init__()
        self.graph = graph
        self.n_layers = n_layers

    def forward(self, x: Tensor, nodes: Tensor) -> Tensor:
        """Return the mean of layers 0 to ``n_layers`` at the nodes [P], [P, D]."""
        return mean_of_layers(self.graph, x, self.n_layers, nodes, normalised=True)
