"""GRCN, recorded from Formal-MultiMod-Rec (also with its attention mended) and MMRec."""

from __future__ import annotations

from typing import Any

from mmrec.models import Model
from replaying.models.mmrec_toolbox import linear
from replaying.recording import Recording
from replaying.steps import StepReplay

KEYS = ("factors", "factors_multimod", "num_layers", "num_routings", "weight_mode", "pruning")
CONFIDENCE = {"formal": "model_specific_conf.weight", "mmrec": "model_specific_conf"}


class Replay(StepReplay):
    """Files of MMRec have the key ``embedding_size``; those of mended code say so in a note."""

    model = "GRCN"

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.variant = "formal" if "factors" in recording.config else "mmrec"
        self.has_confidence = recording.config.get("weight_mode", "confid") == "confid"
        if f"noise/{CONFIDENCE[self.variant]}" in recording:
            # In float32, noise changes the sign of some confidences, which cuts or adds edges.
            recording.config["replay_dtype"] = "float64"
        recording.split_nodes("id_gcn.id_embedding")
        if not self.has_confidence:
            recording.drop(CONFIDENCE["formal"])

    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters."""
        config, l_w = self.recording.config, float(self.recording["l_w"])
        if self.variant == "mmrec":
            return {
                "factors": config["embedding_size"],
                "factors_multimod": config["latent_embedding"],
                "num_layers": 2,
                "weight_mode": "confid",
                "l_w": l_w,
                "variant": "mmrec",
            }
        keys = (*KEYS, "has_act", "fusion_mode")  # aggregation has no effect in the source
        is_mended = "PATCHED" in config.get("note", "")
        return {key: config[key] for key in keys} | {
            "l_w": l_w,
            "item_attention": "aligned" if is_mended else "published",
        }

    def names(self, model: Model) -> dict[str, str]:
        """Return our names of the parameters."""
        is_formal = self.variant == "formal"
        names = {"Gu.weight": "users.weight", "Gi.weight": "items.weight"}
        if not is_formal:
            names = {
                f"id_gcn.id_embedding/{nodes}": f"{nodes}.weight" for nodes in ("users", "items")
            }
        if self.has_confidence:
            names[CONFIDENCE[self.variant]] = "refining.confidence"
        for place, modality in enumerate(self.recording.multimodal["modalities"]):
            net = f"{modality[0]}_gcn"
            preference = f"Gum.{modality}" if is_formal else f"{net}.preference"
            projection = f"projection_multimodal.{modality}" if is_formal else f"{net}.MLP"
            names[preference] = f"refining.preferences.{place}"
            names |= linear(projection, f"features.projections.{modality}")
        return names
