"""What has become of the data of a run: which split, which loader, and which file."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrec.data import PARTS
from mmrec.errors import listing

_MOST = 5
"""Items of a loader that are told by name."""
_SPLITS = ("train", "validation", "test")


def data_differences(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    items: Mapping[str, Any],
    other_items: Mapping[str, Any],
) -> list[str]:
    """Name the parts of the data that differ, splits first, and the files that made them so.

    Of several folds each is told by its name; vectors, which they share, are told once.

    Args:
        one: ``data`` of a manifest.
        other: the same of another run, or of now.
        items: by loader, the digests of item vectors that belong to ``one``.
        other_items: those of ``other``.
    """
    folds = [{fold["name"]: fold for fold in side.get("folds", ())} for side in (one, other)]
    if not any(folds):
        return _fold_differences(one, other, items, other_items)
    lines = []
    for name in dict.fromkeys([*folds[0], *folds[1]]):
        if name not in folds[0] or name not in folds[1]:
            lines.append(f"fold {name}: " + ("absent -> there" if name in folds[1] else "gone"))
            continue
        told = _fold_differences(folds[0][name], folds[1][name], items, other_items)
        lines += [line if _is_of_loader(line, items) else f"fold {name}: {line}" for line in told]
    return list(dict.fromkeys(lines))


def _is_of_loader(line: str, items: Mapping[str, Any]) -> bool:
    return line.partition(":")[0] in items


def _fold_differences(
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    items: Mapping[str, Any],
    other_items: Mapping[str, Any],
) -> list[str]:
    fingerprints = one["fingerprints"], other["fingerprints"]
    differing = [
        part
        for part in dict.fromkeys([*PARTS, *fingerprints[0], *fingerprints[1]])
        if fingerprints[0].get(part) != fingerprints[1].get(part)
    ]
    lines = []
    for part in differing:
        if part in _SPLITS:
            lines.append(_split(part, one, other))
        elif part in PARTS:
            lines.append(f"{part}: {one[part]:,} -> {other[part]:,}, other ids")
        else:
            lines.extend(_loader(part, one, other, items, other_items))
    if differing and not lines:
        lines.append(f"{listing(differing)}: other values")
    return lines


def shown_path(path: str | Path) -> str:
    """Write a path as short as it can be: from the working directory if it lies below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _split(part: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    there = [part in side["splits"] for side in (one, other)]
    if not all(there):
        return f"{part}: " + " -> ".join("there" if has else "absent" for has in there)
    files = one["files"][part], other["files"][part]
    rows = [side["splits"][part]["rows_kept"] for side in (one, other)]
    counted = f"{rows[0]:,} rows -> {rows[1]:,} rows" if rows[0] != rows[1] else f"{rows[0]:,} rows"
    if files[0]["sha256"] == files[1]["sha256"]:
        return f"{part}: the same file, but other rows are left of it ({counted})"
    return f"{part}: {shown_path(files[1]['path'])} differs ({counted})"


def _loader(
    loader: str,
    one: Mapping[str, Any],
    other: Mapping[str, Any],
    items: Mapping[str, Any],
    other_items: Mapping[str, Any],
) -> Iterator[str]:
    shapes = one["features"].get(loader), other["features"].get(loader)
    if shapes[0] is None or shapes[1] is None:
        yield f"{loader}: {'not read' if shapes[0] is None else 'read'} -> " + (
            "not read" if shapes[1] is None else "read"
        )
        return
    if shapes[0][1] != shapes[1][1]:
        yield f"{loader}: {shapes[0][1]} values for each item -> {shapes[1][1]}"
    digests, other_digests = items[loader]["crc32"], other_items[loader]["crc32"]
    path = Path(other_items[loader]["path"])
    changed = [i for i, x in digests.items() if i in other_digests and other_digests[i] != x]
    yield from _items(loader, changed, "differs", "differ", path)
    gone = [item for item in other_items[loader]["lacking"] if item in digests]
    yield from _items(loader, gone, "is gone", "are gone", path)
    new = [item for item in items[loader]["lacking"] if item in other_digests]
    yield from _items(loader, new, "is new", "are new", path)


def _items(loader: str, items: Sequence[str], verb: str, plural: str, path: Path) -> Iterator[str]:
    if len(items) == 1:
        yield f"{loader}: item {items[0]} ({_file_of(items[0], path)}) {verb}"
    elif items:
        told = listing((f"{item} ({_file_of(item, path)})" for item in items), _MOST)
        yield f"{loader}: {len(items)} items {plural}: {told}"


def _file_of(item: str, path: Path) -> str:
    """Return the file that holds, or held, the vector of an item."""
    name = f"{item}.npy"
    if os.sep in name or path.is_file():
        return shown_path(path)
    inner = path / name
    if not inner.exists():  # Ducho's folders lie deeper
        inner = next(path.glob(f"**/{glob.escape(name)}"), inner)
    return shown_path(inner)
