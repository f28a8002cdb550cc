"""Vectors of mapped files: which are views of a file, and copies that stay when it is rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec.data import Features
from mmrec.features.source import Numbers, Source
from mmrec.features.store import PackedStore

MIN_PACKED_BYTES = 1 << 26
"""Smaller matrices are copied into memory (64 MiB)."""


def read_detached(
    source: Source, state: str, item_ids: Sequence[str], cache_dir: Path | None
) -> Features:
    """Return the vectors of ``item_ids``, none of them a view of a file that a user may rewrite.

    A program that writes a file again keeps its place on the disk, so a view of the file would
    show the new numbers, or end the process if the file has become shorter. Large matrices are
    therefore packed (:class:`PackedStore`), so that several processes share them.

    Args:
        source: of the vectors.
        state: what :func:`file_state` returned before the source was opened.
        item_ids: whose vectors to return.
        cache_dir: where large matrices are packed; None for nowhere.

    Returns:
        [len(item_ids), F] float32.

    Raises:
        DataError: as from :meth:`Source.read`.
    """
    if not source.is_mapped:
        return source.read(item_ids)
    vectors = source.read(item_ids)
    if vectors.flags.owndata:
        return vectors
    if cache_dir is not None and vectors.nbytes >= MIN_PACKED_BYTES:
        rows = {item_id: row for row, item_id in enumerate(item_ids)}

        def read_vector(item_id: str) -> Numbers:
            vector: Numbers = vectors[rows[item_id]]
            return vector

        packed = PackedStore(cache_dir, source.path, state).read(item_ids, read_vector)
        if packed is not None:
            return packed
    return np.array(vectors)


def file_state(path: Path) -> str:
    """Return what identifies the state of a file: its place, its size and its times.

    Empty if the file cannot be read, which opening it reports.
    """
    try:
        status = path.stat()
    except OSError:
        return ""
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{path.resolve()}\0{status.st_ino} {status.st_size} {times}"


def mapped_file(array: Numbers) -> Path | None:
    """Return the file that an array of numpy is a view of; None for memory and nameless files."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return None if base.filename is None else Path(base.filename)
        base = base.base
    return None
