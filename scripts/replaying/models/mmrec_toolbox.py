"""What the files recorded from the toolbox MMRec have in common."""

from __future__ import annotations

from collections.abc import Mapping

from replaying.recording import Recording

KINDS = {"visual": "image", "textual": "text"}
"""What MMRec calls a modality."""


def linear(theirs: str, ours: str) -> dict[str, str]:
    """Return the names of the weight and the bias of a linear layer."""
    return {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}


def common_names(recording: Recording) -> Mapping[str, str]:
    """Return our names of the embeddings, the features and their projections."""
    names = {"user_embedding.weight": "users.weight", "item_id_embedding.weight": "items.weight"}
    for modality in recording.multimodal["modalities"]:
        kind = KINDS[modality]
        names[f"{kind}_embedding.weight"] = f"features.{modality}"
        names |= linear(f"{kind}_trs", f"features.projections.{modality}")
    return names
