"""UserKNN, recorded from Elliot."""

from __future__ import annotations

from mmrec.graph.row_blocks import SparseArray
from mmrec.models.itemknn import ItemKNN
from mmrec.models.userknn import UserKNN
from replaying.models import itemknn


class Replay(itemknn.Replay):
    """As ItemKNN, with users."""

    model = "UserKNN"

    def vectors_and_weights(self, model: ItemKNN | UserKNN) -> tuple[SparseArray, SparseArray]:
        """Return the rows that are compared and the weights between them."""
        return model.right, model.left
