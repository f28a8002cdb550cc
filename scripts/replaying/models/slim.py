"""Slim, recorded from RecBole, with the optimum next to RecBole's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from mmrec.graph.row_blocks import dense
from mmrec.models import Recommender
from mmrec.models.slim import Slim
from replaying.recording import Array
from replaying.scores import ScoresReplay


class Replay(ScoresReplay):
    """Files of Elliot's model are left out: it hides a user where it should hide an item."""

    model = "Slim"

    @property
    def left_out(self) -> str:
        """Why the file is not replayed."""
        is_elliots = self.recording.config["model"] == "Slim"
        return "it documents an error of Elliot's, which mmrec does not have" if is_elliots else ""

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters; RecBole's weights are not cut."""
        return self.parameters | {
            "neighborhood": -1,
            "implicit": not self.recording.config["graded"],
        }

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the weights, compared with the optimum and with RecBole's."""
        assert isinstance(model, Slim)
        return {"W_optimum": dense(model.right), "W": dense(model.right)}

    def scores(self, model: Recommender) -> Mapping[str, Array]:
        """Return the scores, compared with those of the optimum and with RecBole's."""
        scores = model.scorer()(torch.arange(model.n_users)).numpy()
        return {"scores_optimum": scores, "scores": scores}

    def tolerance(self, key: str) -> float | None:
        """Return a wide bound for RecBole's weights, which have not converged."""
        return 1e-5 if key.endswith("_optimum") else 1e-2
