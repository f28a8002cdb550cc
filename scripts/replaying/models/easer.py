"""EASER, recorded from Elliot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.models import Recommender
from mmrec.models.easer import EASER
from replaying.recording import Array
from replaying.scores import ScoresReplay


class Replay(ScoresReplay):
    """Compares the weights and the scores."""

    model = "EASER"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters; ``neighborhood`` has no effect in Elliot."""
        return {"l2_norm": self.parameters["l2_norm"]}

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the weights, [I, I]."""
        assert isinstance(model, EASER)
        return {"B": model.right}
