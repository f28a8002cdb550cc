"""Item vectors in text files: ``.csv`` and ``.tsv``, and RecBole's atomic files.

Files may be gzipped. Python's parser reads the numbers: a float32 written with nine digits is
restored exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmrec.data import FloatArray
from mmrec.data.reading.text import Records, read_records
from mmrec.errors import DataError, listing
from mmrec.features.columns import (
    NAME_IDS,
    VectorColumns,
    is_id_name,
    is_index_name,
    vector_columns,
    warn_of_other_columns,
)
from mmrec.features.row_numbers import RowNumbers, refuse_other_ids
from mmrec.features.source import MatrixSource, Source, as_float32, reading
from mmrec.features.unpacking import unpack

_Rows = Iterator[tuple[int, str, Sequence[str]]]
"""Line, id and numbers, as text."""

_RECBOLE_HEADER = re.compile(r"[^\t:]+:(token|float)(_seq)?(\t[^\t:]+:(token|float)(_seq)?)+\r?\n")


def open_csv(path: Path, id_column: str | None = None) -> Source:
    """Read comma-separated lines of an id and its numbers.

    With a header, :func:`~mmrec.features.columns.vector_columns` finds the ids; without one, they
    are in the first column.

    Raises:
        DataError: the header or a line is malformed; the message contains it.
    """
    return _read(path, _Delimited(path, ",", id_column))


def open_tsv(path: Path, id_column: str | None = None) -> Source:
    """Read tab-separated lines of an id and its numbers; see :func:`open_csv`.

    Raises:
        DataError: the header or a line is malformed; the message contains it.
    """
    return _read(path, _Delimited(path, "\t", id_column))


def open_recbole(path: Path, id_column: str | None = None) -> Source:
    """Read an atomic file such as ``iid:token<TAB>item_emb:float_seq``, numbers with spaces.

    The vectors are in the only ``float_seq`` column. The ids are in the ``token`` column with the
    name of an item, or in the only one.

    Raises:
        DataError: the header or a line is malformed; the message contains it.
    """
    return _read(path, _atomic(path, _records(path, "\t"), id_column))


def is_recbole(path: Path) -> bool:
    """Return whether a file starts with the header of an atomic file."""
    with reading(path, "text"), path.open("rb") as file:
        start = file.readline(4096)
    return bool(_RECBOLE_HEADER.fullmatch(start.decode("utf-8", "replace").removeprefix("\ufeff")))


def _records(path: Path, separator: str) -> Records:
    return read_records(path, separator, errors="surrogateescape")


class _Delimited:
    """The rows of a table whose header, if it has one, says where the ids are."""

    def __init__(self, path: Path, separator: str, id_column: str | None) -> None:
        self._path = path
        self._separator = separator
        self._id_column = id_column
        self.columns = VectorColumns(0, (), by_place=True)
        self.names: Sequence[str] = ()
        """Of the columns of numbers."""

    def __iter__(self) -> _Rows:
        records = _records(self._path, self._separator)
        first = next(records, None)
        if first is None:
            return
        line, names = first
        if not _is_header(names):
            if self._id_column is not None:
                raise DataError(
                    f"{self._path}:{line}: expected a header with the column {self._id_column!r}, "
                    f"found {listing(map(repr, names), 5)}"
                )
            yield line, names[0], names[1:]
            yield from ((line, fields[0], fields[1:]) for line, fields in records)
            return
        place = f"{self._path}:{line}"
        columns = self.columns = vector_columns(place, names, self._id_column)
        self.names = [names[column] for column in columns.numbers]
        warn_of_other_columns(place, self.names)
        for line, fields in records:
            if columns.numbers == tuple(range(1, len(names))):
                if len(fields) > len(names):  # the header of R lacks the first column
                    self.columns = replace(columns, is_index=True)
                    self.names = names
                yield line, fields[0], fields[1:]
            elif len(fields) == len(names):
                yield line, fields[columns.id], [fields[column] for column in columns.numbers]
            else:
                raise _miscounted(self._path, line, len(names), len(fields))


def _is_header(fields: Sequence[str]) -> bool:
    first, others = fields[0], fields[1:]
    if first == "" or is_id_name(first) or any(map(is_id_name, others)):
        return True
    if is_index_name(first) and list(others) == [str(n) for n in range(len(others))]:
        return True
    return not any(map(_is_number, others))


def _miscounted(path: Path, line: int, n_columns: int, n_fields: int) -> DataError:
    return DataError(
        f"{path}:{line}: expected {n_columns} columns as in the header, found {n_fields}"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python ignores it


def _atomic(path: Path, records: Records, wanted: str | None) -> _Rows:
    _, header = next(records, (1, []))
    names, kinds = [], []
    for field in header:
        name, _, kind = field.rpartition(":")
        names.append(name)
        kinds.append(kind)
    if "token" not in kinds or kinds.count("float_seq") != 1:
        raise DataError(
            f"{path}:1: expected a header with a column 'NAME:token' and one column "
            f"'NAME:float_seq', found {listing(header)!r:.80}"
        )
    tokens = [column for column, kind in enumerate(kinds) if kind == "token"]
    id_column = tokens[0]
    if wanted is not None:
        places = [column for column in tokens if names[column] == wanted]
        if not places:
            raise DataError(f"{path}:1: expected a column '{wanted}:token', found {header!r:.80}")
        id_column = places[0]
    elif len(tokens) > 1:
        known = [column for column in tokens if is_id_name(names[column])]
        if len(known) != 1:
            found = listing(repr(names[column]) for column in known or tokens)
            raise DataError(f"{path}:1: several columns can be the id: {found}; {NAME_IDS}")
        id_column = known[0]
    vector_column = kinds.index("float_seq")
    for line, fields in records:
        if len(fields) != len(header):
            raise _miscounted(path, line, len(header), len(fields))
        yield line, fields[id_column], fields[vector_column].split()


def _read(path: Path, rows: Iterable[tuple[int, str, Sequence[str]]]) -> Source:
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
    matrix = numbers.reshape(-1, width)
    if not isinstance(rows, _Delimited):
        return MatrixSource(path, numbered, matrix)
    if rows.columns.by_place:
        refuse_other_ids(path, lines, matrix, rows.columns, rows.names)
    if rows.columns.is_index:
        numbered = RowNumbers.if_equal(numbered)
    return MatrixSource(path, numbered, matrix, names=rows.names)


def _vector(place: str, item_id: str, numbers: Sequence[str]) -> FloatArray:
    if not item_id:
        raise DataError(f"{place}: the id is empty")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in item_id):
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
