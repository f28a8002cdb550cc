"""AttributeItemKNN, recorded from Elliot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.graph.row_blocks import Matrix, dense
from mmrec.models import Recommender
from mmrec.models.attributeitemknn import AttributeItemKNN
from mmrec.models.attributeuserknn import AttributeUserKNN
from mmrec.models.content_neighbours import similarities
from replaying.recording import Array
from replaying.scores import ScoresReplay, dense_rows


class Replay(ScoresReplay):
    """The files have the vectors, the similarities before the cut, the weights and the scores.

    Columns are the choosing items, in ours the rows.
    """

    model = "AttributeItemKNN"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, which have Elliot's names, and where the vectors are."""
        parameters = self.parameters
        del parameters["loader"]
        is_dense = self.recording.config["dense_features"]
        modalities = ("visual", "textual") if is_dense else ("attributes",)
        return parameters | {"modalities": modalities, "loaders": modalities}

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the vectors [N, F], the similarities and the weights [N, N]."""
        assert isinstance(model, AttributeItemKNN | AttributeUserKNN)
        rows = similarities(model.vectors, model.config)
        return {
            "profile": used_columns(dense(model.vectors)),
            "similarity": dense_rows(rows, model.vectors.shape[0]).T,
            "W": dense(self.weights(model)),
        }

    def recorded(self, key: str) -> Array | None:
        """Return a recorded array; of the vectors without the attributes that nobody has."""
        values = super().recorded(key)
        return used_columns(values) if key == "profile" and values is not None else values

    def weights(self, model: AttributeItemKNN | AttributeUserKNN) -> Matrix:
        """Return the weights between the vectors."""
        return model.right


def used_columns(values: Array) -> Array:
    """Return the columns that are not zero everywhere."""
    used: Array = values[:, values.any(axis=0)]
    return used
