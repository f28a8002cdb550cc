"""The rows of one split."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.reading.columns import IDS
from mmrec.data.reading.duplicates import without_duplicates
from mmrec.data.reading.form import DEFAULT, TableForm
from mmrec.errors import DataError, listing

logger = logging.getLogger(__name__)

_BREAKS = ("\t", "\n", "\r")
_MISSING = frozenset(
    ("nan", "NaN", "NAN", "None", "none", "null", "NULL", "Null", "<NA>", "NaT", "#N/A", "N/A")
)
"""How programs write a missing value."""

_LIKE_TIMES = 1e8
"""Ratings from here on look like seconds since 1970: this is a day in 1973."""
_ZEROS = re.compile(r"([+-]?\d+)\.0+")
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
"""Characters that are not shown, such as a byte order mark."""
_ROUNDED = re.compile(r"^[+-]?\d(\.\d+)?[eE]\+\d+$", re.MULTILINE)
"""A whole number as spreadsheets write it, with digits lost."""
_MANY_RATINGS = 22
"""More different values than scales of ratings have."""


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one split, with ids as text.

    ``frame`` has the columns ``user_id`` and ``item_id`` (categorical of str) and ``rating``
    (float64; 1 if the file has none). Pairs are distinct: ``form.duplicates`` says what counts.
    With timestamps, it also has ``timestamp`` (categorical of str) if the file has it, and ``row``,
    the position in the file for :func:`mmrec.data.reading.line_of_row`.
    """

    path: Path
    frame: pd.DataFrame
    has_ratings: bool
    n_duplicates: int
    form: TableForm = DEFAULT
    header: bool | None = False

    def without_times(self) -> Table:
        """Return the table without timestamps."""
        return replace(self, frame=self.frame.drop(columns=["timestamp", "row"], errors="ignore"))


def make_table(
    path: Path,
    frame: pd.DataFrame,
    *,
    has_ratings: bool,
    form: TableForm = DEFAULT,
    header: bool | None = False,
) -> Table:
    """Make a table without duplicate rows.

    Raises:
        DataError: an id contains a tab or a line end, which files of lists cannot contain; or
            duplicate rows are an error, or have no timestamps to choose the latest by.
    """
    for column in IDS:
        frame[column] = frame[column].cat.remove_unused_categories()
        for text in frame[column].cat.categories:
            if any(character in text for character in _BREAKS):
                raise DataError(f"{path}: the {column} {text!r:.80} contains a tab or a line end")
    _report_ids(path, frame)
    if has_ratings and (frame["rating"] < 0).any():
        logger.warning(
            "%s: %d of %d ratings are negative, such as %g; they are not relevant at a "
            "relevance_threshold of 0, but models that are trained by gradient do not read the "
            "ratings of training rows",
            path,
            (frame["rating"] < 0).sum(),
            len(frame),
            frame["rating"].min(),
        )
    if has_ratings and frame["rating"].min() >= _LIKE_TIMES:
        logger.warning(
            "%s: every rating is at least %g, such as %.0f: are they timestamps? Without a header, "
            "the third column has the ratings and the fourth the timestamps; name the columns in a "
            "header",
            path,
            _LIKE_TIMES,
            frame["rating"].iloc[0],
        )
    if has_ratings and _are_items(frame):
        logger.warning(
            "%s: the ratings have %d different values, all of which are also items: does the third "
            "column have the ratings?",
            path,
            frame["rating"].nunique(),
        )
    kept = without_duplicates(path, frame, form, header=header).reset_index(drop=True)
    return Table(path, kept, has_ratings, len(frame) - len(kept), form, header)


def _are_items(frame: pd.DataFrame) -> bool:
    """Return whether the ratings are ids of items, as in lines of a user and several items."""
    ratings = frame["rating"].unique()
    if len(ratings) < _MANY_RATINGS or (ratings != np.round(ratings)).any():
        return False
    items = set(frame["item_id"].cat.categories)
    return all(f"{rating:.0f}" in items for rating in ratings)


def _report_ids(path: Path, frame: pd.DataFrame) -> None:
    """Warn of ids that usually mean a missing value."""
    for column in IDS:
        names = [name for name in frame[column].cat.categories if name.strip() in _MISSING]
        if names:
            n_rows = int(frame[column].isin(names).sum())
            logger.warning(
                "%s: %d of %d rows have the %s %s, which usually means a missing value; it is "
                "one %s like any other; remove the rows if they have none",
                path,
                n_rows,
                len(frame),
                column,
                listing(map(repr, names)),
                column.removesuffix("_id"),
            )
        _report_spellings(path, column, set(frame[column].cat.categories))
        for pattern, what in (
            (UNSEEN, "a character that is not shown"),
            (_ROUNDED, "the form of a rounded number, which several ids may have become"),
        ):
            ids = frame[column].cat.categories
            if pattern.search("\n".join(ids)):  # one search is faster than one for each id
                names = [name for name in ids if pattern.search(name)]
                logger.warning(
                    "%s: %d of %d values of %s have %s: %s; they are read as they are",
                    path,
                    len(names),
                    len(ids),
                    column,
                    what,
                    listing(map(repr, names), 3),
                )


def _report_spellings(path: Path, column: str, ids: set[str]) -> None:
    """Warn of ids of the file that differ from others only in white space or a trailing .0."""
    pairs = []
    for name in sorted(ids):
        stripped = name.strip()
        zeros = _ZEROS.fullmatch(stripped)
        plain = stripped if zeros is None else zeros[1]
        if plain != name and plain in ids:
            pairs.append(f"{name!r} and {plain!r}")
    if pairs:
        logger.warning(
            "%s: %d values of %s differ from others only in white space or a trailing '.0', but "
            "count as different ids: %s; write ids alike",
            path,
            len(pairs),
            column,
            listing(pairs, 3),
        )
