"""AttributeUserKNN, recorded from Elliot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from mmrec.graph.row_blocks import Matrix, dense
from mmrec.models import Recommender
from mmrec.models.attributeitemknn import AttributeItemKNN
from mmrec.models.attributeuserknn import AttributeUserKNN
from replaying.comparison import Comparison
from replaying.models import attributeitemknn
from replaying.models.attributeitemknn import used_columns
from replaying.scores import compare_closed_form


class Replay(attributeitemknn.Replay):
    """As AttributeItemKNN, with the profiles of users.

    The recorded profile ``tfidf`` is not the mean of the items' vectors: for each attribute it has
    the value of the last item with it alone. The similarities, weights and scores that are compared
    then start from the recorded profile, and of ours only the places of the values are compared.
    """

    model = "AttributeUserKNN"

    def build(self) -> Recommender:
        """Return the recommender on the recorded data, for ``tfidf`` with the recorded profiles."""
        model = super().build()
        assert isinstance(model, AttributeUserKNN)
        self._profiles = model.vectors
        if model.config.profile == "tfidf":
            model.vote(csr_array(self.recording["profile"].astype(np.float64)))
        return model

    def tolerance(self, key: str) -> float | None:
        """Return the bound of an array; a recorded profile is not compared with itself."""
        if key == "profile" and self.recording.config["params"]["profile"] == "tfidf":
            return None
        return super().tolerance(key)

    def weights(self, model: AttributeItemKNN | AttributeUserKNN) -> Matrix:
        """Return the weights between the users."""
        return model.left

    def further(self, model: Recommender) -> Iterator[Comparison]:
        """Compare which values of the profiles are not zero."""
        theirs = self.recorded("profile")
        assert theirs is not None
        places = (used_columns(dense(self._profiles)) != 0) * 1.0
        yield compare_closed_form("places of profile", places, (theirs != 0) * 1.0)
