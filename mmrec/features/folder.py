"""Features as a folder of ``<item>.npy`` files, one 1-D vector each."""

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
from mmrec.features.source import ItemwiseSource, Numbers, Source, check_vector, reading
from mmrec.features.store import PackedStore

logger = logging.getLogger(__name__)

MIN_PACKED = 1000
"""Fewer vectors than this are read from their files every time: that takes an instant."""


class FolderSource(Source):
    """A folder of ``<item>.npy``; everything else in the folder is left alone.

    The name of a file, without ``.npy``, is the id of its item. Files of items that nobody asks
    for are never opened, and no file is ever unpickled. A folder that has only subfolders, as
    Ducho writes them (library/model/layer), stands for the one of them that holds vectors.

    Args:
        path: the folder.
        cache_dir: where the vectors are packed (:class:`PackedStore`); None: nowhere.

    Raises:
        DataError: the folder holds no vectors, or several of its subfolders do.
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
        """The ids that have a file."""
        return self._listing.ids

    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32, perhaps mapped.

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
    """The vectors of a folder, by what its directory says about them.

    Attributes:
        folder: the folder that holds them itself.
        ids: the ids that have a file.
        states: of every file its name, size and times of the last change, of content and status.
    """

    folder: Path
    ids: Set[str]
    states: Sequence[str]

    @cached_property
    def key(self) -> str:
        """SHA-256 of the folder's true place and of every file's name, size and times."""
        text = "\n".join([str(self.folder.resolve()), *sorted(self.states)])
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class VectorReader:
    """Reads ``.npy`` files of one vector each.

    Most files of a folder begin with the same bytes, and parsing them takes longer than all the
    rest: a file that begins as the last one did is read without.
    """

    def __init__(self) -> None:
        self._header = b""
        self._kind: np.dtype[Any] = np.dtype(np.float32)
        self._n_bytes = 0

    def read(self, path: Path) -> Numbers:
        """Return the vector [F] of a file of [F] or [1, F]; nothing is unpickled.

        Raises:
            DataError: the file is unreadable, or not a vector of numbers.
        """
        with reading(path, "a vector"), path.open("rb", buffering=0) as file:
            if self._header and file.read(len(self._header)) == self._header:
                content = file.read(self._n_bytes + 1)
                if len(content) == self._n_bytes:
                    return np.frombuffer(content, self._kind)
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
        raise DataError(f"{path}: the folder holds no <item>.npy file")
    if len(inner) > 1:
        named = listing((str(folder.relative_to(path)) for folder in inner), 20)
        raise DataError(
            f"{path}: the folder holds no <item>.npy file itself, but {len(inner)} of its "
            f"subfolders do; choose one: {named}"
        )
    logger.info("%s: reading its only subfolder with vectors, %s", path, inner[0])
    return _scan(inner[0])


def _scan(folder: Path) -> Listing:
    """List the vectors of a folder; all that a packed folder costs for each of its files."""
    ids: dict[str, None] = {}
    states = []
    with _entries(folder) as entries:
        for entry in entries:
            name = entry.name
            if name[-4:] == ".npy" and name[0] != ".":
                try:
                    status = entry.stat()
                except OSError:  # a link to nowhere, or in a circle
                    continue
                if stat.S_ISREG(status.st_mode):
                    ids[name[:-4]] = None
                    # Tools may set the time of the content, but never that of the status.
                    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
                    states.append(f"{name}\0{status.st_size} {times}")
    return Listing(folder, ids.keys(), states)


@contextmanager
def _entries(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Iterate over a folder; where it can be held open, its entries are found faster."""
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
