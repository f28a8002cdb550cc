"""How the data of a run differ: which split or loader, and which file."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmrec.data import PARTS
from mmrec.errors import listing

_MOST = 5
"""The number of items of a loader that are named."""
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class DataDifference:
    """A part of the data that differs."""

    part: str
    """``users``, ``items``, a split, ``cold_items``, a loader, the key of a metric's file, or
    ``fold`` for a fold that only one side has."""
    detail: str
    fold: str = ""
    """The fold that it belongs to; empty without folds, and for vectors, which folds share."""

    def __str__(self) -> str:
        if self.part == "fold":
            return f"fold {self.fold}: {self.detail}"
        return f"{f'fold {self.fold}: ' if self.fold else ''}{self.part}: {self.detail}"


@dataclass(frozen=True)
class DataFacts:
    """The data of a run, or of now."""

    facts: Mapping[str, Any]
    """``data`` of a manifest, or the same of one fold."""
    items: Mapping[str, Any]
    """The digests of item vectors, by loader."""


def data_differences(one: DataFacts, other: DataFacts) -> list[DataDifference]:
    """Return the parts of the data that differ, splits first, with the files that differ."""
    folds = [{fold["name"]: fold for fold in side.facts.get("folds", ())} for side in (one, other)]
    if not any(folds):
        return _fold_differences(one, other)
    found: list[DataDifference] = []
    for name in dict.fromkeys([*folds[0], *folds[1]]):
        if name not in folds[0] or name not in folds[1]:
            detail = "absent -> present" if name in folds[1] else "present -> absent"
            found.append(DataDifference("fold", detail, name))
            continue
        sides = replace(one, facts=folds[0][name]), replace(other, facts=folds[1][name])
        for difference in _fold_differences(*sides):
            is_shared = difference.part in one.items or difference.part in other.items
            found.append(difference if is_shared else replace(difference, fold=name))
    return list(dict.fromkeys(found))


def _fold_differences(one: DataFacts, other: DataFacts) -> list[DataDifference]:
    fingerprints = one.facts["fingerprints"], other.facts["fingerprints"]
    parts = [
        part
        for part in dict.fromkeys([*PARTS, *fingerprints[0], *fingerprints[1]])
        if fingerprints[0].get(part) != fingerprints[1].get(part)
    ]
    found = [
        DataDifference(part, detail) for part in parts for detail in _details(part, one, other)
    ]
    return found or [DataDifference(part, "other values") for part in parts]


def _details(part: str, one: DataFacts, other: DataFacts) -> Iterator[str]:
    """Yield how a part differs; nothing for vectors that differ only because the items do."""
    if part in _SPLITS:
        yield _split_detail(part, one.facts, other.facts)
    elif part == "cold_items":
        yield from _cold_details(one, other)
    elif part in PARTS:
        yield f"{one.facts[part]:,} -> {other.facts[part]:,}, other ids"
    else:
        yield from _loader_details(part, one, other)


def _cold_details(one: DataFacts, other: DataFacts) -> Iterator[str]:
    """Yield how cold items differ: which vectors, else their number."""
    then, now = one.facts["fingerprints"], other.facts["fingerprints"]
    same = [loader for loader in one.items if then.get(loader) == now.get(loader)]
    changed = [detail for loader in same for detail in _loader_details(loader, one, other)]
    counts = [f"{side.facts.get('cold_items', 0):,}" for side in (one, other)]
    yield from changed or [f"{' -> '.join(counts)}, other ids or test rows"]


def short_path(path: str | Path) -> str:
    """Return a path relative to the working directory, if it is below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _split_detail(part: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    present = [part in side["splits"] for side in (one, other)]
    if not all(present):
        return " -> ".join("present" if has else "absent" for has in present)
    files = one["files"][part], other["files"][part]
    rows = [side["splits"][part]["rows_kept"] for side in (one, other)]
    counted = f"{rows[0]:,} rows -> {rows[1]:,} rows" if rows[0] != rows[1] else f"{rows[0]:,} rows"
    if files[0]["sha256"] == files[1]["sha256"]:
        return f"the file is the same, but other rows of it are kept ({counted})"
    return f"{short_path(files[1]['path'])} differs ({counted})"


def _loader_details(loader: str, one: DataFacts, other: DataFacts) -> Iterator[str]:
    shapes = [side.facts["features"].get(loader) for side in (one, other)]
    if shapes[0] is None or shapes[1] is None:
        yield " -> ".join("not read" if shape is None else "read" for shape in shapes)
        return
    if shapes[0][1] != shapes[1][1]:
        yield f"{shapes[0][1]} values per item -> {shapes[1][1]}"
    then, now = one.items[loader], other.items[loader]
    path = Path(now["path"])
    changed = [i for i, x in then["crc32"].items() if now["crc32"].get(i, x) != x]
    yield from _items(changed, "differs", "differ", path)
    gone = [item for item in now["missing"] if item in then["crc32"]]
    yield from _items(gone, "is missing now", "are missing now", path)
    new = [item for item in then["missing"] if item in now["crc32"]]
    yield from _items(new, "is new", "are new", path)


def _items(items: Sequence[str], verb: str, plural: str, path: Path) -> Iterator[str]:
    if len(items) == 1:
        yield f"item {items[0]} ({_file_of(items[0], path)}) {verb}"
    elif items:
        named = listing((f"{item} ({_file_of(item, path)})" for item in items), _MOST)
        yield f"{len(items)} items {plural}: {named}"


def _file_of(item: str, path: Path) -> str:
    """Return the file that contains, or contained, the vector of an item."""
    name = f"{item}.npy"
    inner = path / name
    try:
        if os.sep in name or path.is_file():
            return short_path(path)
        if not inner.exists():  # Ducho's folders are nested
            inner = next(path.glob(f"**/{glob.escape(name)}"), inner)
    except OSError:  # gone, or not to be entered
        return short_path(path)
    return short_path(inner)
