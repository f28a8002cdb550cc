"""Bringing splits and side information together: which rows, users and items stay.

The rules, in this order:

1. An item stays if every loader has a vector for it, or can do without; rows of other items leave
   all splits.
   Rows decide which users are left, so one pass already reaches the fixed point.
2. The users and items of the model are those of the training split.
3. Held-out rows of users that the training split lacks are dropped. Held-out rows of items that
   it lacks stay as ground truth that cannot be recommended (:data:`mmrec.data.COLD`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmrec.data.interactions import Interactions
from mmrec.data.prefiltering import FilterStep
from mmrec.data.reading.table import Table
from mmrec.data.vocabulary import IntArray, Vocabulary
from mmrec.errors import DataError, listing


@dataclass(frozen=True)
class SplitCounts:
    """What happened to the rows of one split."""

    rows_read: int
    duplicates: int
    """Rows of a pair that stands again further down; the last one counts."""
    without_features: int
    """Rows dropped because a loader has no vector for their item."""
    unknown_users: int
    """Held-out rows dropped because the training split lacks their user."""
    cold_items: int
    """Held-out rows kept as ground truth whose item the training split lacks."""
    trained_pairs: int
    """Held-out rows whose pair is also in training: they cannot be hit."""
    rows_kept: int


@dataclass(frozen=True)
class FilterReport:
    """How many rows, users and items were dropped, and why."""

    splits: Mapping[str, SplitCounts] = field(default_factory=dict)
    missing_items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By loader: the ids of the interactions' items that it has no vector for."""
    filled_items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By loader: the ids of the model's items that stay though it has no vector for them."""
    users_dropped: int = 0
    items_dropped: int = 0
    steps: tuple[FilterStep, ...] = ()
    """What filters did to the one file that was split, first to last."""
    notes: tuple[str, ...] = ()
    """What there is to tell of how it was split."""

    def lines(self) -> list[str]:
        """Return the report as sentences; empty when nothing was dropped."""
        lines = [
            f"{loader} has no vector for {len(ids)} of the items: {listing(ids, limit=5)}"
            for loader, ids in self.missing_items.items()
            if ids
        ]
        if self.items_dropped:
            lines.append(
                f"dropped for lack of a vector: {self.items_dropped} items, "
                f"and {self.users_dropped} users who had no other"
            )
        lines.extend(
            f"{loader} has no vector for {len(ids)} of the items of training, which are filled in: "
            f"{listing(ids, limit=5)}"
            for loader, ids in self.filled_items.items()
            if ids
        )
        for name, counts in self.splits.items():
            told = [
                f"{number} {what}"
                for number, what in (
                    (counts.duplicates, "repeated rows dropped (the last one counts)"),
                    (counts.without_features, "rows dropped for lack of a vector"),
                    (counts.unknown_users, "rows dropped of users who are not in training"),
                    (
                        counts.cold_items,
                        "rows kept of items that cannot be recommended (untrained)",
                    ),
                    (counts.trained_pairs, "rows that are also in training and cannot be hit"),
                )
                if number
            ]
            if told:
                lines.append(
                    f"{name}: {'; '.join(told)}; {counts.rows_kept} of {counts.rows_read} rows kept"
                )
        return [*self.notes, *lines]


@dataclass(frozen=True, eq=False)
class AlignedSplits:
    """The splits in the numbers of the model."""

    users: Vocabulary
    items: Vocabulary
    splits: Mapping[str, Interactions]
    report: FilterReport


