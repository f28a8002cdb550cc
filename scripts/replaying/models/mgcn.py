"""MGCN, recorded from MMRec."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mmrec.models import Model
from mmrec.models.mgcn import MGCN
from replaying.models.mmrec_toolbox import KINDS, common_names, linear
from replaying.steps import StepReplay

NOISY = "query_common.0.bias"
"""Its recorded gradient is 3e-4 away from exact arithmetic."""


class Replay(StepReplay):
    """Nothing is drawn."""

    model = "MGCN"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config = self.recording.config
        return {
            "factors": config["embedding_size"],
            "n_layers": config["n_layers"],
            "n_ui_layers": config["n_ui_layers"],
            "top_k": config["knn_k"],
            "l_w": config["reg_weight"],
            "cl_loss": config["cl_loss"],
            "batch_size": config["train_batch_size"],
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        names = {
            **common_names(self.recording),
            **linear("query_common.0", "attention.hidden"),
            "query_common.2.weight": "attention.query.weight",
        }
        for place, modality in enumerate(self.recording.multimodal["modalities"]):
            gate = f"gate_{modality[0]}.0"
            preference = f"gate_{KINDS[modality]}_prefer.0"
            names |= linear(gate, f"gates.{place}.linear")
            names |= linear(preference, f"preferences.{place}.linear")
        return names

    def graphs(self, model: Model) -> dict[str, Tensor]:
        """Return the item graph of each modality."""
        assert isinstance(model, MGCN)
        return {
            f"{KINDS[modality]}_graph_dense": graph.to_dense()
            for modality, graph in model.item_graphs.items()
        }

    def gradient_tolerance(self, name: str) -> float | None:
        """Return 1e-3 for the gradient that is recorded with less precision."""
        is_noisy = name == NOISY and name in self.recording.not_compared
        return 1e-3 if is_noisy else super().gradient_tolerance(name)
