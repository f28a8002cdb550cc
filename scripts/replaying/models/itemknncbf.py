"""ItemKNNCBF, recorded from MMRec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.graph.row_blocks import dense
from mmrec.models import Recommender
from mmrec.models.content_neighbours import similarities
from mmrec.models.itemknncbf import ItemKNNCBF
from replaying.recording import Array
from replaying.scores import ScoresReplay, dense_rows


class Replay(ScoresReplay):
    """The files have the similarities before the cut, the weights and the scores."""

    model = "ItemKNNCBF"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, which have MMRec's names."""
        modalities = tuple(self.parameters["modalities"])
        return self.parameters | {"modalities": modalities, "loaders": modalities}

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the similarities and the weights, [I, I]."""
        assert isinstance(model, ItemKNNCBF)
        rows = similarities(model.vectors, model.config)
        return {"similarity": dense_rows(rows, model.n_items), "W": dense(model.right)}
