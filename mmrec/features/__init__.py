"""Feature vectors of items: formats, loaders and missing vectors."""

from mmrec.config import Missing
from mmrec.features.base import (
    LOADERS,
    Loader,
    absent_items,
    default_loaders,
    load_features,
    register_loader,
)
from mmrec.features.loaders import (
    AudioAttribute,
    FolderLoader,
    ItemAttributes,
    TextualAttribute,
    VisualAttribute,
)

__all__ = [
    "LOADERS",
    "AudioAttribute",
    "FolderLoader",
    "ItemAttributes",
    "Loader",
    "Missing",
    "TextualAttribute",
    "VisualAttribute",
    "absent_items",
    "default_loaders",
    "load_features",
    "register_loader",
]
