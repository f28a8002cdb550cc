"""Rows of a table that are headers."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from mmrec.data.reading.columns import IDS, Layout
from mmrec.errors import DataError

_FEWEST_ROWS = 3
"""In addition to the first row, to tell a header from an id."""
_DIGIT = re.compile(r"\d")


def find_header_row(fields: pd.DataFrame, layout: Layout) -> int | None:
    """Return the row of a header that was read as a row, counted from 0; None if there is none.

    It is a repetition of the header of the file, as in files that were appended to each other; or,
    without a header and ratings, a first row whose user and item have no digit although all others
    have. The name of a rating is no number, so a header above ratings is found before.

    Args:
        fields: with the columns ``user_id`` and ``item_id`` (categorical of str).
        layout: of the table.
    """
    if not layout.has_header:
        is_possible = len(fields) > _FEWEST_ROWS and "rating" not in fields
        return 0 if is_possible and all(_starts_unlike(fields[role]) for role in IDS) else None
    names = {role: layout.names[layout.roles[role]] for role in IDS}
    if any(name not in fields[role].cat.categories for role, name in names.items()):
        return None
    is_repeated = (fields[list(IDS)] == pd.Series(names)).all(axis=1).to_numpy()
    return int(is_repeated.argmax()) if is_repeated.any() else None


def _starts_unlike(ids: pd.Series[str]) -> bool:
    """Return whether the first id is in no other row and has no digit, but all others have."""
    first = ids.iloc[0]
    if _DIGIT.search(first) or (ids == first).sum() > 1:
        return False
    return all(_DIGIT.search(name) for name in ids.cat.categories if name != first)


def header_row_error(path: Path, line: int, layout: Layout) -> DataError:
    """Return the error about a header that was read as a row."""
    if layout.has_header:
        return DataError(f"{path}:{line}: this line repeats the header; remove it")
    return DataError(
        f"{path}:{line}: this line seems to be a header: {layout.for_header}; if it is a row, "
        "write a header above it"
    )
