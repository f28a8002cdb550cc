"""Rows of a file, sorted by user and item.

Filters and splits work on sorted rows: their results do not depend on the order of the file.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from mmrec.data.reading.delimited import line_of_row
from mmrec.data.reading.table import Table
from mmrec.data.reading.times import Times, parse_times
from mmrec.data.vocabulary import IntArray, sort_ids
from mmrec.errors import DataError

logger = logging.getLogger(__name__)

_SECONDS = (10**8, 10**10)
"""Seconds since 1970 in the years from 1973 to 2286."""


def sort_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows by ascending user id, then item id; numerically if all are whole numbers.

    Args:
        frame: of a :class:`~mmrec.data.Table`.
    """
    order = np.lexsort((_ranks(frame["item_id"]), _ranks(frame["user_id"])))
    return frame.iloc[order].reset_index(drop=True)


def _ranks(ids: pd.Series[str]) -> IntArray:
    used = ids.cat.remove_unused_categories()
    places = {name: place for place, name in enumerate(sort_ids(used.cat.categories))}
    ranks = np.array([places[name] for name in used.cat.categories], np.int64)
    return ranks[used.cat.codes.to_numpy()]


def runs_of(frame: pd.DataFrame) -> IntArray:
    """Return the number of the user of each sorted row, [E] int64, ascending from 0."""
    codes = frame["user_id"].cat.codes.to_numpy()
    return np.append(0, np.cumsum(codes[1:] != codes[:-1])).astype(np.int64)[: len(codes)]


def places_within(groups: IntArray, keys: Times) -> IntArray:
    """Return the position of each row in its group by ascending key, [E] int64 from 0.

    Rows with equal keys keep their order.

    Args:
        groups: [E] ascending numbers.
        keys: [E].
    """
    order = np.lexsort((keys, groups))  # stable
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - starts[groups]
    return places


def timestamps_of(table: Table, needed_by: str) -> Times:
    """Return the timestamps of a table, [E] int64 or float64; dates as nanoseconds since 1970.

    Args:
        table: read with timestamps.
        needed_by: name of the strategy, for messages.

    Raises:
        DataError: the file has no timestamps, or one is neither a finite number nor a date; the
            message contains the file and the line.
    """
    frame = table.frame
    if "timestamp" not in frame:
        line = line_of_row(table.path, 0, header=table.header, form=table.form)
        raise DataError(
            f"{table.path}:{line}: {needed_by} requires timestamps, in the fourth column or in a "
            "column that a header or 'data_config.columns' names"
        )
    column = frame["timestamp"].cat.remove_unused_categories()
    times: Times = parse_times(pd.Series(column.cat.categories))[column.cat.codes.to_numpy()]
    bad = ~np.isfinite(times)
    if bad.any():
        first = frame[bad].sort_values("row").iloc[0]
        line = line_of_row(table.path, int(first["row"]), header=table.header, form=table.form)
        raise DataError(
            f"{table.path}:{line}: {needed_by} requires timestamps: {first['timestamp']!r} is not "
            "a finite number, nor are all timestamps dates such as 2014-07-23"
        )
    _warn_of_times(table, times)
    return times


def _warn_of_times(table: Table, times: Times) -> None:
    """Warn of timestamps that are all equal, or of two units."""
    values = np.unique(np.abs(times))
    if len(values) == 1 < len(times):
        logger.warning(
            "%s: every timestamp is %s, so rows are ordered by their item ids",
            table.path,
            table.frame["timestamp"].iloc[0],
        )
    is_seconds = (values >= _SECONDS[0]) & (values < _SECONDS[1])
    is_milliseconds = (values >= 1000 * _SECONDS[0]) & (values < 1000 * _SECONDS[1])
    if is_seconds.any() and is_milliseconds.any() and (is_seconds | is_milliseconds).all():
        logger.warning(
            "%s: some timestamps seem to be seconds, such as %d, and others milliseconds, such as "
            "%d; they are compared as they are",
            table.path,
            values[0],
            values[-1],
        )
