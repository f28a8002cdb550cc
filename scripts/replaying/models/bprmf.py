"""BPRMF, recorded from Formal-MultiMod-Rec."""

from __future__ import annotations

from typing import Any

from mmrec.models import Model
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The parameters are two tables."""

    model = "BPRMF"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        return {key: self.recording.config[key] for key in ("factors", "l_w")}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return {"Gu.weight": "users.weight", "Gi.weight": "items.weight"}
