"""Per-item vectors of each modality, the formats they come in, and the loaders that read them."""

from mmrec.config import Missing
from mmrec.features.base import LOADERS, Loader, absent_items, load_features, register_loader
from mmrec.features.loaders import AudioAttribute, FolderLoader, TextualAttribute, VisualAttribute

__all__ = [
    "LOADERS",
    "AudioAttribute",
    "FolderLoader",
    "Loader",
    "Missing",
    "TextualAttribute",
    "VisualAttribute",
    "absent_items",
    "load_features",
    "register_loader",
]
