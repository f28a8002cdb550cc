"""Rows of the same user and item: which one counts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.reading.columns import IDS
from mmrec.data.reading.delimited import line_of_row
from mmrec.data.reading.form import TableForm
from mmrec.data.reading.times import parse_times
from mmrec.errors import DataError


def without_duplicates(
    path: Path, frame: pd.DataFrame, form: TableForm, *, header: bool | None
) -> pd.DataFrame:
    """Return the rows that count, in their order; the index is the row of the file.

    Raises:
        DataError: duplicates are an error, or have no timestamps to choose the latest by.
    """
    pair = list(IDS)
    repeated = frame.duplicated(pair, keep=False)
    if not repeated.any():
        return frame
    rule = form.duplicates
    if rule == "error":
        second = frame.index[frame.duplicated(pair)][0]
        user, item = frame.loc[second, pair]
        same = (frame["user_id"] == user) & (frame["item_id"] == item)
        first, second = (
            line_of_row(path, int(row), header=header, form=form) for row in frame.index[same][:2]
        )
        raise DataError(
            f"{path}:{second}: duplicate of line {first}: user {user!r}, item {item!r} "
            "(duplicates: error)"
        )
    if rule == "latest":
        return _latest(path, frame, repeated, form, header=header)
    kept = frame.loc[~frame.duplicated(pair, keep="first" if rule == "first" else "last")]
    if rule != "mean":
        return kept
    ratings = frame[repeated].groupby(pair, observed=True, sort=False)["rating"]
    means = ratings.agg(lambda values: math.fsum(values) / len(values))
    wanted = repeated[kept.index]
    keys = pd.MultiIndex.from_frame(kept.loc[wanted, pair].astype(str))
    means.index = pd.MultiIndex.from_frame(means.index.to_frame().astype(str))
    kept = kept.copy()
    kept.loc[wanted, "rating"] = means.loc[keys].to_numpy()
    return kept


def _latest(
    path: Path,
    frame: pd.DataFrame,
    repeated: pd.Series[bool],
    form: TableForm,
    *,
    header: bool | None,
) -> pd.DataFrame:
    """Return the latest of each pair's rows; of equal times, the last one."""
    if "timestamp" not in frame:
        raise DataError(
            f"{path}: 'duplicates: latest' needs timestamps, which the file does not have"
        )
    texts = frame.loc[repeated, "timestamp"].astype(str)
    times = parse_times(texts)
    bad = ~np.isfinite(times)
    if bad.any():
        row = int(texts.index[bad][0])
        line = line_of_row(path, row, header=header, form=form)
        raise DataError(
            f"{path}:{line}: 'duplicates: latest' needs timestamps: {texts[row]!r} is neither a "
            "finite number nor a date"
        )
    by_time = frame.loc[repeated].iloc[np.argsort(times, kind="stable")]
    dropped = by_time.index[by_time.duplicated(list(IDS), keep="last")]
    return frame.drop(index=dropped)
