"""The data of the experiment: sizes, splits, folds and filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import ReportTable, make_table, share
from mmrec.text import ends, span

_SPLITS = ("train", "validation", "test")
_REASONS = {
    "duplicates": "dropped: duplicate",
    "without_features": "dropped: item without features",
    "unknown_users": "dropped: user not in training",
    "cold_items": "kept, but item not in training",
    "trained_pairs": "kept, but pair in training",
}
_DROPPED = {"items_dropped": "item", "users_dropped": "user"}


@section("data", order=100)
def data_section(data: ReportData) -> Iterator[Section]:
    """Make the facts and tables of the data."""
    facts: Mapping[str, Any] = data.manifest["data"]
    tables = {
        "prefiltering": prefiltering_table(facts),
        "folds": fold_table(facts),
        "splits": split_table(facts),
    }
    filled = {name: table for name, table in tables.items() if table.rows}
    yield Section("Data", "data", facts=size_facts(facts), tables=filled)


def size_facts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the size of the data and what was dropped; of several folds, the range."""
    folds = data.get("folds") or [data]
    facts = {"Folds": f"{len(folds):,}"} if len(folds) > 1 else {}
    for key in ("users", "items"):
        facts[key.capitalize()] = span(f"{n:,}" for n in ends([fold[key] for fold in folds]))
    densities = [x for fold in folds if (x := density(fold)) is not None]
    if densities:
        text = span(f"{x:.3%}" for x in ends(densities))
        facts["Density"] = f"{text} of all pairs are in the training split"
    for loader, shape in data["features"].items():
        facts[loader] = f"{shape[-1]:,} values for each item"
    dropped = {key: ends([fold[key] for fold in folds]) for key in _DROPPED}
    if any(map(any, dropped.values())):
        items, users = (_counted(dropped[key], noun) for key, noun in _DROPPED.items())
        facts["Dropped"] = f"{items} without a feature vector, and {users} without any other item"
    else:
        facts["Dropped"] = "no item and no user for a missing feature vector"
    return facts


def density(fold: Mapping[str, Any]) -> float | None:
    """Return the share of all pairs that are in the training split; None if it is not known."""
    rows = fold["splits"].get("train", {}).get("rows_kept")
    n_pairs = fold["users"] * fold["items"]
    return rows / n_pairs if rows and n_pairs else None


def _counted(least_and_most: tuple[int, int], noun: str) -> str:
    text = span(f"{n:,}" for n in least_and_most)
    return f"{text} {noun}{'' if least_and_most == (1, 1) else 's'}"


def fold_table(data: Mapping[str, Any]) -> ReportTable:
    """Return the size of each fold; no rows without folds."""
    splits = [name for name in _SPLITS if name in data["splits"]]
    rows: list[list[object]] = []
    for fold in data.get("folds", ()):
        kept = [fold["splits"][name]["rows_kept"] for name in splits]
        row = [fold["name"], fold["users"], fold["items"], *kept]
        rows.append([*row, share(density(fold), decimals=3)])
    return make_table("Size of each fold.", ["fold", "users", "items", *splits, "density"], rows)


def split_table(data: Mapping[str, Any]) -> ReportTable:
    """Return the rows of each split of each fold; a column for each reason to drop some."""
    has_folds = bool(data.get("folds"))
    named = {fold["name"]: fold["splits"] for fold in data.get("folds", ())} or {"": data["splits"]}
    counts = [
        (fold, name, of_fold[name])
        for fold, of_fold in named.items()
        for name in dict.fromkeys([*_SPLITS, *of_fold])
        if name in of_fold
    ]
    reasons = [key for key in _REASONS if any(split.get(key) for _, _, split in counts)]
    rows: list[list[object]] = []
    for fold, name, split in counts:
        numbers = [split["rows_read"], *(split.get(key, 0) for key in reasons), split["rows_kept"]]
        rows.append([f"{fold}, {name}" if has_folds else name, *numbers])
    first = "fold and split" if has_folds else "split"
    head = [first, "rows read", *(_REASONS[key] for key in reasons), "rows kept"]
    caption = f"Interactions of each split{' of each fold' if has_folds else ''}."
    return make_table(caption, head, rows, is_folded=has_folds)


def prefiltering_table(data: Mapping[str, Any]) -> ReportTable:
    """Return the size before and after each filter; no rows without filters."""
    kinds = ("rows", "users", "items")
    rows = [
        [step["name"], *(n for kind in kinds for n in step[kind][:2])]
        for step in data.get("prefiltering", ())
    ]
    head = ["filter", *(f"{kind} {when}" for kind in kinds for when in ("before", "after"))]
    return make_table("Size before and after each filter.", head, rows)
