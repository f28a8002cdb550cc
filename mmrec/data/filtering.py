"""Aligning splits and side information: which rows, users and items are kept.

The rules, in this order:

1. Rows of items without a vector are dropped from all splits, for each loader with the policy
   ``missing: drop``. One pass is enough: rows determine the remaining users.
2. The users and items of the model are those of the training split.
3. Held-out rows of users outside of the training split are dropped. Held-out rows of items outside
   of the training split are kept as ground truth that cannot be recommended
   (:data:`mmrec.data.COLD`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mmrec.data.cold import ColdItems
from mmrec.data.interactions import Interactions
from mmrec.data.mismatches import TRAINING, both_sides, spelling_note, unknown_ids
from mmrec.data.prefiltering import FilterStep
from mmrec.data.reading.form import DUPLICATES, Duplicates
from mmrec.data.reading.table import Table
from mmrec.data.vocabulary import IntArray, Vocabulary, sort_ids
from mmrec.errors import DataError, listing


@dataclass(frozen=True)
class SplitCounts:
    """Numbers of rows of one split."""

    rows_read: int
    duplicates: int
    """Dropped rows of duplicate pairs; the last row is kept."""
    without_features: int
    """Dropped rows of items without a vector."""
    unknown_users: int
    """Dropped held-out rows of users outside of the training split."""
    cold_items: int
    """Kept held-out rows of items outside of the training split."""
    trained_pairs: int
    """Held-out rows whose pair is also in training: no list can contain them."""
    rows_kept: int


@dataclass(frozen=True)
class FilterReport:
    """Numbers of dropped rows, users and items, and the reasons."""

    splits: Mapping[str, SplitCounts] = field(default_factory=dict)
    missing_items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By loader, the dropped items without a vector."""
    filled_items: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By loader, the items of the model whose vectors were completed."""
    users_dropped: int = 0
    items_dropped: int = 0
    steps: tuple[FilterStep, ...] = ()
    """The filters of the file that was split, in order."""
    notes: tuple[str, ...] = ()
    """Notes on how the file was split."""
    duplicates: Duplicates = "last"
    """What counts of duplicate rows."""
    warnings: tuple[str, ...] = ()
    """On ids that the training split or the features lack or write in another way."""

    def lines(self) -> list[str]:
        """Return the report as lines; empty if nothing was dropped."""
        lines = [
            f"{loader} has no vector for {len(ids)} of the items: {listing(ids, limit=5)}"
            for loader, ids in self.missing_items.items()
            if ids
        ]
        if self.items_dropped:
            lines.append(
                f"dropped: {self.items_dropped} items without a vector, "
                f"and {self.users_dropped} users without other items"
            )
        lines.extend(
            f"{loader} has no vector for {len(ids)} of the training items, which are completed: "
            f"{listing(ids, limit=5)}"
            for loader, ids in self.filled_items.items()
            if ids
        )
        for name, counts in self.splits.items():
            findings = [
                f"{number} {what}"
                for number, what in (
                    (counts.duplicates, f"duplicate rows dropped ({DUPLICATES[self.duplicates]})"),
                    (counts.without_features, "rows of items without a vector dropped"),
                    (counts.unknown_users, "rows of users outside of training dropped"),
                    (counts.cold_items, "rows of items outside of training kept as ground truth"),
                    (counts.trained_pairs, "rows are also in training and cannot be hit"),
                )
                if number
            ]
            if findings:
                lines.append(
                    f"{name}: {'; '.join(findings)}; {counts.rows_kept} of {counts.rows_read} rows "
                    "kept"
                )
        return [*self.notes, *lines]


@dataclass(frozen=True, eq=False)
class AlignedSplits:
    """The splits in internal numbers."""

    users: Vocabulary
    items: Vocabulary
    splits: Mapping[str, Interactions]
    report: FilterReport
    cold_items: ColdItems | None = None
    """Without features."""


def align(
    tables: Mapping[str, Table],
    known_items: Mapping[str, Collection[str]],
    *,
    binarize: bool = False,
    ranked: Collection[str] = (),
) -> AlignedSplits:
    """Filter and number the splits.

    Args:
        tables: ``train``, ``test`` and optionally ``validation``.
        known_items: ids of items with a vector, by loader with the policy ``missing: drop``.
        binarize: set every rating to 1.
        ranked: ids of items that are cold items unless they are trained on.

    Raises:
        DataError: no row of a split remains; the message contains the reason.
    """
    all_users = set().union(*(_ids(table.frame, "user_id") for table in tables.values()))
    frames, missing = drop_without_vectors(tables, known_items)
    left_users = set().union(*(_ids(frame, "user_id") for frame in frames.values()))

    users = Vocabulary(_ids(frames["train"], "user_id"))
    items = Vocabulary(_ids(frames["train"], "item_id"))
    splits: dict[str, Interactions] = {}
    counts: dict[str, SplitCounts] = {}
    warnings: list[str | None] = []
    for name in sorted(frames, key=lambda name: name != "train"):  # the others depend on it
        if name != "train":
            place = f"{tables[name].path} ({name})"
            for column, known in (("user", users), ("item", items)):
                ids = frames[name][f"{column}_id"]
                warnings.append(unknown_ids(place, ids, known, column, TRAINING))
        splits[name], counts[name] = _number(
            tables[name], frames[name], users, items, splits.get("train"), binarize=binarize
        )
    report = FilterReport(
        splits=counts,
        missing_items=missing,
        users_dropped=len(all_users - left_users),
        items_dropped=len(set().union(*missing.values())),
        duplicates=tables["train"].form.duplicates,
        warnings=tuple(warning for warning in warnings if warning is not None),
    )
    cold_ids = Vocabulary(set(ranked).difference(items.ids))
    cold_items = None
    if len(cold_ids):
        joint = items.extended(cold_ids.ids)
        test, _ = _number(tables["test"], frames["test"], users, joint, None, binarize=binarize)
        cold_items = ColdItems(cold_ids, test)
    return AlignedSplits(users, items, splits, report, cold_items)


def drop_without_vectors(
    tables: Mapping[str, Table], known_items: Mapping[str, Collection[str]]
) -> tuple[dict[str, pd.DataFrame], dict[str, tuple[str, ...]]]:
    """Drop the rows of items without a vector.

    Args:
        tables: by name.
        known_items: as for :func:`align`.

    Returns:
        The remaining rows of each table, and the ids of the dropped items by loader.

    Raises:
        DataError: no row of a table remains.
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
            raise DataError(_emptied(tables[name], missing, known_items))
    return frames, missing


