"""Names and pictures of items for people: which there are, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmrec.errors import DataError, listing, nearest

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Endings of picture files, in upper or lower case; where an item has several, the first counts."""


def read_titles(path: Path) -> Mapping[str, str]:
    """Read lines of item id and title, with a tab between.

    Raises:
        DataError: the file cannot be read, a line has no tab, or an id stands twice with another
            title; the message names file and line.
    """
    titles: dict[str, str] = {}
    for number, item_id, title in _pairs(path, "title"):
        if titles.setdefault(item_id, title) != title:
            raise DataError(f"{path}:{number}: the item {item_id!r} has another title further up")
    return titles


def find_pictures(path: Path) -> Mapping[str, Path]:
    """Return the picture file of each item that has one; none of them is opened.

    Args:
        path: a folder of ``<item id>.png`` or another of :data:`PICTURE_SUFFIXES`; or a file of
            lines of item id and path, with a tab between. There a relative path starts at the
            folder of the file.

    Raises:
        DataError: the folder holds no picture, or the file is malformed or names a picture that is
            not there; the message names file and line.
    """
    return _listed_pictures(path) if path.is_file() else _pictures_in(path)


def _pictures_in(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    ranks = {suffix: rank for rank, suffix in enumerate(PICTURE_SUFFIXES)}
    try:
        files = [entry for entry in folder.iterdir() if entry.suffix.lower() in ranks]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror or error}") from error
    for file in sorted(files, key=lambda file: (ranks[file.suffix.lower()], file.name)):
        found.setdefault(file.stem, file)
    if not found:
        endings = listing(PICTURE_SUFFIXES)
        raise DataError(f"{folder}: holds no picture; expected <item id> and one of {endings}")
    return found


def _listed_pictures(path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    absent = []
    known: dict[Path, bool] = {}
    for number, item_id, name in _pairs(path, "path"):
        file = path.parent / name
        if found.setdefault(item_id, file) != file:
            raise DataError(f"{path}:{number}: the item {item_id!r} has another path further up")
        if file not in known:
            known[file] = file.is_file()
        if not known[file]:
            absent.append((number, file))
    if absent:
        number, file = absent[0]
        more = f"; {len(absent) - 1} more are not there" if len(absent) > 1 else ""
        raise DataError(f"{path}:{number}: no such file: {file}{_like(file)}{more}")
    return found


def _like(file: Path) -> str:
    folder = file.parent
    return nearest(file.name, sorted(f.name for f in folder.iterdir())) if folder.is_dir() else ""


def _pairs(path: Path, what: str) -> Iterator[tuple[int, str, str]]:
    """Yield number, id and the rest of every line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected lines of id<TAB>{what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    # splitlines would also cut a title at the rarer line ends of Unicode.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        item_id, tab, value = line.partition("\t")
        if not tab:
            raise DataError(f"{path}:{number}: expected id<TAB>{what}, found {line[:80]!r}")
        yield number, item_id, value.strip()
