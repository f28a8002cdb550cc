"""ItemKNNCBF: items whose features are similar to those of a user's items."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.data import ColdItems, Dataset
from mmrec.graph.row_blocks import SparseArray, keep_largest, transposed, without_diagonal
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, product_scorer, training_matrix
from mmrec.models.cold_neighbours import weights_of_cold_items
from mmrec.models.content_neighbours import (
    ContentNeighboursConfig,
    Cut,
    item_vectors,
    similarities,
)


class ItemKNNCBFConfig(ContentNeighboursConfig):
    """Hyper-parameters of :class:`ItemKNNCBF`."""

    neighbors: Count = 10
    """How many neighbours are kept."""
    knn_k: Count | None = None
    """MMRec's name for ``neighbors``; it takes precedence if both are given."""
    shrink: NonNegativeReal = 10.0
    """Added to the denominator of cosine."""
    implicit: Flag = True
    """Every rating becomes 1."""
    cut: Cut = "row"
    """Whether each item of the history keeps its neighbours (row) or each candidate (column)."""

    @property
    def k(self) -> int:
        """How many neighbours are kept."""
        return self.neighbors if self.knn_k is None else self.knn_k


@register("ItemKNNCBF")
class ItemKNNCBF(ClosedForm):
    """Item-based nearest neighbours by features (Ferrari Dacrema et al., RecSys 2019), as in MMRec.

    With the concatenated features f of all modalities,

        S_ij = f_i.f_j / (|f_i| |f_j| + shrink), also for i = j
        s(u, j) = sum of S_ij over the items i of the user that have j among their neighbours

    where the neighbours of an item i are the ``neighbors`` largest ``S_ij``. Among them may be i
    itself, and negative ones. With ``cut: column`` each candidate j keeps the largest ``S_ij`` of
    other items i instead. Ratings are used with ``implicit: False`` only.

    Features are not normalised, so the modality with the longer vectors decides; with
    ``normalize_features`` the vectors of each modality have the length 1. A ``shrink`` that has an
    effect depends on the scale of the features. Equal similarities are taken by ascending item
    number.

    Public code: MMRec is followed. Elliot's models cut as in ``cut: column``. Vectors of zeros have
    the similarity 0, also with ``shrink: 0``, where MMRec gives NaN.

    Cost: ``I^2 F`` operations for the similarities, in blocks of rows. I ``neighbors`` weights are
    kept.

    Shapes: I items, F features of all modalities.

    Kind: neighbours.
    """

    Config = ItemKNNCBFConfig
    config: ItemKNNCBFConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: ItemKNNCBFConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.vectors = item_vectors(config, dataset)
        self.left = training_matrix(dataset.train, implicit=config.implicit)
        rows, is_by_row = similarities(self.vectors, config), config.cut == "row"
        rows = rows if is_by_row else without_diagonal(rows)
        chosen = keep_largest(rows, self.n_items, config.k, zeros_compete=True)
        self.right = chosen if is_by_row else transposed(chosen)

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        """Score each cold item as if it were the only one."""
        chosen = self.right if self.config.cut == "row" else None
        weights = weights_of_cold_items(
            self.config, self._dataset, cold, chosen, zeros_compete=True, with_itself=False
        )
        return product_scorer(self.left, weights)
