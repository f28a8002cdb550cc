"""Item vectors in a folder of ``<item>.npy`` files."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.arrays import refuse_short
from mmrec.features.source import ItemwiseSource, Numbers, Source, check_vector, reading
from mmrec.features.store import PackedStore

logger = logging.getLogger(__name__)

MIN_PACKED = 1000
"""Smaller numbers of vectors are read from their files every time."""


class FolderSource(Source):
    """A folder of ``<item>.npy``; other files are ignored.

    The name of a file, without ``.npy``, is the id of its item. Only requested items are opened,
    and no file is unpickled. If a folder has only subfolders, as written by Ducho
    (library/model/layer), the vectors are read from the only subfolder that contains some.

    Args:
        path: the folder.
        cache_dir: where vectors are packed (:class:`PackedStore`); None for nowhere.

    Raises:
        DataError: the folder contains no vectors, or several of its subfolders do.
    """

    def __init__(self, path: Path, cache_dir: Path | None = None) -> None:
        with reading(path, "a folder"):
            self._listing = _list_vectors(path)
        super().__init__(self._listing.folder)
        self._cache_dir = cache_dir
        self._reader = VectorReader()
        self._files = ItemwiseSource(
            self.path,
            self.ids,
            lambda item_ids: [self._read_vector(item_id) for item_id in item_ids],
            lambda item_id: f"{item_id}.npy",
        )

    @property
    def ids(self) -> Set[str]:
        """The ids with a file."""
        return self._listing.ids

    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32, possibly memory-mapped.

        Raises:
            DataError: files are missing, unreadable, not 1-D vectors of numbers, or of
                different lengths.
        """
        self._refuse_absent(item_ids, "file")
        if self._cache_dir is not None and len(item_ids) >= MIN_PACKED:
            store = PackedStore(self._cache_dir, self.path, self._listing.key)
            packed = store.read(item_ids, self._read_vector)
            if packed is not None:
                return packed
        return self._files.read(item_ids)

    def _read_vector(self, item_id: str) -> Numbers:
        return self._reader.read(self.path / f"{item_id}.npy")


@dataclass(frozen=True, eq=False)
class Listing:
    """The files of a folder, without their contents."""

    folder: Path
    """The folder that contains the files."""
    ids: Set[str]
    """The ids with a file."""
    states: Sequence[str]
    """Name, size and times of the last change (of content and status) of each file."""

    @cached_property
    def key(self) -> str:
        """SHA-256 of the folder's resolved path and of every file's name, size and times."""
        text = "\n".join([str(self.folder.resolve()), *sorted(self.states)])
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class VectorReader:
    """Reads ``.npy`` files of one vector each.

    Most files of a folder have the same header, and parsing it takes most of the time: it is
    skipped if the header equals that of the previous file.
    """

    def __init__(self) -> None:
        self._header = b""
        self._kind: np.dtype[Any] = np.dtype(np.float32)
        self._n_bytes = 0

    def read(self, path: Path) -> Numbers:
        """Return the vector [F] of a file of [F] or [1, F], without unpickling.

        Raises:
            DataError: the file is unreadable or is not a vector of numbers.
        """
        with reading(path, "a vector"), path.open("rb", buffering=0) as file:
            if self._header and file.read(len(self._header)) == self._header:
                content = file.read(self._n_bytes + 1)
                if len(content) == self._n_bytes:
                    return np.frombuffer(content, self._kind)
            file.seek(0)
            refuse_short(file, os.fstat(file.fileno()).st_size)
            file.seek(0)
            vector: Numbers = np.lib.format.read_array(file, allow_pickle=False)
            vector = check_vector(path, vector)
            n_header = file.tell() - vector.nbytes
            file.seek(0)
            self._header = file.read(n_header)
            self._kind, self._n_bytes = vector.dtype, vector.nbytes
        return vector


def _list_vectors(path: Path) -> Listing:
    found = _scan(path)
    if found.ids:
        return found
    inner = list(_folders_with_vectors(path))
    if not inner:
        raise DataError(f"{path}: the folder contains no <item>.npy file")
    if len(inner) > 1:
        named = listing((str(folder.relative_to(path)) for folder in inner), 20)
        raise DataError(
            f"{path}: the folder contains no <item>.npy file, but {len(inner)} of its subfolders "
            f"do; choose one: {named}"
        )
    logger.info("%s: reading the only subfolder with vectors, %s", path, inner[0])
    return _scan(inner[0])


def _scan(folder: Path) -> Listing:
    """List the files of a folder."""
    ids: dict[str, None] = {}
    states = []
    with _entries(folder) as entries:
        for entry in entries:
            name = entry.name
            if name[-4:] == ".npy" and name[0] != ".":
                try:
                    status = entry.stat()
                except OSError:  # a broken or circular link
                    continue
                if stat.S_ISREG(status.st_mode):
                    ids[name[:-4]] = None
                    # Tools may set the time of the content, but not that of the status.
                    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
                    states.append(f"{name}\0{status.st_size} {times}")
    return Listing(folder, ids.keys(), states)


@contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Return a context with the entries of a folder; an open folder is faster to list."""
    if os.scandir not in os.supports_fd:
        with os.scandir(folder) as entries:
            yield entries
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with os.scandir(handle) as entries:
            yield entries
    finally:
        os.close(handle)


def _folders_with_vectors(path: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        if any(name[-4:] == ".npy" and name[0] != "." for name in files):
            yield Path(folder)
