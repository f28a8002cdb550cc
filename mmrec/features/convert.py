"""Converting item vectors between formats, with a check that they are unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmrec.data import Features
from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError, listing
from mmrec.features.formats import SUFFIXES, check_format, find_format, open_source
from mmrec.features.ids import id_files
from mmrec.features.replacing import replacing
from mmrec.features.source import Source, block_rows, not_finite, rows_not_finite
from mmrec.features.writers import WRITERS, id_file


@dataclass(frozen=True)
class ConvertReport:
    """The written vectors."""

    source: Path
    target: Path
    source_format: str
    target_format: str
    n_items: int
    width: int
    fingerprint: str
    """Equal for the source and for the target as read back; see :func:`fingerprint`."""

    def lines(self) -> list[str]:
        """Return the report as lines."""
        return [
            f"{self.source} ({self.source_format}) -> {self.target} ({self.target_format}): "
            f"{self.n_items} items, {self.width} float32 numbers each",
            f"sha256 before: {self.fingerprint}",
            f"sha256 after:  {self.fingerprint} (read back and equal)",
        ]


def convert(
    source: Path,
    target: Path,
    *,
    source_format: str | None = None,
    target_format: str | None = None,
    id_column: str | None = None,
) -> ConvertReport:
    """Write the vectors of ``source`` to ``target`` as float32, in ascending order of their ids.

    The target is complete and was read back and compared, or does not exist.

    Args:
        source: a file or folder.
        target: must not exist; its parent folders are created.
        source_format: a key of :data:`mmrec.features.formats.SUFFIXES`; by default derived from
            the path.
        target_format: as ``source_format``; a folder by default if the name has no suffix.
        id_column: the name of the column with the ids, if the source is a table.

    Raises:
        DataError: the source is malformed or contains NaN or infinity, or the target exists, cannot
            contain the ids or cannot be written. Nothing was written.
    """
    with _writing(target):
        target_format = _target_format(target, target_format)
    opened = open_source(source, source_format, id_column=id_column)
    ids = sort_ids(opened.ids)
    digest = _Digest(ids)
    with _writing(target), replacing(target) as temporary:
        WRITERS[target_format](temporary, ids, digest.of_each(_blocks(opened, ids)))
        if fingerprint(open_source(temporary, target_format)) != digest.hex():
            raise DataError(f"{target}: not written: ids or vectors differ when read back")
        if target_format == "npy":
            id_file(temporary).replace(id_file(target))
    return ConvertReport(
        source=source,
        target=target,
        source_format=source_format or find_format(source) or "recbole",
        target_format=target_format,
        n_items=len(ids),
        width=digest.width,
        fingerprint=digest.hex(),
    )


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise DataError(f"{target}: cannot be written: {reason or error}") from error


def fingerprint(source: Source) -> str:
    """Return the SHA-256 of the ids, in ascending order, and of their vectors as float32.

    It is equal for all formats and all orders of the rows.

    Raises:
        DataError: a vector is malformed, NaN or infinite.
    """
    ids = sort_ids(source.ids)
    digest = _Digest(ids)
    for _ in digest.of_each(_blocks(source, ids)):
        pass
    return digest.hex()


class _Digest:
    """The fingerprint of vectors that are passed on in blocks."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.width = 0
        text = "".join(f"{item_id}\n" for item_id in (f"{len(ids)} items", *ids))
        self._digest = hashlib.sha256(text.encode("utf-8", "surrogateescape"))

    def of_each(self, blocks: Iterator[Features]) -> Iterator[Features]:
        """Yield the blocks unchanged."""
        for block in blocks:
            self.width = block.shape[1]
            self._digest.update(block.astype("<f4", order="C", copy=False).data)
            yield block

    def hex(self) -> str:
        """Return the fingerprint of the blocks so far."""
        return self._digest.hexdigest()


def _blocks(source: Source, ids: Sequence[str]) -> Iterator[Features]:
    """Yield the vectors of ``ids`` in blocks; all are finite and have the same length."""
    width = source.read(ids[:1]).shape[1]
    step = block_rows(width)
    for start in range(0, len(ids), step):
        wanted = ids[start : start + step]
        block = source.read(wanted)
        if block.shape[1] != width:
            raise DataError(
                f"{source.path}: vectors of different lengths: {width} for {ids[0]!r}, "
                f"{block.shape[1]} for {wanted[0]!r}"
            )
        bad = rows_not_finite(block)
        if len(bad):
            raise not_finite(source.path, [wanted[row] for row in bad])
        yield block
        source.release()


def _target_format(target: Path, target_format: str | None) -> str:
    """Return the format of the target after checking that it can be written."""
    if target_format is None:
        target_format = find_format(target) or ("" if target.suffix else "folder")
    if not target_format:
        endings = listing((suffix for known in SUFFIXES.values() for suffix in known), 20)
        raise DataError(
            f"{target}: unknown suffix; accepted: {endings}, or none for a folder; or specify the "
            "format"
        )
    check_format(target_format)
    suffixes = SUFFIXES[target_format]
    if suffixes and not target.name.lower().endswith(suffixes):
        raise DataError(f"{target}: the name of a {target_format} file must end in {suffixes[0]}")
    existing = [target] if target.exists() or target.is_symlink() else []
    if target_format == "npy":  # files that would be read as its ids
        existing += id_files(target)
    if existing:
        raise DataError(f"{listing(existing)}: already exists; remove it or choose another name")
    return target_format
