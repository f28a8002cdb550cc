"""Item vectors in text files: ``.csv`` and ``.tsv``, and RecBole's atomic files.

Files may be gzipped. Python's parser reads the numbers: a float32 written with nine digits is
restored exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmrec.data import FloatArray
from mmrec.data.reading.text import Records, read_records
from mmrec.errors import DataError, listing
from mmrec.features.source import MatrixSource, Source, as_float32, reading
from mmrec.features.unpacking import unpack

_Rows = Iterator[tuple[int, str, Sequence[str]]]
"""Line, id and numbers, as text."""

_RECBOLE_HEADER = re.compile(r"[^\t:]+:(token|float)(_seq)?(\t[^\t:]+:(token|float)(_seq)?)+\r?\n")
_ID_COLUMNS = ("", "id", "item", "item_id")


def open_csv(path: Path) -> Source:
    """Read comma-separated lines of an id and its numbers; a header line is skipped.

    Raises:
        DataError: a line is malformed; the message contains it.
    """
    return _read(path, _delimited(read_records(path, ",", errors="surrogateescape")))


def open_tsv(path: Path) -> Source:
    """Read tab-separated lines of an id and its numbers; a header line is skipped.

    Raises:
        DataError: a line is malformed; the message contains it.
    """
    return _read(path, _delimited(read_records(path, "\t", errors="surrogateescape")))


def open_recbole(path: Path) -> Source:
    """Read an atomic file such as ``iid:token<TAB>item_emb:float_seq``, numbers with spaces.

    The ids are the first ``token`` column, the vectors the only ``float_seq`` column.

    Raises:
        DataError: the header or a line is malformed; the message contains it.
    """
    return _read(path, _atomic(path, read_records(path, "\t", errors="surrogateescape")))


def is_recbole(path: Path) -> bool:
    """Return whether a file starts with the header of an atomic file."""
    with reading(path, "text"), path.open("rb") as file:
        start = file.readline(4096)
    return bool(_RECBOLE_HEADER.fullmatch(start.decode("utf-8", "replace").removeprefix("\ufeff")))


def _delimited(records: Records) -> _Rows:
    for line, fields in records:
        if not (line == 1 and _is_header(fields)):
            yield line, fields[0], fields[1:]


def _is_header(fields: Sequence[str]) -> bool:
    named = fields[0].casefold() in _ID_COLUMNS
    return named or not any(map(_is_number, fields[1:]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python ignores it


def _atomic(path: Path, records: Records) -> _Rows:
    _, header = next(records, (1, []))
    kinds = [name.rpartition(":")[2] for name in header]
    if "token" not in kinds or kinds.count("float_seq") != 1:
        raise DataError(
            f"{path}:1: expected a header with a column 'NAME:token' and one column "
            f"'NAME:float_seq', found {listing(header)!r:.80}"
        )
    id_column, vector_column = kinds.index("token"), kinds.index("float_seq")
    for line, fields in records:
        if len(fields) != len(header):
            raise DataError(
                f"{path}:{line}: expected {len(header)} columns as in the header, "
                f"found {len(fields)}"
            )
        yield line, fields[id_column], fields[vector_column].split()


def _read(path: Path, rows: _Rows) -> Source:
    lines: dict[str, int] = {}
    width = 0

    def vectors() -> Iterator[bytes]:
        nonlocal width
        for line, item_id, numbers in rows:
            vector = _vector(f"{path}:{line}", item_id, numbers)
            width = width or len(vector)
            if len(vector) != width:
                raise DataError(
                    f"{path}:{line}: expected {width} numbers as in line "
                    f"{next(iter(lines.values()))}, found {len(vector)}"
                )
            if lines.setdefault(item_id, line) != line:
                raise DataError(
                    f"{path}:{line}: the id {item_id!r} is a duplicate of line {lines[item_id]}"
                )
            yield as_float32(vector).tobytes()

    numbers = unpack(path, vectors(), np.float32)
    if not lines:
        raise DataError(f"{path}: expected lines of an id and its numbers, found none")
    numbered = {item_id: row for row, item_id in enumerate(lines)}
    return MatrixSource(path, numbered, numbers.reshape(-1, width))


def _vector(place: str, item_id: str, numbers: Sequence[str]) -> FloatArray:
    if not item_id:
        raise DataError(f"{place}: the id is empty")
    if any("\ud800" <= character <= "\udfff" for character in item_id):
        raise DataError(f"{place}: the line is not UTF-8 text")
    if not numbers:
        raise DataError(f"{place}: expected an id and its numbers, found only {item_id!r:.80}")
    try:
        if "_" in "".join(numbers):
            raise ValueError
        return np.fromiter(map(float, numbers), np.float64, len(numbers))
    except ValueError:
        wrong = next(number for number in numbers if not _is_number(number))
        raise DataError(
            f"{place}: expected numbers after the id {item_id!r:.40}, found {wrong!r:.40}"
        ) from None
