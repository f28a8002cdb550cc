"""Reading one split file: tab-separated user, item[, rating[, timestamp]], without a header."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from mmrec.errors import DataError

COLUMNS = ("user_id", "item_id", "rating", "timestamp")


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of one split as its file gives them, ids as text.

    ``frame`` has the columns ``user_id`` and ``item_id`` (categorical of str) and ``rating``
    (float64; 1 where the file has none). A pair stands once: of repeated rows the last counts.
    If they were asked for, also ``timestamp`` (categorical of str) where the file has it, and
    ``row``, the place in the file that :func:`line_of_row` finds.
    """

    path: Path
    frame: pd.DataFrame
    has_ratings: bool
    n_duplicates: int


def read_split(path: Path, *, timestamps: bool = False) -> Table:
    """Read a split file of two, three or four columns.

    Args:
        path: the file.
        timestamps: keep the fourth column, as text; otherwise it is read over.

    Raises:
        DataError: the file is missing, empty, not text, or a line does not have the form of the
            first one; the message names file and line and shows the line.
    """
    n_columns = _count_columns(path)
    names = list(COLUMNS[:n_columns])
    try:
        frame = pd.read_csv(
            path,
            sep="\t",
            header=None,
            names=names,
            index_col=False,
            dtype=str,  # straight to "category" would turn ids like 007 into numbers
            encoding="utf-8-sig",
            keep_default_na=False,
            quoting=3,  # csv.QUOTE_NONE: a quotation mark is part of an id
        )
        frame = frame.astype("category")
        ratings = _ratings(frame)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' ParserError is a ValueError
        bad_line = _first_bad_line(path, n_columns)
        raise bad_line or DataError(f"{path}: cannot be read: {error}") from error
    # pandas fills a line that is too short with empty fields.
    if _has_blank_field(frame):
        bad_line = _first_bad_line(path, n_columns, rated=ratings is not None)
        if bad_line is not None:
            raise bad_line

    kept = pd.DataFrame(
        {
            "user_id": frame["user_id"],
            "item_id": frame["item_id"],
            "rating": 1.0 if ratings is None else ratings,
        }
    )
    if timestamps and "timestamp" in frame:
        kept = kept.assign(timestamp=frame["timestamp"], row=np.arange(len(frame)))
    frame = kept
    repeated = frame.duplicated(["user_id", "item_id"], keep="last")
    return Table(
        path=path,
        frame=frame.loc[~repeated].reset_index(drop=True),
        has_ratings=ratings is not None,
        n_duplicates=int(repeated.sum()),
    )


def line_of_row(path: Path, row: int) -> int:
    """Return the number of the line, counted from 1, that holds a row, counted from 0."""
    with _open(path) as lines:
        filled = (number for number, line in enumerate(lines, 1) if _has_text(line))
        return next(itertools.islice(filled, row, None))


def _count_columns(path: Path) -> int:
    """Return the number of columns of the first line that is not blank."""
    try:
        with _open(path) as lines:
            first = next(((n, line) for n, line in enumerate(lines, 1) if _has_text(line)), None)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if first is None:
        raise DataError(f"{path}: the file is empty; expected lines of user<TAB>item[<TAB>rating]")
    number, line = first
    n_columns = line.count("\t") + 1
    if not 2 <= n_columns <= len(COLUMNS):
        raise DataError(
            f"{path}:{number}: expected 2 to 4 columns separated by tabs (user, item, rating, "
            f"timestamp), found {n_columns}: {_shown(line)}"
        )
    return n_columns


def _ratings(frame: pd.DataFrame) -> pd.Series[float] | None:
    """Return the ratings as float64, or None where the file has no rating at all."""
    if "rating" not in frame:
        return None
    texts = frame["rating"].cat.categories
    if len(texts) == 1 and texts[0].strip() == "":
        return None
    values = pd.Series([_rating(text) for text in texts], dtype=float)
    return frame["rating"].cat.codes.map(values)


def _rating(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _has_blank_field(frame: pd.DataFrame) -> bool:
    return any(not text.strip() for name in frame for text in frame[name].cat.categories)


def _first_bad_line(path: Path, n_columns: int, *, rated: bool = True) -> DataError | None:
    """Find a faulty line, slowly, so that the message can show it."""
    with _open(path) as lines:
        for number, line in enumerate(lines, 1):
            if _has_text(line) and (complaint := _complaint(line, n_columns, rated)):
                if number == 1 and complaint.startswith("the rating"):
                    complaint += "; if the file has a header, remove it"
                return DataError(f"{path}:{number}: {complaint}: {_shown(line)}")
    return None


def _open(path: Path) -> TextIO:
    """Open the file as text; bytes that are not UTF-8 become lone surrogates, to be found later."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape")


def _has_text(line: str) -> bool:
    """Say whether pandas sees a row here: it skips empty lines and lines of spaces."""
    return bool(line.strip(" \r\n"))


def _complaint(line: str, n_columns: int, rated: bool) -> str | None:
    if any("\ud800" <= character <= "\udfff" for character in line):
        return "the line is not UTF-8 text"
    fields = line.rstrip("\r\n").split("\t")
    if len(fields) != n_columns:
        return (
            f"expected {n_columns} tab-separated columns as in the first line, found {len(fields)}"
        )
    if not fields[0].strip() or not fields[1].strip():
        return "the user or the item is empty"
    if n_columns > 2 and rated:
        try:
            _rating(fields[2])
        except ValueError:
            return f"the rating {fields[2]!r} is not a finite number"
    return None


def _shown(line: str) -> str:
    line = line.rstrip("\r\n")
    return repr(line if len(line) <= 80 else line[:77] + "...")
