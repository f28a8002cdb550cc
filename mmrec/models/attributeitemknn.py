"""AttributeItemKNN: items with attributes that are similar to those of a user's items."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mmrec.data import ColdItems, Dataset
from mmrec.graph.row_blocks import SparseArray, transposed
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, product_scorer, training_matrix
from mmrec.models.cold_neighbours import weights_of_cold_items
from mmrec.models.content_neighbours import (
    AttributeNeighboursConfig,
    Cut,
    item_vectors,
    nearest,
)


class AttributeItemKNNConfig(AttributeNeighboursConfig):
    """Hyper-parameters of :class:`AttributeItemKNN`."""

    cut: Cut = "column"
    """Whether each candidate keeps its neighbours (column) or each item of the history (row)."""


@register("AttributeItemKNN")
class AttributeItemKNN(ClosedForm):
    """Item-based nearest neighbours by attributes (Gantner et al., RecSys 2011), as in Elliot.

    This is ItemKNN with ``implementation: standard`` on the rows of an item-by-attribute matrix:

        s(u, j) = sum_i r_ui S_ij

    over the ``neighbors`` items i most similar to the candidate j, which include j. With ``cut:
    row`` they are the items i of the history that have j among their neighbours. Items without
    attributes, and constant vectors for correlation, have the similarity 0 to all items.

    Public code: Elliot is followed. It reads attributes of 0 and 1 only; here any modalities work,
    concatenated. The default loader is ``ItemAttributes``.

    Cost: ``I^2`` similarities in blocks of rows, ``I^2 F`` operations for dense features. I
    ``neighbors`` weights are kept.

    Shapes: I items, F attributes or features.

    Kind: neighbours.
    """

    Config = AttributeItemKNNConfig
    config: AttributeItemKNNConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: AttributeItemKNNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.vectors = item_vectors(config, dataset)
        self.left = training_matrix(dataset.train, implicit=config.implicit)
        chosen = nearest(self.vectors, config)
        self.right = chosen if config.cut == "row" else transposed(chosen)

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        """Score each cold item as if it were the only one."""
        chosen = self.right if self.config.cut == "row" else None
        weights = weights_of_cold_items(
            self.config, self._dataset, cold, chosen, zeros_compete=False, with_itself=True
        )
        return product_scorer(self.left, weights)
