"""BM3, recorded from MMRec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmrec.models import Model
from mmrec.models.bm3 import BM3
from replaying.models.mmrec_toolbox import KINDS, common_names, linear
from replaying.steps import StepReplay


class Replay(StepReplay):
    """Files with dropout hold its masks."""

    model = "BM3"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config = self.recording.config
        keys = ("n_layers", "dropout", "reg_weight", "cl_weight")
        return {"factors": config["embedding_size"]} | {key: config[key] for key in keys}

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return {**common_names(self.recording), **linear("predictor", "predictor")}

    def begin_step(self, model: Model, step: int) -> None:
        """Take the recorded masks of users, items and modalities, in the order of the model."""
        if "draws/keep_u_target" not in self.recording:
            return
        assert isinstance(model, BM3)
        kinds = (KINDS[modality] for modality in self.recording.multimodal["modalities"])
        drawn = iter([self.recording[f"draws/keep_{x}_target"][step] for x in ("u", "i", *kinds)])

        def mask(n: int) -> Tensor:
            kept = torch.from_numpy(next(drawn)).to(model.users.weight.dtype)
            assert len(kept) == n
            return kept / (1 - model.config.dropout)

        model.mask = mask  # type: ignore[method-assign]