def _ids(frame: pd.DataFrame, column: str) -> set[str]:
    """Return the distinct ids in a column; categories may contain others."""
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
        found = sort_ids(_ids(frame, "user_id"))
        raise DataError(
            f"{table.path}: no user is in the training split: "
            f"{both_sides(found, users.ids, TRAINING)}{spelling_note(found, users.ids)}"
        )
    ratings = np.ones(len(frame)) if binarize else frame["rating"].to_numpy(np.float64)
    split = Interactions.from_arrays(
        user_numbers[known], item_numbers[known], len(users), len(items), ratings[known]
    )
    trained = 0 if train is None else int(train.contains(split.users, split.items).sum())
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
    """Return the numbers of a categorical column, looked up once per category."""
    of_category = vocabulary.numbers(ids.cat.categories, missing="negative")
    return of_category[ids.cat.codes.to_numpy()]


def _emptied(
    table: Table, missing: Mapping[str, tuple[str, ...]], known: Mapping[str, Collection[str]]
) -> str:
    absent = "; ".join(
        f"{loader} has no vector for {len(ids)} items: "
        f"{both_sides(ids, sort_ids(known[loader]), loader)}{spelling_note(ids, known[loader])}"
        for loader, ids in missing.items()
        if ids
    )
    return (
        f"{table.path}: no row remains: no item has a vector from every loader; {absent}; "
        "do the file names of the feature folders equal the item ids, and is the item in column 2?"
    )
