"""Experiments on a folder of splits and item vectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOADERS = {
    "image_feat": ("VisualAttribute", "visual_features"),
    "text_feat": ("TextualAttribute", "textual_features"),
    "audio_feat": ("AudioAttribute", "audio_features"),
}
"""The loader of a folder of vectors, and its key for the folder."""

SPLITS = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
OUTPUTS = {"result": "recs", "weight": "weights", "performance": "performance"}


def experiment(
    data: Path,
    models: Mapping[str, Any],
    metrics: list[str],
    output: Path,
    loaders: tuple[str, ...] = ("VisualAttribute", "TextualAttribute"),
) -> dict[str, Any]:
    """Return an experiment that ranks 20 items.

    Args:
        data: a folder with the files of ``SPLITS`` and folders of ``LOADERS``.
        models: the key ``models``.
        metrics: the key ``simple_metrics``.
        output: the folder of the results.
        loaders: those that the models read.
    """
    data = data.resolve()
    side_information = [
        {"dataloader": loader, key: str(data / folder)}
        for folder, (loader, key) in LOADERS.items()
        if loader in loaders
    ]
    splits = {f"{split}_path": str(data / file) for split, file in SPLITS.items()}
    features = {"side_information": side_information} if side_information else {}
    settings = {
        "dataset": data.name,
        "data_config": {"strategy": "fixed", **splits, **features},
        "top_k": 20,
        "evaluation": {"cutoffs": [20], "simple_metrics": metrics},
        "models": dict(models),
    }
    for kind, folder in OUTPUTS.items():
        settings[f"path_output_rec_{kind}"] = str(output.resolve() / "{0}" / folder)
    return {"experiment": settings}
