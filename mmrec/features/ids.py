"""Ids of the rows of a matrix: from its file, from a file next to it, or the row numbers."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.errors import DataError, listing
from mmrec.features.row_numbers import RowNumbers
from mmrec.features.source import Numbers, reading

logger = logging.getLogger(__name__)

ID_SUFFIXES = (".ids.txt", ".txt", ".tsv", ".json")
"""Suffixes of id files, after the stem of the matrix file."""

_LIKE_IDS = re.compile(
    r"[._-]?(((item|product|movie)s?[._-]?)?(ids?|keys|index|names|order|map(ping)?)|items|asins)"
    r"([._-].*)?"
)
"""What follows the stem of the matrix file in the names of files that seem to have its ids."""
_ANY_IDS = re.compile(r"(item[._-]?ids?|ids|asins)\.(txt|csv|tsv|json|npy|npz|pkl|pickle|pt)")
"""The names of files that may have the ids of any matrix in their folder."""


def number_rows(ids: Iterable[str], place: Path | str, unit: str = "row") -> dict[str, int]:
    """Return the row of every id, counted from 0.

    Args:
        ids: one for each row.
        place: start of messages.
        unit: ``row``, counted from 0, or ``line``, counted from 1.

    Raises:
        DataError: an id is empty or a duplicate.
    """
    first = 1 if unit == "line" else 0
    rows: dict[str, int] = {}
    for row, item_id in enumerate(ids):
        if not item_id:
            raise DataError(f"{place}: the id of {unit} {row + first} is empty")
        before = rows.setdefault(item_id, row)
        if before != row:
            raise DataError(
                f"{place}: duplicate id {item_id!r}: {unit}s {before + first} and {row + first}"
            )
    return rows


def rows_of_id_file(path: Path, n_rows: int) -> dict[str, int]:
    """Return the row of every id of a matrix whose file does not contain ids.

    The id file is next to it, with the same stem and one of :data:`ID_SUFFIXES`: text with one id
    per line, a JSON list, or a JSON mapping from id to row. Without an id file, ids are the row
    numbers, which is logged.

    Args:
        path: the file of the matrix.
        n_rows: the number of its rows N.

    Raises:
        DataError: there are several id files, or the id file does not match the matrix.
    """
    found = id_files(path)
    if len(found) > 1:
        raise DataError(
            f"{path}: expected one id file, found {listing(file.name for file in found)}; remove "
            "all but one"
        )
    if not found:
        _report_other_files(path)
        logger.info(
            "%s: without an id file (such as %s%s), ids are the row numbers 0 to %d",
            path,
            path.stem,
            ID_SUFFIXES[0],
            n_rows - 1,
        )
        return RowNumbers.of(n_rows)
    rows = _read_rows(found[0])
    if len(rows) != n_rows:
        raise DataError(f"{found[0]}: {len(rows)} ids for the {n_rows} rows of {path.name}")
    return rows


def id_files(path: Path) -> list[Path]:
    """Return the id files next to a matrix."""
    candidates = [path.with_name(path.stem + suffix) for suffix in ID_SUFFIXES]
    return [candidate for candidate in candidates if candidate.is_file()]


def _report_other_files(path: Path) -> None:
    """Refuse a file next to a matrix that seems to have its ids; warn of one that may have them.

    Raises:
        DataError: a file is called like the matrix, with ids, but cannot be an id file.
    """
    stem = path.stem.casefold()
    how = f"write {path.stem}{ID_SUFFIXES[0]} with the item id of each row in a line of its own"
    for name in _files_next_to(path):
        lowered = name.casefold()
        rest = lowered.removeprefix(stem) if lowered.startswith(stem) else ""
        rest = rest.removeprefix(path.suffix.casefold())
        if (
            _LIKE_IDS.fullmatch(rest)
            or rest in ID_SUFFIXES
            or (rest == ".csv" and _is_narrow(path.with_name(name)))
        ):
            raise DataError(
                f"{path}: {name} seems to have the ids of its rows, but is not read; {how}, or "
                f"rename {name} if it has other content"
            )
        if _ANY_IDS.fullmatch(lowered):
            logger.warning(
                "%s: ids are the row numbers; %s is not read; if it has the ids of the rows, %s",
                path,
                name,
                how,
            )


def _is_narrow(path: Path) -> bool:
    """Return whether the first line of a table has one or two columns, too few for vectors."""
    with reading(path, "text"), path.open("rb") as file:
        return file.readline(4096).count(b",") < 2


def _files_next_to(path: Path) -> list[str]:
    try:
        return sorted(file.name for file in path.parent.iterdir() if file.is_file())
    except OSError:  # a folder that cannot be listed
        return []


def ids_of_array(array: Numbers, place: Path | str) -> list[str]:
    """Return an array of text or whole numbers as ids.

    Raises:
        DataError: the array is not 1-D or has another type.
    """
    if array.ndim != 1 or array.dtype.kind not in "USiu":
        raise DataError(
            f"{place}: expected ids as a 1-D array of text or whole numbers, "
            f"found {array.dtype} of the shape {array.shape}"
        )
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return [str(item_id) for item_id in array.tolist()]


def ids_of_values(values: Iterable[Any], place: Path | str) -> list[str]:
    """Return strings and whole numbers as ids.

    Raises:
        DataError: a value has another type.
    """
    ids = []
    for row, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise DataError(
                f"{place}: expected text or a whole number as the id of row {row}, found {value!r}"
            )
        ids.append(str(value))
    return ids


def parse_json_ids(text: str | bytes, place: Path | str) -> dict[str, int]:
    """Return the row of every id of a JSON list, or of a JSON mapping from id to row.

    Raises:
        DataError: the text is not JSON or has another form; the message contains the line or row.
    """
    try:
        value = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: line {error.lineno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: cannot be read as ids: {error}") from error
    if isinstance(value, _Pairs):
        return _rows_of_mapping(value, place)
    if not isinstance(value, list):
        raise DataError(
            f"{place}: expected a list of ids or a mapping from id to row, found {value!r:.80}"
        )
    return number_rows(ids_of_values(value, place), place)


class _Pairs(tuple[tuple[str, Any], ...]):
    """The entries of a JSON object, including duplicate keys."""

    __slots__ = ()


def _rows_of_mapping(pairs: _Pairs, place: Path | str) -> dict[str, int]:
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    numbers = list(range(len(pairs)))
    if values != numbers and set(keys) == set(map(str, numbers)):
        raise DataError(
            f"{place}: ids and rows are the same numbers, so it can be a mapping from id to row or "
            "from row to id; write a list of the ids in the order of the rows"
        )
    ids: list[str | None] = [None] * len(pairs)
    for item_id, row in pairs:
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(pairs):
            raise DataError(
                f"{place}: the row of {item_id!r} is {row!r:.40}; "
                f"expected a whole number from 0 to {len(pairs) - 1}"
            )
        if ids[row] is not None:
            raise DataError(f"{place}: {ids[row]!r} and {item_id!r} have the same row {row}")
        ids[row] = item_id
    return number_rows([item_id or "" for item_id in ids], place)


def _read_rows(path: Path) -> dict[str, int]:
    with reading(path, "ids"):
        text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        return parse_json_ids(text, path)
    lines = text.rstrip("\n").split("\n")
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            raise DataError(f"{path}:{number}: expected one id per line, found {line!r:.80}")
    return number_rows(lines, path, "line")
