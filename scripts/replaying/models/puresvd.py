"""PureSVD, recorded from Elliot, with the exact decomposition next to its randomised one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mmrec.models import Recommender
from mmrec.models.puresvd import PureSVD
from replaying.recording import Array
from replaying.scores import ScoresReplay

_GAP = 1.3
"""Ratio of the last kept singular value to the next one from which the randomised method has
converged."""


class Replay(ScoresReplay):
    """The vectors themselves are not compared: their signs and rotations are free."""

    model = "PureSVD"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        return {"factors": self.parameters["factors"]}

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the singular values that are kept."""
        assert isinstance(model, PureSVD)
        of_users, of_items = (np.linalg.norm(x, axis=0) for x in (model.left, model.right.T))
        return {"singular_values_exact": of_users * of_items}

    def scores(self, model: Recommender) -> Mapping[str, Array]:
        """Return the scores, compared with the exact and with the randomised decomposition."""
        scores = model.scorer()(torch.arange(model.n_users)).numpy()
        return {"scores_exact": scores, "scores": scores}

    def tolerance(self, key: str) -> float | None:
        """Return a wide bound for the randomised decomposition."""
        if key != "scores":
            return super().tolerance(key)
        last, following = self.recording["singular_values_exact"][self.parameters["factors"] - 1 :][
            :2
        ]
        return 1e-4 if last > _GAP * following else 2e-2

    def recorded(self, key: str) -> Array | None:
        """Return the recorded array; of the singular values those that are kept."""
        recorded = super().recorded(key)
        if recorded is None or key != "singular_values_exact":
            return recorded
        return recorded[: self.parameters["factors"]]
