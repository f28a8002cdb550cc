"""Text as item vectors: ``.csv`` and ``.tsv``, plain or gzipped, and RecBole's atomic files.

The numbers of a line are read with Python's own parser, so a float32 that was written with nine
digits comes back the same.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from mmrec.data import FloatArray
from mmrec.errors import DataError, listing
from mmrec.features.scratch import Scratch
from mmrec.features.source import MatrixSource, Source, as_float32, reading

_Records = Iterator[tuple[int, list[str]]]
"""The number of a line, and its fields."""
_Rows = Iterator[tuple[int, str, Sequence[str]]]
"""The number of a line, its id, and its numbers as they are written."""

_RECBOLE_HEADER = re.compile(r"[^\t:]+:(token|float)(_seq)?(\t[^\t:]+:(token|float)(_seq)?)+\r?\n")
_ID_COLUMNS = ("", "id", "item", "item_id")


def open_csv(path: Path) -> Source:
    """Read lines of an id and its numbers, separated by commas; a header line is read over.

    Raises:
        DataError: a line is malformed; the message names and shows it.
    """
    return _read(path, lambda file: _delimited(_unquoted(file)))


def open_tsv(path: Path) -> Source:
    """Read lines of an id and its numbers, separated by tabs; a header line is read over.

    Raises:
        DataError: a line is malformed; the message names and shows it.
    """
    return _read(path, lambda file: _delimited(_split(file)))


def open_recbole(path: Path) -> Source:
    """Read an atomic file such as ``iid:token<TAB>item_emb:float_seq``, numbers between spaces.

    The ids are the first ``token`` column, the vectors the one ``float_seq`` column.

    Raises:
        DataError: the header or a line is malformed; the message names and shows it.
    """
    return _read(path, lambda file: _atomic(path, _split(file)))


def is_recbole(path: Path) -> bool:
    """Say whether a file begins with the header of an atomic file."""
    with reading(path, "text"), path.open("rb") as file:
        start = file.readline(4096)
    return bool(_RECBOLE_HEADER.fullmatch(start.decode("utf-8", "replace").removeprefix("\ufeff")))


def _split(file: TextIO) -> _Records:
    return ((line, text.rstrip("\n").split("\t")) for line, text in enumerate(file, 1))


def _unquoted(file: TextIO) -> _Records:
    records = csv.reader(file, strict=True)
    return ((records.line_num, fields) for fields in records)


def _delimited(records: _Records) -> _Rows:
    for line, fields in records:
        is_blank = fields in ([], [""])
        if not is_blank and not (line == 1 and _is_header(fields)):
            yield line, fields[0], fields[1:]


def _is_header(fields: Sequence[str]) -> bool:
    named = fields[0].casefold() in _ID_COLUMNS
    return named or not any(map(_is_number, fields[1:]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # which Python reads over


def _atomic(path: Path, records: _Records) -> _Rows:
    _, header = next(records, (1, []))
    kinds = [name.rpartition(":")[2] for name in header]
    if "token" not in kinds or kinds.count("float_seq") != 1:
        raise DataError(
            f"{path}:1: expected a header with a column 'NAME:token' and one column "
            f"'NAME:float_seq', found {listing(header)!r:.80}"
        )
    id_column, vector_column = kinds.index("token"), kinds.index("float_seq")
    for line, fields in records:
        if fields == [""]:
            continue
        if len(fields) != len(header):
            raise DataError(
                f"{path}:{line}: expected {len(header)} columns as in the header, "
                f"found {len(fields)}"
            )
        yield line, fields[id_column], fields[vector_column].split()


def _read(path: Path, parse: Callable[[TextIO], _Rows]) -> Source:
    lines: dict[str, int] = {}
    width = 0
    with Scratch(path) as scratch, reading(path, "text"), _open(path) as file:
        for line, item_id, numbers in _guarded(path, parse(file)):
            vector = _vector(f"{path}:{line}", item_id, numbers)
            width = width or len(vector)
            if len(vector) != width:
                raise DataError(
                    f"{path}:{line}: expected {width} numbers as in line "
                    f"{next(iter(lines.values()))}, found {len(vector)}"
                )
            if lines.setdefault(item_id, line) != line:
                raise DataError(
                    f"{path}:{line}: the id {item_id!r} stands twice, first in line "
                    f"{lines[item_id]}"
                )
            scratch.write(as_float32(vector).data)
        if not lines:
            raise DataError(f"{path}: expected lines of an id and its numbers, found none")
        rows = {item_id: row for row, item_id in enumerate(lines)}
        return MatrixSource(path, rows, scratch.matrix(np.float32, width))


def _guarded(path: Path, rows: _Rows) -> _Rows:
    """Pass the rows on; say after which line a file broke off."""
    line = 0
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except DataError:
            raise
        except Exception as error:  # gzip, csv and decoding have many kinds of errors
            raise DataError(f"{path}: cannot be read after line {line}: {error}") from error
        line = row[0]
        yield row


def _open(path: Path) -> TextIO:
    """Open as text; bytes that are not UTF-8 become lone surrogates, which are refused later."""
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape")


def _vector(place: str, item_id: str, numbers: Sequence[str]) -> FloatArray:
    if not item_id:
        raise DataError(f"{place}: the id is empty")
    if any("\ud800" <= character <= "\udfff" for character in item_id):
        raise DataError(f"{place}: the line is not UTF-8 text")
    if not numbers:
        raise DataError(f"{place}: expected an id and its numbers, found {item_id!r:.80} alone")
    try:
        if "_" in "".join(numbers):
            raise ValueError
        return np.fromiter(map(float, numbers), np.float64, len(numbers))
    except ValueError:
        wrong = next(number for number in numbers if not _is_number(number))
        raise DataError(
            f"{place}: expected numbers after the id {item_id!r:.40}, found {wrong!r:.40}"
        ) from None
