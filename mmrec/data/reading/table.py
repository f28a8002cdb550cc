"""What reading a split gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mmrec.data.reading.columns import IDS
from mmrec.errors import DataError

_BREAKS = ("\t", "\n", "\r")


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one split as its file gives them, ids as text.

    ``frame`` has the columns ``user_id`` and ``item_id`` (categorical of str) and ``rating``
    (float64; 1 where the file has none). A pair stands once: of repeated rows the last counts.
    If they were asked for, also ``timestamp`` (categorical of str) where the file has it, and
    ``row``, the place in the file that :func:`mmrec.data.reading.line_of_row` finds.
    """

    path: Path
    frame: pd.DataFrame
    has_ratings: bool
    n_duplicates: int


def make_table(path: Path, frame: pd.DataFrame, *, has_ratings: bool) -> Table:
    """Drop repeated rows and make a table.

    Raises:
        DataError: an id holds a tab or a line end, which the lists of a run could not hold.
    """
    for column in IDS:
        frame[column] = frame[column].cat.remove_unused_categories()
        for text in frame[column].cat.categories:
            if any(character in text for character in _BREAKS):
                raise DataError(f"{path}: the {column} {text!r:.80} holds a tab or a line end")
    repeated = frame.duplicated(list(IDS), keep="last")
    return Table(
        path=path,
        frame=frame.loc[~repeated].reset_index(drop=True),
        has_ratings=has_ratings,
        n_duplicates=int(repeated.sum()),
    )