def align(
    tables: Mapping[str, Table],
    known_items: Mapping[str, Collection[str]],
    *,
    binarize: bool = False,
) -> AlignedSplits:
    """Filter and number the splits.

    Args:
        tables: ``train``, ``test`` and perhaps ``validation``.
        known_items: by loader, the ids of the items that it has a vector for; only of loaders that
            cannot do without.
        binarize: set every rating to 1.

    Raises:
        DataError: nothing is left of a split, with what emptied it.
    """
    all_users = set().union(*(_ids(table.frame, "user_id") for table in tables.values()))
    frames, missing = drop_lacking(tables, known_items)
    left_users = set().union(*(_ids(frame, "user_id") for frame in frames.values()))

    users = Vocabulary(_ids(frames["train"], "user_id"))
    items = Vocabulary(_ids(frames["train"], "item_id"))
    splits: dict[str, Interactions] = {}
    counts: dict[str, SplitCounts] = {}
    for name in sorted(frames, key=lambda name: name != "train"):  # the others look into it
        splits[name], counts[name] = _number(
            tables[name], frames[name], users, items, splits.get("train"), binarize=binarize
        )
    report = FilterReport(
        splits=counts,
        missing_items=missing,
        users_dropped=len(all_users - left_users),
        items_dropped=len(set().union(*missing.values())),
    )
    return AlignedSplits(users, items, splits, report)


def drop_lacking(
    tables: Mapping[str, Table], known_items: Mapping[str, Collection[str]]
) -> tuple[dict[str, pd.DataFrame], dict[str, tuple[str, ...]]]:
    """Drop the rows of items that a loader has no vector for.

    Args:
        tables: any, by name.
        known_items: as for :func:`align`.

    Returns:
        What is left of each table, and by loader the ids of the items that it lacks.

    Raises:
        DataError: nothing is left of a table.
    """
    all_items = set().union(*(_ids(table.frame, "item_id") for table in tables.values()))
    missing = {
        loader: tuple(Vocabulary(all_items - set(items)).ids)
        for loader, items in known_items.items()
    }
    dropped_items = set().union(*missing.values())
    frames = {
        name: table.frame[~table.frame["item_id"].isin(dropped_items)]
        for name, table in tables.items()
    }
    for name, frame in frames.items():
        if frame.empty:
            raise DataError(_emptied(tables[name], missing))
    return frames, missing


def _ids(frame: pd.DataFrame, column: str) -> set[str]:
    """Return the distinct ids that occur in a column (not merely among its categories)."""
    return set(frame[column].unique())


def _number(
    table: Table,
    frame: pd.DataFrame,
    users: Vocabulary,
    items: Vocabulary,
    train: Interactions | None,
    *,
    binarize: bool,
) -> tuple[Interactions, SplitCounts]:
    user_numbers = _numbers(frame["user_id"], users)
    item_numbers = _numbers(frame["item_id"], items)
    known = user_numbers >= 0
    if not known.any():
        raise DataError(f"{table.path}: none of its users is in the training split")
    ratings = np.ones(len(frame)) if binarize else frame["rating"].to_numpy(np.float64)
    split = Interactions.from_arrays(
        user_numbers[known], item_numbers[known], len(users), len(items), ratings[known]
    )
    trained = 0
    if train is not None:
        keys = split.users * len(items) + split.items
        trained_keys = train.users * len(items) + train.items
        trained = int(np.isin(keys[split.items >= 0], trained_keys).sum())
    return split, SplitCounts(
        rows_read=len(table.frame) + table.n_duplicates,
        duplicates=table.n_duplicates,
        without_features=len(table.frame) - len(frame),
        unknown_users=int((~known).sum()),
        cold_items=int((split.items < 0).sum()),
        trained_pairs=trained,
        rows_kept=len(split),
    )


def _numbers(ids: pd.Series[str], vocabulary: Vocabulary) -> IntArray:
    """Translate a categorical column through its few categories instead of its many rows."""
    of_category = vocabulary.numbers(ids.cat.categories, missing="negative")
    return of_category[ids.cat.codes.to_numpy()]


def _emptied(table: Table, missing: Mapping[str, tuple[str, ...]]) -> str:
    lacking = "; ".join(
        f"{loader} lacks {len(ids)} items ({listing(ids, limit=3)})"
        for loader, ids in missing.items()
        if ids
    )
    return (
        f"{table.path}: no row is left: no item of it has a vector from every loader; {lacking}. "
        "Do the file names of the feature folders equal the item ids, and is the item in column 2?"
    )
