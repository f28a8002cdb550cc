"""A tiny experiment on disk that runs in a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

Write = Callable[..., Path]
"""Writes an experiment with the given models and other keys, and returns its file."""


SPLITS_AND_FEATURES: dict[str, Any] = {
    "strategy": "fixed",
    "train_path": "../data/{0}/train.txt",
    "validation_path": "../data/{0}/val.txt",
    "test_path": "../data/{0}/test.txt",
    "side_information": [
        {"dataloader": "VisualAttribute", "visual_features": "../data/{0}/image_feat"},
        {"dataloader": "TextualAttribute", "textual_features": "../data/{0}/text_feat"},
    ],
}
"""A ``data_config``, for data laid out as those of the tutorial."""


def experiment_writer(folder: Path) -> Write:
    """Write tiny data into a folder and return what writes experiments on them."""
    write_tiny_data(folder / "data" / "tiny")

    def write(models: dict[str, Any] | None = None, **changes: Any) -> Path:
        experiment = {
            "dataset": "tiny",
            "data_config": SPLITS_AND_FEATURES,
            "top_k": 5,
            "evaluation": {"simple_metrics": ["Recall", "nDCG"], "cutoffs": [3, 5]},
            "models": models or {"MostPop": {}},
        }
        path = folder / "config_files" / "tiny.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"experiment": experiment | changes}, sort_keys=False))
        return path

    return write


def change(path: Path, **keys: Any) -> Path:
    """Change keys of an experiment file."""
    content = yaml.safe_load(path.read_text())
    content["experiment"] |= keys
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def write_tiny_data(folder: Path, n_users: int = 24, n_items: int = 20) -> None:
    """Write two groups of users who take the items of their group, with features that show it."""
    rng = np.random.default_rng(3)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for user in range(n_users):
        own = [item for item in range(n_items) if item % 2 == user % 2]
        chosen = rng.permutation(own)[:7]
        for place, item in enumerate(chosen):
            split = "test" if place == 0 else "val" if place == 1 else "train"
            splits[split].append(f"{user}\t{10 * item}\t1\n")
    folder.mkdir(parents=True)
    for name, lines in splits.items():
        (folder / f"{name}.txt").write_text("".join(lines))
    for modality, width in (("image_feat", 6), ("text_feat", 4)):
        (folder / modality).mkdir()
        for item in range(n_items):
            vector = rng.normal(size=width) + (3 if item % 2 else -3)
            np.save(folder / modality / f"{10 * item}.npy", vector.astype(np.float32))


def write_tiny_labels(folder: Path) -> None:
    """Write titles and pictures of the tiny items.

    One title is no harmless text, one is long, and two items have none. One picture is broken, and
    one item has none.
    """
    items = [str(10 * number) for number in range(20)]
    titles = {item: f"Thing {item}" for item in items[:-2]}
    titles |= {"0": '<script>alert(1)</script> & "it\'s"', "10": "endless " * 100}
    (folder / "titles.tsv").write_text("".join(f"{item}\t{t}\n" for item, t in titles.items()))
    (folder / "pictures").mkdir()
    for number, item in enumerate(items[:-1]):
        ending = ("png", "JPG", "jpeg", "webp")[number % 4]
        picture = Image.new("RGB", (300, 200), (10 * number, 99, 0))
        picture.save(folder / "pictures" / f"{item}.{ending}")
    (folder / "pictures" / "20.jpeg").write_bytes(b"not a picture")


def settings(**changes: Any) -> dict[str, Any]:
    """Hyper-parameters of a model that trains in an instant."""
    return {"epochs": 4, "batch_size": 32, "factors": 8, "lr": 0.01, "seed": 5} | changes
