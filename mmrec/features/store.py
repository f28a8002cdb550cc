"""The vectors of a folder, packed once into one matrix that later runs map into memory.

A cache folder holds two files for every folder of vectors: the matrix, and an index with the ids of
its rows and the key of the folder they come from, in JSON after its own SHA-256. The key covers the
folder's true place and the name, size and times of every file in it, so any change makes the pack
stale.

Only the vectors that were asked for are packed; asking for more extends the pack. So a damaged
file harms only those who want its item, as without a cache, and nothing is packed from vectors
that are refused. Everything in a cache folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from mmrec.data import Features
from mmrec.data.vocabulary import sort_ids
from mmrec.features.replacing import remove_leftovers, replacing
from mmrec.features.source import (
    Numbers,
    as_float32,
    block_rows,
    not_finite,
    rows_not_finite,
    take_rows,
)

logger = logging.getLogger(__name__)

PACK_FORMAT = 1
"""Raised whenever packs are written in another way, so that older ones are made anew."""

ReadVector = Callable[[str], Numbers]
"""Returns the vector [F] of an item."""


class PackedStore:
    """The pack of one folder.

    Several processes may read and pack at once: files appear whole, by renaming, and two that do
    not belong together are recognised.

    Args:
        cache_dir: the folder of all packs; made if it is missing.
        source: the folder of vectors.
        key: stands for the state of ``source``; a pack with another key is stale.
    """

    def __init__(self, cache_dir: Path, source: Path, key: str) -> None:
        self._folder = cache_dir
        self._source = source
        self._key = key
        self._stem = _digest(str(source.resolve()))[:20]
        self._index = cache_dir / f"{self._stem}.index"

    def read(self, item_ids: Sequence[str], read_vector: ReadVector) -> Features | None:
        """Return the vectors of ``item_ids`` from the pack, which is made or extended if need be.

        Args:
            item_ids: whose vectors; all of them are in the folder.
            read_vector: reads one from the folder.

        Returns:
            [len(item_ids), F] float32, mapped and not copied where the rows follow each other in
            the pack. None if there can be no pack, because the cache cannot be written or the
            vectors have different lengths.

        Raises:
            DataError: a vector is malformed, NaN or infinite; the pack is as it was.
        """
        pack = self._open()
        matrix = None if pack is None else pack.take(item_ids)
        if matrix is None:
            try:
                matrix = self._extend(pack, item_ids, read_vector).take(item_ids)
            except OSError as error:
                logger.warning(
                    "%s: the features cannot be packed in %s, which costs time and nothing else: "
                    "%s",
                    self._source,
                    self._folder,
                    error.strerror or error,
                )
                return None
            except _RaggedError:
                return None
        return matrix

    def _open(self) -> _Pack | None:
        """Return the pack, if there is a sound one of the folder's present state."""
        try:
            checksum, content = self._index.read_text().split("\n", 1)
            if checksum != _digest(content):
                raise OSError("its checksum differs")
            index = json.loads(content)
            if index["format"] != PACK_FORMAT or index["key"] != self._key:
                return None
            return _Pack.of(index, self._folder)
        except FileNotFoundError:
            return None
        except Exception as error:  # there is no end to the ways of being damaged
            logger.warning("%s: a damaged pack is made anew: %s", self._index, error)
            return None

    def _extend(self, old: _Pack | None, item_ids: Sequence[str], read_vector: ReadVector) -> _Pack:
        """Make a pack of ``item_ids`` and of what the old one holds; on a clash without that.

        Raises:
            OSError: it cannot be written, or not be read back.
            _RaggedError: the vectors of ``item_ids`` have different lengths.
            DataError: a vector is refused.
        """
        ids = list(dict.fromkeys(item_ids))
        if old is None:
            return self._make(ids, read_vector)

        def read_or_copy(item_id: str) -> Numbers:
            return old.matrix[old.rows[item_id]] if item_id in old.rows else read_vector(item_id)

        try:
            return self._make(sort_ids({*ids, *old.rows}), read_or_copy)
        except _RaggedError:
            return self._make(ids, read_vector)

    def _make(self, ids: Sequence[str], read_vector: ReadVector) -> _Pack:
        # What the name stands for decides what is in the file: of two processes that write the
        # same name, it does not matter which is the last.
        name = _digest(json.dumps([PACK_FORMAT, self._key, ids]))
        matrix = self._folder / f"{self._stem}-{name[:20]}.npy"
        with replacing(matrix) as temporary, temporary.open("wb") as file:
            width, checksum = _write_rows(file, ids, read_vector, self._source)
        index = {
            "format": PACK_FORMAT,
            "source": str(self._source),
            "key": self._key,
            "matrix": matrix.name,
            "width": width,
            "crc32": checksum,
            "ids": ids,
        }
        content = json.dumps(index)
        with replacing(self._index) as temporary:
            temporary.write_text(f"{_digest(content)}\n{content}")
        remove_leftovers(self._index)
        for other in self._folder.glob(f"{self._stem}-*.npy"):
            if other != matrix:
                with suppress(OSError):
                    other.unlink()
        return _Pack.of(index, self._folder)


