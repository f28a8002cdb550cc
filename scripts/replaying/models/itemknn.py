"""ItemKNN, recorded from Elliot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.graph.row_blocks import SparseArray, dense, transposed
from mmrec.models import Recommender
from mmrec.models.itemknn import ItemKNN
from mmrec.models.neighbours import similarities
from mmrec.models.userknn import UserKNN
from replaying.recording import Array
from replaying.scores import ScoresReplay, dense_rows


class Replay(ScoresReplay):
    """The files have the similarities before the cut, the weights and the scores.

    Columns are the choosing items, in ours the rows.
    """

    model = "ItemKNN"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, which have Elliot's names."""
        return self.parameters

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the similarities and the weights, [N, N]."""
        assert isinstance(model, ItemKNN | UserKNN)
        vectors, weights = self.vectors_and_weights(model)
        rows = similarities(vectors, model.config)
        return {"similarity": dense_rows(rows, vectors.shape[0]).T, "W": dense(weights)}

    def vectors_and_weights(self, model: ItemKNN | UserKNN) -> tuple[SparseArray, SparseArray]:
        """Return the rows that are compared and the weights between them."""
        return transposed(model.left), model.right
