"""LATTICE, recorded from Multimodal-RSs-Reproducibility."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmrec.models import Model
from mmrec.models.lattice import LATTICE
from replaying.comparison import Comparison, compare
from replaying.steps import StepReplay


class Replay(StepReplay):
    """The files have their hyper-parameters as arrays."""

    model = "LATTICE"

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        recording = self.recording
        factors, n_ui_layers = recording["init/Gu.weight"].shape[1], int(recording["n_ui_layers"])
        projection = recording[f"init/projection_m.{next(iter(recording.features))}.weight"]
        return {
            "factors": factors,
            "factors_multimod": len(projection),
            "n_layers": int(recording["n_layers"]),
            "n_ui_layers": n_ui_layers,
            "l_w": float(recording["l_w"]),
            "cf": str(recording["cf"]),
            "top_k": int(recording["top_k"]),
            "l_m": float(recording["l_m"]),
            "ws": (factors,) * n_ui_layers,
            "dl": (0.0,) * n_ui_layers,
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        names = {
            "Gu.weight": "user_embedding.weight",
            "Gi.weight": "item_embedding.weight",
            "importance_weights_m": "importance",
        }
        for modality in self.recording.features:
            names[f"Gim.{modality}"] = f"features.{modality}"
            for x in ("weight", "bias"):
                names[f"projection_m.{modality}.{x}"] = f"projections.{modality}.{x}"
        if model.config.cf == "ngcf":
            for layer in range(model.config.n_ui_layers):
                theirs = f"propagation_network_recommend.module_{layer}"
                ours = f"collaborative.layers.{layer}"
                names |= {f"{theirs}.{x}": f"{ours}.{x}" for x in ("W1", "b1", "W2", "b2")}
        return names

    def end_step(self, model: Model, step: int) -> Iterator[Comparison]:
        """Compare the item graph of the first step."""
        key = "item_graph_after_step0_dense"
        if step == 0 and key in self.recording:
            assert isinstance(model, LATTICE)
            assert model.graph_of_epoch is not None
            learned = model.graph_of_epoch.to_dense()
            yield compare("item graph of step 0", learned, self.recording[key])
