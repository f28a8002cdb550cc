"""What the columns of a table are, by the names in its header or by their order."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mmrec.errors import DataError, listing

logger = logging.getLogger(__name__)

IDS = ("user_id", "item_id")

LABEL = "label"
"""The column that says which split a row belongs to."""

COLUMNS = (*IDS, "rating", "timestamp")
"""The order of the columns of a table without a header."""

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user_id": ("user", "user_id", "uid", "reviewer_id"),
        "item_id": ("item", "item_id", "iid", "asin", "parent_asin", "movie_id", "product_id"),
        "rating": ("rating", "overall"),
        "timestamp": ("timestamp", "unix_review_time"),
        LABEL: ("x_label",),
    }
)
"""The names that a header may give each column; case and underscores do not count, nor does the
type that RecBole adds after a colon."""

USE_HEADER = "write 'header: true' in data_config"
NAME_COLUMNS = "call them 'user' and 'item' (and 'rating')"


@dataclass(frozen=True)
class Layout:
    """How a table is to be read."""

    separator: str
    """A tab or a comma."""
    roles: Mapping[str, int]
    """The place of each column that is read, by what it is."""
    n_columns: int
    has_header: bool
    first_line: int
    """The line of the header or, without one, of the first row."""
    for_header: str = USE_HEADER
    """What to do if the first row is a header after all."""

    @property
    def between(self) -> str:
        """What stands between the columns, in words."""
        return "commas" if self.separator == "," else "tabs"


def named_columns(path: Path, line: int, fields: Sequence[str], separator: str) -> Layout:
    """Return the layout that a header describes; the log says which columns are left out.

    Raises:
        DataError: no column or more than one is the user, the item, or another known one.
    """
    by_role: dict[str, list[int]] = {}
    for place, field in enumerate(fields):
        role = role_of(field)
        if role is not None:
            by_role.setdefault(role, []).append(place)
    found = listing((repr(field) for field in fields), 20)
    for role, places in by_role.items():
        if len(places) > 1:
            named = listing(repr(fields[place]) for place in places)
            raise DataError(
                f"{path}:{line}: several columns can be the {role}: {named}; take all but one away"
            )
    lacking = [role for role in IDS if role not in by_role]
    if lacking:
        known = "; ".join(f"{role}: {listing(NAMES[role], 20)}" for role in lacking)
        raise DataError(
            f"{path}:{line}: the header names no {' and no '.join(lacking)}: found {found}; "
            f"known names of {known}"
        )
    roles = {role: places[0] for role, places in by_role.items()}
    ignored = [repr(field) for place, field in enumerate(fields) if place not in roles.values()]
    if ignored:
        logger.info("%s: columns that are not read: %s", path, listing(ignored, 20))
    return Layout(separator, roles, len(fields), has_header=True, first_line=line)


def ordered_columns(path: Path, line: int, fields: Sequence[str], separator: str) -> Layout:
    """Return the layout of a table without a header, from its first row.

    Raises:
        DataError: the row has too few columns or too many, or is a header after all.
    """
    n_columns = len(fields)
    layout = Layout(
        separator,
        {role: place for place, role in enumerate(COLUMNS[:n_columns])},
        n_columns,
        has_header=False,
        first_line=line,
    )
    text = separator.join(fields)
    if names_columns(fields):
        raise DataError(
            f"{path}:{line}: this line names the columns; {USE_HEADER} to read it so: {text!r:.80}"
        )
    if not 2 <= n_columns <= len(COLUMNS):
        other = "\t" if separator == "," else ","
        hint = ""
        if other in text:
            hint = "; with commas between, the name ends in .csv, with tabs in .tsv or .txt"
        raise DataError(
            f"{path}:{line}: expected 2 to 4 columns separated by {layout.between} (user, item, "
            f"rating, timestamp), found {n_columns}: {text!r:.80}{hint}"
        )
    return layout


def names_columns(fields: Sequence[str]) -> bool:
    """Say whether the fields of a line are the names of columns, a user and an item among them."""
    return set(IDS) <= {role_of(field) for field in fields}


def role_of(name: str) -> str | None:
    """Return what a column of this name is; None if it is nothing known."""
    plain = _plain(name.rpartition(":")[0] or name)
    return next((role for role, names in NAMES.items() if plain in map(_plain, names)), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()
