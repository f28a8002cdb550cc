"""The built-in loaders, one for each modality. Those of vectors read every format."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence, Set
from functools import cached_property

import numpy as np

from mmrec.data import Features
from mmrec.data.reading.text import read_records
from mmrec.errors import DataError, listing
from mmrec.features.base import Loader, register_loader
from mmrec.features.columns import is_id_name
from mmrec.features.detached import file_state, read_detached
from mmrec.features.formats import open_source
from mmrec.features.source import Source

logger = logging.getLogger(__name__)

_LIST = re.compile(r"\||^\[.*\]$")
"""An attribute that is a list of several, as in MovieLens and in tables of pandas."""


class FolderLoader(Loader):
    """Reads a folder of ``<item>.npy``, or another format of :mod:`mmrec.features.formats`.

    Attributes:
        id_column: name of the column with the ids of a table, from the key ``id``; None to find it.
    """

    id_column: str | None = None
    _state = ""
    """Of the file, before it was opened."""

    @cached_property
    def _source(self) -> Source:
        self._state = file_state(self.path)
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

        They stay as they are when the file is rewritten.

        Raises:
            DataError: vectors are missing or malformed; the message names files or rows.
        """
        return read_detached(self._source, self._state, item_ids, self.cache_dir)


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


@register_loader
class ItemAttributes(Loader):
    """Attributes such as genres, from the path ``attribute_file``, as vectors of 0 and 1.

    A line has an item and its attributes, separated by tabs; the order of the attributes is free.
    Vectors have a column for each attribute of the file, in the order of the text.
    """

    path_key = "attribute_file"
    modality = "attributes"

    @cached_property
    def _attributes(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        for line, (item_id, *attributes) in read_records(self.path, "\t"):
            if not item_id:
                raise DataError(f"{self.path}:{line}: the id is empty ({self.name})")
            if item_id in found:
                raise DataError(
                    f"{self.path}:{line}: a second line of the item {item_id!r} ({self.name})"
                )
            if not found and is_id_name(item_id):
                raise DataError(
                    f"{self.path}:{line}: this line is a header; remove it ({self.name})"
                )
            found[item_id] = [attribute for attribute in attributes if attribute]
        if not any(found.values()):
            raise DataError(
                f"{self.path}: expected lines of an item and its attributes, separated by tabs; "
                f"found no attributes ({self.name})"
            )
        listed = {
            name for attributes in found.values() for name in attributes if _LIST.search(name)
        }
        if listed:
            logger.warning(
                "%s: %s count as one attribute each; separate attributes by tabs (%s)",
                self.path,
                listing(map(repr, sorted(listed)), 3),
                self.name,
            )
        return found

    @cached_property
    def _columns(self) -> Mapping[str, int]:
        names = {attribute for attributes in self._attributes.values() for attribute in attributes}
        return {name: column for column, name in enumerate(sorted(names))}

    def items(self) -> Set[str]:
        """Return the ids of all items with a line.

        Raises:
            DataError: the file cannot be read; the message names it and the loader.
        """
        return self._attributes.keys()

    def read(self, item_ids: Sequence[str]) -> Features:
        """Return 1 for each attribute of ``item_ids``, [len(item_ids), F] float32.

        Raises:
            DataError: an item has no line; the message names it.
        """
        known, columns = self._attributes, self._columns
        absent = [item_id for item_id in item_ids if item_id not in known]
        if absent:
            raise DataError(f"{self.path}: no attributes for the items {listing(absent)}")
        matrix = np.zeros((len(item_ids), len(columns)), np.float32)
        for row, item_id in enumerate(item_ids):
            matrix[row, [columns[attribute] for attribute in known[item_id]]] = 1
        return matrix
