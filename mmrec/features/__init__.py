"""Per-item vectors of each modality and the loaders that read them."""

from mmrec.features.base import LOADERS, Loader, load_features, register_loader
from mmrec.features.folder import (
    AudioAttribute,
    FolderLoader,
    TextualAttribute,
    VisualAttribute,
)

__all__ = [
    "LOADERS",
    "AudioAttribute",
    "FolderLoader",
    "Loader",
    "TextualAttribute",
    "VisualAttribute",
    "load_features",
    "register_loader",
]
