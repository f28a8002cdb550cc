"""Features as a folder of ``<item>.npy`` files, one 1-D vector each."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.base import Loader, register_loader


class FolderLoader(Loader):
    """Reads a folder of ``<item>.npy``; everything else in the folder is left alone.

    The name of a file, without ``.npy``, is the id of its item. Files of items that nobody asks
    for are never opened, and no file is ever unpickled.
    """

    @cached_property
    def _files(self) -> dict[str, Path]:
        try:
            entries = list(self.path.iterdir())
        except FileNotFoundError:
            raise DataError(f"{self.path}: no such folder ({self.name})") from None
        except NotADirectoryError:
            raise DataError(
                f"{self.path}: expected a folder of <item>.npy files ({self.name})"
            ) from None
        files = {
            entry.stem: entry
            for entry in entries
            if entry.suffix == ".npy" and not entry.name.startswith(".") and entry.is_file()
        }
        if not files:
            raise DataError(f"{self.path}: the folder holds no <item>.npy file ({self.name})")
        return files

    def items(self) -> Set[str]:
        """Return the ids that have a file."""
        return self._files.keys()

    def read(self, item_ids: Sequence[str]) -> Features:
        """Read the vectors of ``item_ids``, [len(item_ids), F] float32.

        Raises:
            DataError: files are missing, unreadable, not 1-D vectors of numbers, or of
                different lengths.
        """
        absent = [item_id for item_id in item_ids if item_id not in self._files]
        if absent:
            raise DataError(f"{self.path}: no file for the items {listing(absent)}")
        vectors = [_read_vector(self._files[item_id]) for item_id in item_ids]
        lengths = np.array([len(vector) for vector in vectors])
        usual = np.bincount(lengths).argmax()
        if (lengths != usual).any():
            odd = np.flatnonzero(lengths != usual)
            named = listing(f"{self._files[item_ids[int(i)]].name} ({lengths[i]})" for i in odd)
            raise DataError(
                f"{self.path}: vectors of different lengths: most have {usual}, but {named}"
            )
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity
            return np.stack(vectors).astype(np.float32)


def _read_vector(path: Path) -> npt.NDArray[np.number]:
    try:
        with path.open("rb") as file:
            vector: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy's parser answers damaged headers with many kinds of errors
        reason = "it holds a pickled object" if "allow_pickle" in str(error) else str(error)
        raise DataError(f"{path}: cannot be read as a vector: {reason}") from error
    if vector.dtype.kind not in "fiu":
        raise DataError(f"{path}: expected a vector of numbers, found {vector.dtype}")
    if vector.ndim != 1 or not len(vector):
        raise DataError(f"{path}: expected a 1-D vector, found the shape {vector.shape}")
    return vector


@register_loader
class VisualAttribute(FolderLoader):
    """Visual vectors, from the folder ``visual_features``."""

    path_key = "visual_features"


@register_loader
class TextualAttribute(FolderLoader):
    """Textual vectors, from the folder ``textual_features``."""

    path_key = "textual_features"


@register_loader
class AudioAttribute(FolderLoader):
    """Audio vectors, from the folder ``audio_features``."""

    path_key = "audio_features"
