"""A cache of the vectors of a folder or file: one matrix that later runs map into memory.

The cache contains two files for every folder or file of vectors: the matrix, and an index with the
ids of its rows and a key, as JSON after its SHA-256. The key covers the resolved path and the name,
size and times of each file: any change invalidates the pack.

Only requested vectors are packed; requesting others extends the pack. As without a cache, a damaged
file concerns only its item, and invalid vectors are not packed. The cache may be deleted at any
time.
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
"""Version of the format; packs of other versions are written anew."""

ReadVector = Callable[[str], Numbers]
"""Returns the vector [F] of an item."""


class PackedStore:
    """The pack of one folder or file.

    Several processes may read and pack at the same time: files are replaced atomically, and
    mismatching files are detected.

    Args:
        cache_dir: the folder of all packs; created if missing.
        source: the folder or file of vectors.
        key: identifies the state of ``source``; packs with another key are invalid.
    """

    def __init__(self, cache_dir: Path, source: Path, key: str) -> None:
        self._folder = cache_dir
        self._source = source
        self._key = key
        self._stem = _digest(str(source.resolve()))[:20]
        self._index = cache_dir / f"{self._stem}.index"

    def read(self, item_ids: Sequence[str], read_vector: ReadVector) -> Features | None:
        """Return vectors from the pack, which is created or extended if necessary.

        Args:
            item_ids: ids in the source.
            read_vector: reads a vector of the source.

        Returns:
            [len(item_ids), F] float32, mapped without a copy if the rows are consecutive in the
            pack. None if packing is impossible, because the cache cannot be written or vectors have
            different lengths.

        Raises:
            DataError: a vector is malformed, NaN or infinite; the pack is unchanged.
        """
        pack = self._open()
        matrix = None if pack is None else pack.take(item_ids)
        if matrix is None:
            try:
                matrix = self._extend(pack, item_ids, read_vector).take(item_ids)
            except OSError as error:
                logger.warning(
                    "%s: features cannot be cached in %s, which only costs time: %s",
                    self._source,
                    self._folder,
                    error.strerror or error,
                )
                return None
            except _RaggedError:
                return None
        return matrix

    def _open(self) -> _Pack | None:
        """Return the pack if it is valid for the current state of the source."""
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
        except Exception as error:  # damaged files raise many types of exceptions
            logger.warning("%s: a damaged cache is written anew: %s", self._index, error)
            return None

    def _extend(self, old: _Pack | None, item_ids: Sequence[str], read_vector: ReadVector) -> _Pack:
        """Write a pack of ``item_ids`` and the old ids; only of ``item_ids`` if lengths differ.

        Raises:
            OSError: it cannot be written or read back.
            _RaggedError: the vectors of ``item_ids`` have different lengths.
            DataError: a vector is invalid.
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
        # The name determines the content: if two processes write the same name, the order is
        # irrelevant.
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
    """An open pack: its matrix [N, F], mapped read-only, and the row of every id."""

    rows: Mapping[str, int]
    matrix: Features

    @classmethod
    def of(cls, index: Mapping[str, Any], folder: Path) -> _Pack:
        """Map and check the matrix of an index.

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
        """Return the vectors of ``item_ids``; None if one is missing."""
        rows = [self.rows.get(item_id, -1) for item_id in item_ids]
        return None if -1 in rows else take_rows(self.matrix, rows)


class _RaggedError(Exception):
    """Vectors of different lengths cannot be packed; reading them reports which ones."""


def _write_rows(
    file: IO[bytes], ids: Sequence[str], read_vector: ReadVector, source: Path
) -> tuple[int, int]:
    """Write the vectors of ``ids`` as a matrix, in blocks.

    Returns:
        The common length F of the vectors, and the CRC-32 of their values.
    """
    width = len(read_vector(ids[0]))
    write_matrix_header(file, len(ids), width)
    checksum = 0
    bad: list[str] = []
    remaining = iter(ids)
    while batch := list(islice(remaining, block_rows(width))):
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
    """Write the header of a ``.npy`` file with a float32 matrix."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)}
    np.lib.format.write_array_header_1_0(file, header)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
