"""The roles of the columns of a table, by the names in its header or by their order."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mmrec.errors import DataError, listing, nearest

logger = logging.getLogger(__name__)

IDS = ("user_id", "item_id")

LABEL = "label"
"""The column that assigns a row to a split."""

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
"""Accepted names of each column; case, underscores and RecBole's type after a colon are ignored."""

_WORDS = {"\t": "tabs", ",": "commas", " ": "blanks", ";": "semicolons"}
_MARKS = ("::", "\t", ",", ";", "|", " ")
"""Common separators, in the order in which they are looked for."""
_LIKE_RATINGS = frozenset(
    (
        *("stars", "star", "label", "score", "rate", "rates", "ratings", "userrating", "grade"),
        *("reviewrating", "reviewscore", "ratingscore", "ratingvalue", "vote", "votes", "points"),
        *("preference", "pref", "value", "weight", "feedback", "reward", "target", "relevance"),
        *("plays", "playcount", "listencount", "playcounts"),
        *("count", "counts", "freq", "frequency"),
        *("like", "likes", "liked", "click", "isclick", "islike", "watchratio"),
    )
)
"""Names of columns that look like a rating; without case, blanks and underscores."""

USE_HEADER = "write 'header: true' in data_config"
NAME_COLUMNS = "call them 'user' and 'item' (and 'rating')"


@dataclass(frozen=True)
class Layout:
    """The columns of a table."""

    separator: str
    """Between two fields."""
    roles: Mapping[str, int]
    """Index of each column that is read, by its role."""
    n_columns: int
    has_header: bool
    first_line: int
    """The line of the header or, without a header, of the first row."""
    for_header: str = USE_HEADER
    """Advice for a table whose first row is a header."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Name and index of each column that is not read."""
    names: Sequence[str] = ()
    """The header."""

    @property
    def between(self) -> str:
        """The separator as a word."""
        return _WORDS.get(self.separator, repr(self.separator))

    @property
    def kind(self) -> str:
        """The separator before ``-separated``."""
        return self.between.removesuffix("s")


def named_columns(
    path: Path,
    line: int,
    fields: Sequence[str],
    separator: str,
    columns: Mapping[str, str] = MappingProxyType({}),
) -> Layout:
    """Return the layout of a table with a header, and log the columns that are ignored.

    Args:
        path: for messages.
        line: of the header.
        fields: the header.
        separator: between two fields.
        columns: the names of roles that do not have one of :data:`NAMES`.

    Raises:
        DataError: the user or the item is missing, or a role has several columns.
    """
    by_role = _places(fields, columns)
    found = listing(map(repr, fields), 20)
    for role, name in columns.items():
        if not by_role[role]:
            raise DataError(
                f"{path}:{line}: the header has no column {name!r}{nearest(name, fields)}, which "
                f"data_config.columns names as the {role.removesuffix('_id')}; found {found}"
            )
    for role, places in by_role.items():
        if len(places) > 1:
            named = listing(repr(fields[place]) for place in places)
            raise DataError(
                f"{path}:{line}: several columns can be the {role}: {named}; remove all but one"
            )
    missing = [role for role in IDS if role not in by_role]
    if missing:
        known = "; ".join(f"{role}: {listing(NAMES[role], 20)}" for role in missing)
        raise DataError(
            f"{path}:{line}: the header has no {' and no '.join(missing)}: found {found}; "
            f"accepted names: {known}; or write 'columns: {{{missing[0].removesuffix('_id')}: "
            "NAME}' in data_config"
        )
    roles = {role: places[0] for role, places in by_role.items()}
    ignored = {name: place for place, name in enumerate(fields) if place not in roles.values()}
    if ignored:
        logger.info("%s: ignored columns: %s", path, listing(map(repr, ignored), 20))
    return Layout(
        separator,
        roles,
        len(fields),
        has_header=True,
        first_line=line,
        ignored=ignored,
        names=fields,
    )


def _places(fields: Sequence[str], columns: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the columns that can have each role; of ``columns``, also roles without one."""
    by_role: dict[str, list[int]] = {}
    for place, name in enumerate(fields):
        role = role_of(name)
        if role is not None and role not in columns:
            by_role.setdefault(role, []).append(place)
    for role, name in columns.items():
        plain_name = name.strip().casefold()
        by_role[role] = [
            place
            for place, other in enumerate(fields)
            if plain_name in (other.strip().casefold(), other.rpartition(":")[0].strip().casefold())
        ]
    return by_role


def is_rating_name(name: str) -> bool:
    """Return whether a column is called like a rating, or like a number that often is one."""
    return plain(name.rpartition(":")[0] or name) in _LIKE_RATINGS


def ordered_columns(path: Path, line: int, fields: Sequence[str], separator: str) -> Layout:
    """Return the layout of a table without a header, from its first row.

    Raises:
        DataError: the row has too few columns or too many, or is a header.
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
        raise DataError(f"{path}:{line}: this line is a header; {USE_HEADER}: {text!r:.80}")
    if not 2 <= n_columns <= len(COLUMNS):
        hint = _separator_hint(text, separator)
        raise DataError(
            f"{path}:{line}: expected 2 to 4 columns separated by {layout.between} (user, item, "
            f"rating, timestamp), found {n_columns}: {text!r:.80}{hint}"
        )
    return layout


def _separator_hint(text: str, separator: str) -> str:
    """Return what to write if another separator is in the text."""
    other = next((mark for mark in _MARKS if mark != separator and mark in text), None)
    if other is None or (separator in text and separator != ","):
        return ""
    hint = ""
    if other in "\t,":
        hint = "; comma-separated files end in .csv, tab-separated files in .tsv or .txt"
    written = '"\\t"' if other == "\t" else f"'{other}'"
    return f"{hint}; found {other!r} between fields: write 'separator: {written}' in data_config"


def names_columns(fields: Sequence[str]) -> bool:
    """Return whether the fields of a line are column names, including a user and an item."""
    return set(IDS) <= {role_of(field) for field in fields}


def role_of(name: str) -> str | None:
    """Return the role of a column by its name; None if it is unknown."""
    wanted = plain(name.rpartition(":")[0] or name)
    return next((role for role, names in NAMES.items() if wanted in map(plain, names)), None)


def plain(name: str) -> str:
    """Return a name without blanks, underscores, hyphens and case."""
    return re.sub(r"[\s_-]", "", name).casefold()
