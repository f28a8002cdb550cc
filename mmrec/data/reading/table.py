"""The rows of one split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmrec.data.reading.columns import IDS
from mmrec.errors import DataError

_BREAKS = ("\t", "\n", "\r")


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one split, with ids as text.

    ``frame`` has the columns ``user_id`` and ``item_id`` (categorical of str) and ``rating``
    (float64; 1 if the file has none). Pairs are distinct: of duplicate rows, the last one counts.
    With timestamps, it also has ``timestamp`` (categorical of str) if the file has it, and ``row``,
    the position in the file for :func:`mmrec.data.reading.line_of_row`.
    """

    path: Path
    frame: pd.DataFrame
    has_ratings: bool
    n_duplicates: int


def make_table(path: Path, frame: pd.DataFrame, *, has_ratings: bool) -> Table:
    """Make a table without duplicate rows.

    Raises:
        DataError: an id contains a tab or a line end, which files of lists cannot contain.
    """
    for column in IDS:
        frame[column] = frame[column].cat.remove_unused_categories()
        for text in frame[column].cat.categories:
            if any(character in text for character in _BREAKS):
                raise DataError(f"{path}: the {column} {text!r:.80} contains a tab or a line end")
    is_duplicate = frame.duplicated(list(IDS), keep="last")
    return Table(
        path=path,
        frame=frame.loc[~is_duplicate].reset_index(drop=True),
        has_ratings=has_ratings,
        n_duplicates=int(is_duplicate.sum()),
    )
