"""Finding the images and texts of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mmrec.errors import DataError, listing
from mmrec.files import path_errors
from preparing.extraction import Inputs

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
TEXT_SUFFIXES = (".txt",)


def find_files(folder: Path, suffixes: Sequence[str]) -> Inputs:
    """Return the files ``<item><suffix>`` of a folder; the name before the suffix is the id.

    Raises:
        DataError: the folder is missing or empty, or an item has two files.
    """
    with path_errors(folder):
        entries = sorted(folder.iterdir())
    files: dict[str, Path] = {}
    for path in entries:
        if path.suffix.lower() not in suffixes or path.name.startswith(".") or path.is_dir():
            continue
        other = files.setdefault(path.stem, path)
        if other != path:
            raise DataError(
                f"{folder}: {other.name} and {path.name} belong to the same item; remove one"
            )
    if not files:
        endings = listing(f"<item>{suffix}" for suffix in suffixes)
        raise DataError(f"{folder}: expected files named {endings}; found none")
    return {item_id: path.read_bytes for item_id, path in files.items()}


def find_texts(path: Path) -> Inputs:
    """Return the texts of a folder of ``<item>.txt``, or of a file of lines ``id<TAB>text``.

    Only positions of lines are kept in memory.

    Raises:
        DataError: there are no texts, or a line has another form or a duplicate id.
    """
    if path.is_dir():
        return find_files(path, TEXT_SUFFIXES)
    places: dict[str, tuple[int, int]] = {}
    with path_errors(path), path.open("rb") as file:
        start = 0
        for number, line in enumerate(file, 1):
            if line.strip():
                item_id, before = _split(path, number, line)
                if item_id in places:
                    raise DataError(f"{path}:{number}: duplicate id {item_id!r}")
                places[item_id] = (start + before, len(line) - before)
            start += len(line)
    if not places:
        raise DataError(f"{path}: expected lines of id<TAB>text, found none")
    return {item_id: _reader(path, *place) for item_id, place in places.items()}


def _split(path: Path, number: int, line: bytes) -> tuple[str, int]:
    """Return the id of a line and the start of its text."""
    field, tab, _ = line.partition(b"\t")
    try:
        item_id = field.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        item_id = ""
    if not tab or not item_id.strip():
        raise DataError(f"{path}:{number}: expected id<TAB>text, found {line[:80]!r}")
    return item_id, len(field) + 1


def _reader(path: Path, start: int, length: int) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)

    return read
