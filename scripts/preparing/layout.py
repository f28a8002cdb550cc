"""Checking an unpacked data set against its expected properties."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mmrec.data import read_split
from mmrec.data.vocabulary import sort_ids
from mmrec.errors import DataError, listing
from mmrec.features.formats import open_source
from mmrec.features.source import block_rows, rows_not_finite
from mmrec.files import sha256_of_file


@dataclass(frozen=True)
class Expected:
    """Expected properties of a data set."""

    splits: Mapping[str, str]
    """SHA-256 of every split file, by name."""
    rows: Mapping[str, int]
    """Number of rows of every split file."""
    n_users: int
    """Number of users in all splits."""
    n_items: int
    """Number of items in all splits."""
    widths: Mapping[str, int]
    """Length of the vectors of every folder, by name."""


OFFICE = Expected(
    splits=MappingProxyType(
        {
            "train.txt": "81bd0f47d36315a18bd99a3f340ee1395da533ca594857f8ac9e4f59d74eba1f",
            "val.txt": "0915733bdc0ad8197a2887ea1edfe95687802fa8aed86fcb00b266650e6f1d37",
            "test.txt": "02dd86420cc4ea5abb5789cf3311bfac64cfd160d7ed1c863d09119ae7bbab0d",
        }
    ),
    rows=MappingProxyType({"train.txt": 31_118, "val.txt": 9_720, "test.txt": 12_420}),
    n_users=4_905,
    n_items=2_420,
    widths=MappingProxyType({"image_feat": 4096, "text_feat": 1024}),
)
"""Amazon Office as split for the tutorial "Hands-on #2: Reproducibility" (LoG 2023)."""


@dataclass(frozen=True)
class Found:
    """Properties of a data set, and differences from the expected ones."""

    n_users: int
    n_items: int
    n_vectors: Mapping[str, int]
    differences: tuple[str, ...]


def inspect(folder: Path, expected: Expected) -> Found:
    """Compare a folder with its expected properties.

    Raises:
        DataError: a split cannot be read, or a folder contains no vectors.
    """
    differences: list[str] = []
    users: set[str] = set()
    items: set[str] = set()
    for name, digest in expected.splits.items():
        table = read_split(folder / name)
        users.update(table.frame["user_id"].cat.categories)
        items.update(table.frame["item_id"].cat.categories)
        if len(table.frame) != expected.rows[name]:
            differences.append(f"{name}: {len(table.frame)} rows, expected {expected.rows[name]}")
        found = sha256_of_file(folder / name)
        if found != digest:
            differences.append(f"{name}: its SHA-256 is {found}, expected {digest}")
    for what, count, wanted in (
        ("users", len(users), expected.n_users),
        ("items", len(items), expected.n_items),
    ):
        if count != wanted:
            differences.append(f"the splits have {count} {what}, expected {wanted}")
    n_vectors = {}
    for name, width in expected.widths.items():
        n_vectors[name], found_differences = _inspect_vectors(folder / name, items, width)
        differences.extend(found_differences)
    return Found(len(users), len(items), n_vectors, tuple(differences))


def _inspect_vectors(folder: Path, items: set[str], width: int) -> tuple[int, list[str]]:
    source = open_source(folder, "folder")
    differences = []
    without = sort_ids(items - source.ids)
    if without:
        differences.append(f"{folder.name}: no vector for the items {listing(without)}")
    ids = sort_ids(source.ids)
    try:
        for start in range(0, len(ids), step := block_rows(width)):
            block = source.read(ids[start : start + step])
            if block.shape[1] != width:
                differences.append(
                    f"{folder.name}: vectors of {block.shape[1]} numbers, expected {width}"
                )
                break
            bad = [ids[start + row] for row in rows_not_finite(block)]
            if bad:
                differences.append(f"{folder.name}: NaN or infinity in {listing(bad)}")
    except DataError as error:
        differences.append(_without_folder(str(error), folder))
    return len(ids), differences


def _without_folder(message: str, folder: Path) -> str:
    """Replace the path of a temporary folder by its final name."""
    return message.replace(str(folder), folder.name)


def lines(found: Found) -> Iterator[str]:
    """Return the properties as lines."""
    yield f"{found.n_users} users, {found.n_items} items"
    for name, count in found.n_vectors.items():
        yield f"{name}: {count} vectors"
