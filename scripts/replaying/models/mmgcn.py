"""MMGCN, recorded from Formal-MultiMod-Rec and MMRec."""

from __future__ import annotations

from typing import Any

from mmrec.models import Model
from replaying.models.mmrec_toolbox import linear
from replaying.recording import Recording
from replaying.steps import StepReplay


class Replay(StepReplay):
    """Files of MMRec have the key ``embedding_size``, and tables that are never trained."""

    model = "MMGCN"

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.is_formal = "factors" in recording.config
        recording.split_nodes("id_embedding")
        recording.keep_constants()

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config, l_w = self.recording.config, float(self.recording["l_w"])
        if self.is_formal:
            keys = ("factors", "factors_multimod", "num_layers", "aggregation", "concatenation")
            return {key: config[key] for key in (*keys, "has_id")} | {"l_w": l_w}
        widths = {"visual": config.get("dim_latent", 256), "textual": None}
        return {
            "factors": config["embedding_size"],
            "factors_multimod": [widths[m] for m in self.recording.multimodal["modalities"]],
            "num_layers": 3,
            "l_w": l_w,
            "variant": "mmrec",
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        return self.formal_names() if self.is_formal else self.mmrec_names()

    def formal_names(self) -> dict[str, str]:
        """Return our names of the parameters of Formal-MultiMod-Rec."""
        names = {"Gu.weight": "users.weight", "Gi.weight": "items.weight"}
        for place, modality in enumerate(self.recording.multimodal["modalities"]):
            names[f"Gum.{modality}"] = f"convolutions.{place}.preferences"
            if f"init/proj_multimodal.{modality}.weight" in self.recording:
                names |= linear(f"proj_multimodal.{modality}", f"projections.{modality}")
            for number in range(self.recording.config["num_layers"]):
                layer = f"convolutions.{place}.layers.{number}"
                module = f"propagation_network_multimodal.{modality}.module_{number}"
                names[f"{module}.weight"] = f"{layer}.weight"
                own = f"linear_network_multimodal.{modality}.linear_{number}"
                join = f"g_linear_network_multimodal.{modality}.g_linear_{number}"
                names |= linear(own, f"{layer}.own") | linear(join, f"{layer}.join")
        return names

    def mmrec_names(self) -> dict[str, str]:
        """Return our names of the parameters of MMRec."""
        names = {f"id_embedding/{nodes}": f"{nodes}.weight" for nodes in ("users", "items")}
        for place, modality in enumerate(self.recording.multimodal["modalities"]):
            net = f"{modality[0]}_gcn"
            names[f"{net}.preference"] = f"convolutions.{place}.preferences"
            if f"init/{net}.MLP.weight" in self.recording:
                names |= linear(f"{net}.MLP", f"projections.{modality}")
            for number in range(3):
                layer = f"convolutions.{place}.layers.{number}"
                names[f"{net}.conv_embed_{number + 1}.weight"] = f"{layer}.weight"
                names |= linear(f"{net}.linear_layer{number + 1}", f"{layer}.own")
                names |= linear(f"{net}.g_layer{number + 1}", f"{layer}.join")
        return names
