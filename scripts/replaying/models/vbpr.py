"""VBPR and MBPR, recorded from Formal-MultiMod-Rec, MMRec and Multimodal-RSs-Reproducibility."""

from __future__ import annotations

from typing import Any

from mmrec.models import Model
from replaying.models.mmrec_toolbox import linear
from replaying.recording import Recording
from replaying.steps import StepReplay

NAMES = {
    "formal": {"Gu|Tu": "users.weight", "Gi.weight": "items.weight"} | linear("proj", "projection"),
    "mmrec": {"u_embedding": "users.weight", "i_embedding": "items.weight"}
    | linear("item_linear", "projection"),
    "mbpr": {"Gu": "users.weight", "Gi": "items.weight"} | linear("proj", "projection"),
}
"""Our names of the parameters, by variant."""


class Replay(StepReplay):
    """The variant follows from the names of the parameters."""

    model = "VBPR"

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        if "init/u_embedding" in recording:
            self.variant = "mmrec"
        elif "init/Tu.weight" in recording:
            self.variant = "formal"
            recording.join("Gu|Tu", ("Gu.weight", "Tu.weight"))
        else:
            self.variant = "mbpr"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config = self.recording.config
        return {
            "factors": config.get("factors") or config["embedding_size"],
            "l_w": float(self.recording["l_w"]),
            "variant": self.variant,
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return NAMES[self.variant]
