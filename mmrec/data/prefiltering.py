"""Elliot's prefilters, which are applied to a file before it is split.

A filter takes the frame of a :class:`~mmrec.data.Table` and returns the kept rows in their order.
The kept rows do not depend on the order. The result may be empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

_Column = Literal["user_id", "item_id"]


@dataclass(frozen=True)
class FilterStep:
    """Numbers before and after a filter."""

    name: str
    """The filter with its settings, such as ``user_k_core (core 5)``."""
    rows: tuple[int, int]
    users: tuple[int, int]
    items: tuple[int, int]

    @classmethod
    def of(cls, name: str, before: pd.DataFrame, after: pd.DataFrame) -> FilterStep:
        """Count rows, users and items before and after a filter."""
        users, items = (
            (int(before[column].nunique()), int(after[column].nunique()))
            for column in ("user_id", "item_id")
        )
        return cls(name, (len(before), len(after)), users, items)

    def __str__(self) -> str:
        counts = (
            f"{before} -> {after} {what}"
            for what, (before, after) in (
                ("rows", self.rows),
                ("users", self.users),
                ("items", self.items),
            )
        )
        return f"{self.name}: {', '.join(counts)}"


def global_threshold(frame: pd.DataFrame, threshold: float | Literal["average"]) -> pd.DataFrame:
    """Keep ratings of at least ``threshold``, or of at least the mean of all ratings."""
    bound = _mean(frame["rating"]) if threshold == "average" else threshold
    return frame[frame["rating"] >= bound]


def user_average(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep each user's ratings of at least the mean of the user's ratings."""
    ratings = frame["rating"].to_numpy()
    codes = frame["user_id"].cat.codes.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    kept = np.zeros(len(frame), bool)
    for rows in np.split(order, ends):
        kept[rows] = ratings[rows] >= _mean(ratings[rows])
    return frame[kept]


def user_k_core(frame: pd.DataFrame, core: int) -> pd.DataFrame:
    """Keep users with at least ``core`` rows."""
    return frame[_counts(frame, "user_id") >= core]


def item_k_core(frame: pd.DataFrame, core: int) -> pd.DataFrame:
    """Keep items with at least ``core`` rows."""
    return frame[_counts(frame, "item_id") >= core]


def n_rounds_k_core(frame: pd.DataFrame, core: int, rounds: int) -> pd.DataFrame:
    """Filter users, then items, ``rounds`` times; users may end with less than ``core`` rows."""
    for _ in range(rounds):
        left = item_k_core(user_k_core(frame, core), core)
        if len(left) == len(frame):  # so do all later rounds
            break
        frame = left
    return frame


def iterative_k_core(frame: pd.DataFrame, core: int) -> pd.DataFrame:
    """Filter users and items in turn until all have at least ``core`` rows."""
    while True:
        left = n_rounds_k_core(frame, core, 1)
        if len(left) == len(frame):
            return left
        frame = left


def cold_users(frame: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Keep users with at most ``threshold`` rows."""
    return frame[_counts(frame, "user_id") <= threshold]


def _counts(frame: pd.DataFrame, column: _Column) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of rows of each row's user or item."""
    codes = frame[column].cat.codes.to_numpy()
    return np.bincount(codes, minlength=1)[codes]


def _mean(ratings: Iterable[float]) -> float:
    """Return the mean, independent of the order of the ratings and at most their maximum."""
    values = list(ratings)
    if not values:
        return 0.0
    return min(math.fsum(values) / len(values), max(values))
