"""SimGCL, recorded from Ducho-meets-Elliot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec.models import Model
from mmrec.models.simgcl import SimGCL
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The files hold the uniform noise of all nodes, for each view and layer of a step."""

    model = "SimGCL"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        keys = "factors", "n_layers", "normalize", "eps", "reg_cl", "l_w"
        return {key: self.recording.config[key] for key in keys}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return {"Gu": "users.weight", "Gi": "items.weight"}

    def begin_step(self, model: Model, step: int) -> None:
        """Take the recorded noise in the order of the views and layers."""
        assert isinstance(model, SimGCL)
        drawn = iter(
            self.recording["draws/noise"][step].reshape(-1, sum(model.sizes), model.config.factors)
        )

        def draw(y: Tensor, nodes: Tensor | None) -> Tensor:
            noise = torch.from_numpy(next(drawn)).to(y.dtype)
            return noise.clone() if nodes is None else noise[nodes]

        model.draw = draw  # type: ignore[method-assign]
