"""LightGCNM, recorded from Multimodal-RSs-Reproducibility."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mmrec.models import Model
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The files have their hyper-parameters as arrays."""

    model = "LightGCNM"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        recording = self.recording
        return {
            "factors": recording["init/Gu.weight"].shape[1],
            "n_layers": int(recording["n_layers"]),
            "l_w": float(recording["l_w"]),
            "aggregation": str(recording["aggregation"]),
            "normalize": bool(recording["normalize"]),
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        names = {"Gu.weight": "user_embedding.weight"}
        modalities = list(self.recording.features)
        names |= {f"F.{m}.weight": f"features.{name}" for m, name in enumerate(modalities)}
        projections = {name: f"proj.{m}" for m, name in enumerate(modalities)}
        if model.config.aggregation == "concat":
            projections = {"concat": "proj"}
        for name, theirs in projections.items():
            names |= {f"{theirs}.{x}": f"projections.{name}.{x}" for x in ("weight", "bias")}
        return names

    def scores(self, scores: Tensor) -> Tensor:
        """Return the sigmoid, which the reference ranks by."""
        return scores.sigmoid()
