"""Which column of a table of vectors has the ids, and which columns have the numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrec.data.reading.columns import role_of
from mmrec.errors import DataError, listing, nearest

NAME_IDS = "write 'id: COLUMN' next to the path"

_INDEX = re.compile(
    r"|index|level_\d+|unnamed: \d+(_level_\d+)?(\.\d+)*|__index_level_\d+__|\.\.\.\d+"
)
"""The names that pandas, pyarrow and R give to the numbers of the rows."""
_SERIES = re.compile(r"\D*\d+|")


@dataclass(frozen=True)
class VectorColumns:
    """The columns of a table that are read, by their place."""

    id: int
    numbers: tuple[int, ...]
    is_index: bool = False
    """The ids are in a column that usually has the numbers of the rows."""


def vector_columns(
    place: Path | str, names: Sequence[str], id_column: str | None = None
) -> VectorColumns:
    """Find the ids by the names of a header.

    The ids are in the column ``id_column``; else in the only column that is called ``id`` or has
    one of the names of the items in interactions; else in the first column. Columns with the
    numbers of the rows, and other columns of ids, are not read.

    Args:
        place: start of messages.
        names: of all columns.
        id_column: the name of the column with the ids.

    Raises:
        DataError: no column or several columns have the name, or the ids are ambiguous.
    """
    known = [column for column, name in enumerate(names) if is_id_name(name)]
    index = [column for column, name in enumerate(names) if is_index_name(name)]
    if id_column is not None:
        found = [column for column, name in enumerate(names) if name == id_column]
        if len(found) != 1:
            raise DataError(
                f"{place}: expected one column {id_column!r}{nearest(id_column, names)}, found "
                f"{listing(map(repr, names), 20)}"
            )
    elif len(known) > 1:
        named = listing(repr(names[column]) for column in known)
        raise DataError(f"{place}: several columns can be the id: {named}; {NAME_IDS}")
    else:
        found = known or [0]
    left_out = {*found, *known, *index}
    numbers = tuple(column for column in range(len(names)) if column not in left_out)
    is_index = id_column is None and not known and 0 in index
    if is_index and not all(_SERIES.fullmatch(names[column]) for column in numbers):
        raise DataError(
            f"{place}: no column has the ids: the first column, {names[0]!r}, numbers the rows, "
            f"and the others are {listing((repr(names[column]) for column in numbers), 5)}; call "
            f"the column of the ids 'id', or {NAME_IDS}"
        )
    return VectorColumns(found[0], numbers, is_index)


def is_id_name(name: str) -> bool:
    """Return whether a column name says that the column has the ids of items."""
    return name.strip().casefold() in ("id", "ids") or role_of(name) == "item_id"


def is_index_name(name: str) -> bool:
    """Return whether a column has a name that programs give to the numbers of the rows."""
    return _INDEX.fullmatch(name.strip().casefold()) is not None
