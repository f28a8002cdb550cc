"""The tables of the data, as the manifest tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmrec.reporting.facts import density
from mmrec.reporting.table import Table, cell, share, table

_SPLITS = ("train", "validation", "test")
_REASONS = {
    "duplicates": "dropped: repeated",
    "without_features": "dropped: item without features",
    "unknown_users": "dropped: user not in training",
    "cold_items": "kept, but item not in training",
    "trained_pairs": "kept, but pair in training",
}


def folds(data: Mapping[str, Any]) -> Table:
    """Return the size of each fold; no rows without folds."""
    splits = [name for name in _SPLITS if name in data["splits"]]
    rows: list[list[object]] = []
    for fold in data.get("folds", ()):
        part = density(fold)
        row: list[object] = [fold["name"], fold["users"], fold["items"]]
        row += [fold["splits"][name]["rows_kept"] for name in splits]
        rows.append([*row, cell(None) if part is None else share(part, decimals=3)])
    return table("Size of each fold.", ["fold", "users", "items", *splits, "density"], rows)


def splits(data: Mapping[str, Any]) -> Table:
    """Return the rows of each split of each fold; a column for each reason to drop some."""
    named = {fold["name"]: fold["splits"] for fold in data.get("folds", ())} or {"": data["splits"]}
    counts = [
        (fold, name, of_fold[name])
        for fold, of_fold in named.items()
        for name in dict.fromkeys([*_SPLITS, *of_fold])
        if name in of_fold
    ]
    shown = [key for key in _REASONS if any(split.get(key) for _, _, split in counts)]
    rows: list[list[object]] = []
    for fold, name, split in counts:
        numbers = [split["rows_read"], *(split.get(key, 0) for key in shown), split["rows_kept"]]
        rows.append([*([f"{fold}, {name}"] if data.get("folds") else [name]), *numbers])
    first = "fold and split" if data.get("folds") else "split"
    head = [first, "rows read", *(_REASONS[key] for key in shown), "rows kept"]
    of = " of each fold" if data.get("folds") else ""
    return table(f"Interactions of each split{of}.", head, rows)


def prefiltering(data: Mapping[str, Any]) -> Table:
    """Return what each filter has left; no rows without filters."""
    rows = [
        [
            step["name"],
            *(step[key][place] for key in ("rows", "users", "items") for place in (0, 1)),
        ]
        for step in data.get("prefiltering", ())
    ]
    head = ["filter"]
    head += [
        f"{what} {when}" for what in ("rows", "users", "items") for when in ("before", "after")
    ]
    return table("What the filters have left.", head, rows)
