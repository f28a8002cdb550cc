"""Names of items for people, from a file of id and title."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mmrec.errors import DataError


def read_titles(path: Path) -> Mapping[str, str]:
    """Read lines of item id and title, with a tab between.

    Raises:
        DataError: the file cannot be read, a line has no tab, or an id stands twice with another
            title; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected lines of id<TAB>title") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    titles: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        item_id, tab, title = line.partition("\t")
        if not tab:
            raise DataError(f"{path}:{number}: expected id<TAB>title, found {line[:80]!r}")
        if titles.setdefault(item_id, title.strip()) != title.strip():
            raise DataError(f"{path}:{number}: the item {item_id!r} has another title further up")
    return titles
