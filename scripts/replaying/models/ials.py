"""iALS, recorded from Elliot (the objective of 2008) and from warprec (that of 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmrec.models import Recommender
from mmrec.models.ials import IALS, IALSConfig
from replaying.recording import Array, Recording
from replaying.scores import ScoresReplay


class Replay(ScoresReplay):
    """Starts from the recorded factors; those that our generator draws are compared with them."""

    model = "iALS"

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.is_new = "alpha0" in self.parameters

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        return self.parameters | {"objective": "ials2022" if self.is_new else "ials2008"}

    def build(self, **changes: int) -> IALS:
        """Return the recommender, with some hyper-parameters changed."""
        config = IALSConfig.model_validate(self.settings() | changes)
        initial = torch.tensor(self.recording["init/X"]), torch.tensor(self.recording["init/Y"])

        class FromRecorded(IALS):
            def initial_factors(self) -> tuple[Tensor, Tensor]:
                return initial

        return FromRecorded(config, self.recording.dataset)

    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return the factors before the first epoch, after it and after the last one."""
        assert isinstance(model, IALS)
        first = self.build(**{"n_iterations" if self.is_new else "epochs": 1})
        drawn = IALS.initial_factors(model)
        return {
            "init/X": drawn[0].numpy(),
            "init/Y": drawn[1].numpy(),
            "epoch1/X": first.left,
            "epoch1/Y": first.right.T,
            "final/X": model.left,
            "final/Y": model.right.T,
        }
