"""Which column of a table of vectors has the ids, and which columns have the numbers."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmrec.data.reading.columns import role_of
from mmrec.errors import DataError, listing, nearest

logger = logging.getLogger(__name__)

NAME_IDS = "write 'id: COLUMN' next to the path"

_INDEX = re.compile(
    r"|index|level_\d+|unnamed: \d+(_level_\d+)?(\.\d+)*|__index_level_\d+__|\.\.\.\d+"
)
"""The names that pandas, pyarrow and R give to the numbers of the rows."""
_SERIES = re.compile(r"\D*\d+|")
_NUMBERED = re.compile(r"(.*?)\d+")
_FEWEST_NUMBERED = 3
"""Columns whose names differ in a number only are the numbers of a vector."""


@dataclass(frozen=True)
class VectorColumns:
    """The columns of a table that are read, by their place."""

    id: int
    numbers: tuple[int, ...]
    by_place: bool = False
    """No name says where the ids are: they are in the first column."""
    is_index: bool = False
    """The ids are in a column that usually has the numbers of the rows."""
    other_index: str | None = None
    """The name of another such column, which is not read."""


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
    others = [names[column] for column in index if column not in found]
    return VectorColumns(
        found[0],
        numbers,
        by_place=id_column is None and not known,
        is_index=is_index,
        other_index=others[0] if others else None,
    )


def warn_of_other_columns(place: Path | str, names: Sequence[str]) -> None:
    """Warn of columns that are read as features, but whose names say something else.

    They have the name of another column of interactions, or no number where most have one.

    Args:
        place: start of the message.
        names: of the columns of numbers.
    """
    found = {name: _NUMBERED.fullmatch(name) for name in names}
    prefixes = Counter(match[1] for match in found.values() if match)
    prefix, n_numbered = prefixes.most_common(1)[0] if prefixes else ("", 0)
    is_series = n_numbered >= max(_FEWEST_NUMBERED, len(names) / 2)
    odd = [
        name
        for name, match in found.items()
        if role_of(name) is not None or (is_series and not match)
    ]
    if odd:
        example = next((name for name, match in found.items() if match and match[1] == prefix), "")
        logger.warning(
            "%s: the columns %s are read as features%s; remove those that are not",
            place,
            listing(map(repr, odd), 5),
            f" like {example!r}" if is_series else "",
        )


def is_id_name(name: str) -> bool:
    """Return whether a column name says that the column has the ids of items."""
    return name.strip().casefold() in ("id", "ids") or role_of(name) == "item_id"


def is_index_name(name: str) -> bool:
    """Return whether a column has a name that programs give to the numbers of the rows."""
    return _INDEX.fullmatch(name.strip().casefold()) is not None
