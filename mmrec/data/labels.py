"""Titles and pictures of items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmrec.errors import DataError, listing, nearest
from mmrec.files import path_errors

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Suffixes of picture files, in any case, by descending priority."""


def read_titles(path: Path) -> Mapping[str, str]:
    """Read lines of item id, tab, title.

    Raises:
        DataError: the file cannot be read, a line has no tab, or an id has different titles; the
            message contains the file and the line.
    """
    titles: dict[str, str] = {}
    for number, item_id, title in _pairs(path, "title"):
        if titles.setdefault(item_id, title) != title:
            raise DataError(f"{path}:{number}: the item {item_id!r} has a different title above")
    return titles


def find_pictures(path: Path) -> Mapping[str, Path]:
    """Return the picture files of items by id, without opening them.

    Args:
        path: a folder of ``<item id>.png`` or another of :data:`PICTURE_SUFFIXES`; or a file of
            lines of item id, tab, path, where relative paths start at the folder of the file.

    Raises:
        DataError: the folder contains no picture, or the file is malformed or a picture missing;
            the message contains the file and the line.
    """
    with path_errors(path):
        return _listed_pictures(path) if path.is_file() else _pictures_in(path)


def _pictures_in(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    ranks = {suffix: rank for rank, suffix in enumerate(PICTURE_SUFFIXES)}
    files = [entry for entry in folder.iterdir() if entry.suffix.lower() in ranks]
    for file in sorted(files, key=lambda file: (ranks[file.suffix.lower()], file.name)):
        found.setdefault(file.stem, file)
    if not found:
        endings = listing(PICTURE_SUFFIXES)
        raise DataError(f"{folder}: contains no picture; expected <item id> and one of {endings}")
    return found


def _listed_pictures(path: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    absent = []
    known: dict[Path, bool] = {}
    for number, item_id, name in _pairs(path, "path"):
        file = path.parent / name
        if found.setdefault(item_id, file) != file:
            raise DataError(f"{path}:{number}: the item {item_id!r} has a different path above")
        if file not in known:
            known[file] = file.is_file()
        if not known[file]:
            absent.append((number, file))
    if absent:
        number, file = absent[0]
        more = f"; {len(absent) - 1} more are missing" if len(absent) > 1 else ""
        raise DataError(f"{path}:{number}: no such file: {file}{_like(file)}{more}")
    return found


def _like(file: Path) -> str:
    folder = file.parent
    return nearest(file.name, sorted(f.name for f in folder.iterdir())) if folder.is_dir() else ""


def _pairs(path: Path, what: str) -> Iterator[tuple[int, str, str]]:
    """Yield number, id and value of every line that is not blank."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected lines of id<TAB>{what}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    # splitlines() would also split titles at Unicode line separators.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        item_id, tab, value = line.partition("\t")
        if not tab:
            raise DataError(f"{path}:{number}: expected id<TAB>{what}, found {line[:80]!r}")
        yield number, item_id, value.strip()
