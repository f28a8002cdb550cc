"""The built-in loaders, one for each modality; all read every format."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cached_property

from mmrec.data import Features
from mmrec.errors import DataError
from mmrec.features.base import Loader, register_loader
from mmrec.features.formats import open_source
from mmrec.features.source import Source


class FolderLoader(Loader):
    """Reads a folder of ``<item>.npy``, or another format of :mod:`mmrec.features.formats`.

    Attributes:
        id_column: name of the column with the ids of a table, from the key ``id``; None to find it.
    """

    id_column: str | None = None

    @cached_property
    def _source(self) -> Source:
        try:
            return open_source(self.path, cache_dir=self.cache_dir, id_column=self.id_column)
        except DataError as error:
            raise DataError(f"{error} ({self.name})") from error

    def items(self) -> Set[str]:
        """Return the ids of all items with a vector.

        Raises:
            DataError: the path cannot be read; the message names it and the loader.
        """
        return self._source.ids

    @property
    def has_row_numbers(self) -> bool:
        """Whether the path has no ids, so that the ids are the row numbers."""
        return self._source.has_row_numbers

    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32, possibly memory-mapped.

        Raises:
            DataError: vectors are missing or malformed; the message names files or rows.
        """
        return self._source.read(item_ids)


@register_loader
class VisualAttribute(FolderLoader):
    """Visual vectors, from the path ``visual_features``."""

    path_key = "visual_features"
    modality = "visual"


@register_loader
class TextualAttribute(FolderLoader):
    """Textual vectors, from the path ``textual_features``."""

    path_key = "textual_features"
    modality = "textual"


@register_loader
class AudioAttribute(FolderLoader):
    """Audio vectors, from the path ``audio_features``."""

    path_key = "audio_features"
    modality = "audio"
