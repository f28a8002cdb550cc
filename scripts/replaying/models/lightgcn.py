"""LightGCN, recorded from Formal-MultiMod-Rec."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mmrec.models import Model
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The recorded tables are those before propagation."""

    model = "LightGCN"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        keys = ("factors", "n_layers", "l_w", "normalize")
        return {key: self.recording.config[key] for key in keys}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return {"Gu.weight": "users.weight", "Gi.weight": "items.weight"}

    def scores(self, scores: Tensor) -> Tensor:
        """Return the sigmoid, which the reference ranks by."""
        return scores.sigmoid()