@dataclass(frozen=True, eq=False)
class _Pack:
    """A pack that is open: its matrix [N, F], mapped read-only, and the row of every id."""

    rows: Mapping[str, int]
    matrix: Features

    @classmethod
    def of(cls, index: Mapping[str, Any], folder: Path) -> _Pack:
        """Map and check the matrix that belongs to an index.

        Raises:
            OSError: the matrix is missing or damaged.
        """
        path = folder / index["matrix"]
        try:
            matrix = np.asarray(np.lib.format.open_memmap(path, mode="r"))
        except ValueError as error:
            raise OSError(f"{path.name} is damaged: {error}") from error
        if matrix.dtype != np.float32 or matrix.shape != (len(index["ids"]), index["width"]):
            raise OSError(f"{path.name} is {matrix.dtype} of the shape {matrix.shape}")
        if zlib.crc32(matrix.data) != index["crc32"]:
            raise OSError(f"the checksum of {path.name} differs")
        return cls({item_id: row for row, item_id in enumerate(index["ids"])}, matrix)

    def take(self, item_ids: Sequence[str]) -> Features | None:
        """Return the vectors of ``item_ids``, or None if one of them is not there."""
        rows = [self.rows.get(item_id, -1) for item_id in item_ids]
        return None if -1 in rows else take_rows(self.matrix, rows)


class _RaggedError(Exception):
    """Vectors of different lengths cannot be packed; the plain reader says which they are."""


def _write_rows(
    file: IO[bytes], ids: Sequence[str], read_vector: ReadVector, source: Path
) -> tuple[int, int]:
    """Write the vectors of ``ids`` as one matrix, few of them in memory at once.

    Returns:
        The common length F of the vectors, and the CRC-32 of their values.
    """
    width = len(read_vector(ids[0]))
    write_matrix_header(file, len(ids), width)
    checksum = 0
    bad: list[str] = []
    waiting = iter(ids)
    while batch := list(islice(waiting, block_rows(width))):
        vectors = [read_vector(item_id) for item_id in batch]
        if any(len(vector) != width for vector in vectors):
            raise _RaggedError
        block = as_float32(np.stack(vectors))
        bad.extend(batch[row] for row in rows_not_finite(block))
        data = block.astype("<f4", copy=False).data
        checksum = zlib.crc32(data, checksum)
        file.write(data)
    if bad:
        raise not_finite(source, bad)
    return width, checksum


def write_matrix_header(file: IO[bytes], n_rows: int, width: int) -> None:
    """Write what stands in a ``.npy`` file before the rows of a float32 matrix."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)}
    np.lib.format.write_array_header_1_0(file, header)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
