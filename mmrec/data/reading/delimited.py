"""Reading a table of interactions: rows of tab- or comma-separated columns."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from mmrec.data.reading.columns import (
    IDS,
    LABEL,
    NAME_COLUMNS,
    Layout,
    is_rating_name,
    named_columns,
    names_columns,
    ordered_columns,
)
from mmrec.data.reading.form import DEFAULT, TableForm
from mmrec.data.reading.header_rows import find_header_row, header_row_error
from mmrec.data.reading.text import QUOTING, check_text, kind_of, open_text, records, shown
from mmrec.errors import DataError

logger = logging.getLogger(__name__)

_LAST = "last"
_UNIT = "\x1f"
_MOST_RATINGS = 21
"""The largest number of different ratings, such as 0, 0.5, ..., 10."""


@dataclass(frozen=True, eq=False)
class RawRows:
    """All rows of a table, including duplicates.

    ``frame`` has the columns ``user_id``, ``item_id`` (categorical of str), ``rating`` (float64)
    and, if the table has it, ``label`` (categorical of str). With timestamps, it also has
    ``timestamp`` (categorical of str) if the table has it, and ``row``, counted from 0.
    """

    frame: pd.DataFrame
    has_ratings: bool


def read_delimited(
    path: Path, *, header: bool | None, timestamps: bool = False, form: TableForm = DEFAULT
) -> RawRows:
    """Read a table; see :func:`mmrec.data.reading.read_split`.

    Raises:
        DataError: the file is missing, empty, not text, or a line is malformed; the message
            contains the file and the line.
    """
    check_text(path, form.encoding)
    layout = _layout(path, header=header, form=form)
    try:
        fields = _parse(path, layout, form)
        ratings = _ratings(fields)
    except ValueError as error:  # pandas' ParserError is one, too
        bad_line = _first_bad_line(path, layout, form)
        raise bad_line or DataError(f"{path}: cannot be read: {error}") from error
    # pandas completes lines that are too short with empty fields.
    if _has_blank(fields):
        bad_line = _first_bad_line(path, layout, form, rated=ratings is not None)
        if bad_line is not None:
            raise bad_line
    if any(not text.strip() for role in IDS for text in fields[role].cat.categories):
        raise DataError(f"{path}: a user or an item is empty")
    header_row = find_header_row(fields, layout)
    if header_row is not None:
        line = line_of_row(path, header_row, header=header, form=form)
        raise header_row_error(path, line, layout)
    columns = {
        "user_id": fields["user_id"],
        "item_id": fields["item_id"],
        "rating": 1.0 if ratings is None else ratings,
    }
    if timestamps and "timestamp" in fields:
        columns["timestamp"] = fields["timestamp"].astype("category")
        columns["row"] = pd.Series(np.arange(len(fields)))
    if LABEL in fields:
        columns[LABEL] = _labels(path, fields[LABEL], layout, form)
    return RawRows(pd.DataFrame(columns), has_ratings=ratings is not None)


def line_of_row(
    path: Path, row: int, *, header: bool | None = False, form: TableForm = DEFAULT
) -> int:
    """Return the line, counted from 1, that a row, counted from 0, starts in."""
    if kind_of(path) == ".json":  # not organised in lines
        return 1
    layout = _layout(path, header=header, form=form)
    with open_text(path, encoding=form.encoding) as file:
        rows = records(file, layout.separator)
        line, _ = next(islice(rows, row + layout.has_header, None))
    return line


def _layout(path: Path, *, header: bool | None, form: TableForm) -> Layout:
    separator = form.separator or ("," if kind_of(path) == ".csv" else "\t")
    with open_text(path, encoding=form.encoding) as file:
        rows = records(file, separator)
        first = second = None
        try:
            first = next(rows, None)
            second = next(rows, None)
        except csv.Error as error:
            after = 0 if first is None else first[0]
            raise DataError(f"{path}: cannot be read after line {after}: {error}") from error
    if first is None:
        mark = "<TAB>" if separator == "\t" else separator
        raise DataError(
            f"{path}: the file is empty; expected lines of user{mark}item[{mark}rating]"
        )
    line, fields = first
    is_named = bool(form.columns) or (names_columns(fields) if header is None else header)
    if not is_named and kind_of(path) != ".inter":
        layout = ordered_columns(path, line, fields, separator)
        return replace(layout, for_header=NAME_COLUMNS) if header is None else layout
    layout = named_columns(path, line, fields, separator, form.columns)
    if second is None:
        raise DataError(f"{path}: the file has a header but no rows")
    if len(second[1]) != layout.n_columns:
        # pandas counts the columns of the first row, not of the header.
        raise _malformed(path, second[0], second[1], _miscounted(second[1], layout), layout)
    return layout


def _parse(path: Path, layout: Layout, form: TableForm) -> pd.DataFrame:
    """Return the read columns, and the last column, which is empty in lines that are too short.

    Values are text, categorical except for timestamps.
    """
    with open_text(path, encoding=form.encoding) as file:
        if layout.has_header:
            next(records(file, layout.separator))
        separator = layout.separator
        is_plain = len(separator) == 1 and separator != " "
        frame = pd.read_csv(
            file if is_plain else _with_unit_separators(path, file, separator),
            sep=separator if is_plain else _UNIT,
            header=None,
            names=list(range(layout.n_columns)),
            index_col=False,
            dtype=str,  # straight to "category" would turn ids like 007 into numbers
            keep_default_na=False,
            quoting=csv.QUOTE_MINIMAL if separator in QUOTING else csv.QUOTE_NONE,
        )
    if "rating" not in layout.roles:
        _warn_of_ratings(path, layout, frame)
    fields = {
        role: frame[place] if role == "timestamp" else frame[place].astype("category")
        for role, place in layout.roles.items()
    }
    return pd.DataFrame(fields | {_LAST: frame[layout.n_columns - 1]})


def _with_unit_separators(path: Path, file: TextIO, separator: str) -> TextIO:
    """Return a text with a separator of one character, which pandas parses fast."""
    text = file.read()
    if _UNIT in text:
        raise DataError(
            f"{path}: the text contains the control character 0x1F, which cannot be read with the "
            f"separator {separator!r}"
        )
    if separator == " ":
        return StringIO("\n".join(_UNIT.join(line.split()) for line in text.split("\n")))
    return StringIO(text.replace(separator, _UNIT))


def _warn_of_ratings(path: Path, layout: Layout, frame: pd.DataFrame) -> None:
    """Warn of columns that are not read and look like ratings by their name or their values."""
    for name, place in layout.ignored.items():
        if is_rating_name(name) or _looks_rated(frame[place]):
            logger.warning(
                "%s:%d: the column %r looks like a rating, but is not read, so every rating is 1; "
                "to read it, write 'columns: {rating: %s}' in data_config",
                path,
                layout.first_line,
                name,
                name.rpartition(":")[0] or name,
            )


def _looks_rated(column: pd.Series[str]) -> bool:
    texts = column.astype(str).unique()
    if not 2 <= len(texts) <= _MOST_RATINGS:
        return False
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy(np.float64)
    return bool(np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= 10)


def _ratings(fields: pd.DataFrame) -> pd.Series[float] | None:
    """Return the ratings as float64; None if the file has no rating at all."""
    if "rating" not in fields:
        return None
    texts = fields["rating"].cat.categories
    if len(texts) == 1 and texts[0].strip() == "":
        return None
    values = pd.Series([_rating(text) for text in texts], dtype=float)
    return fields["rating"].cat.codes.map(values)


def _rating(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:  # Python reads 1_0 as ten
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _labels(path: Path, labels: pd.Series[str], layout: Layout, form: TableForm) -> pd.Series[str]:
    if not set(labels.cat.categories) <= {"0", "1", "2"}:
        bad_line = _first_bad_line(path, layout, form)
        raise bad_line or DataError(f"{path}: an x_label is not 0, 1 or 2")
    return labels


def _has_blank(fields: pd.DataFrame) -> bool:
    categories = (fields[role].cat.categories for role in fields.select_dtypes("category"))
    return any(not text.strip() for texts in categories for text in texts) or bool(
        (fields[_LAST] == "").any()
    )


def _first_bad_line(
    path: Path, layout: Layout, form: TableForm, *, rated: bool = True
) -> DataError | None:
    """Return the error of the first malformed line, if there is one."""
    with open_text(path, encoding=form.encoding) as file:
        line = layout.first_line
        try:
            for line, fields in records(file, layout.separator):
                is_header = layout.has_header and line == layout.first_line
                complaint = None if is_header else _complaint(fields, layout, rated)
                if complaint:
                    return _malformed(path, line, fields, complaint, layout)
        except csv.Error as error:
            return DataError(f"{path}: cannot be read after line {line}: {error}")
    return None


def _malformed(
    path: Path, line: int, fields: Sequence[str], complaint: str, layout: Layout
) -> DataError:
    if line == layout.first_line and complaint.startswith("the rating"):
        complaint += f"; if this line names the columns, {layout.for_header}"
    return DataError(f"{path}:{line}: {complaint}: {shown(layout.separator.join(fields))}")


def _complaint(fields: Sequence[str], layout: Layout, rated: bool) -> str | None:
    if len(fields) != layout.n_columns:
        return _miscounted(fields, layout)
    roles = layout.roles
    if not fields[roles["user_id"]].strip() or not fields[roles["item_id"]].strip():
        return "the user or the item is empty"
    if "rating" in roles and rated:
        rating = fields[roles["rating"]]
        try:
            _rating(rating)
        except ValueError:
            return f"the rating {rating!r:.80} is not a finite number"
    if LABEL in roles and fields[roles[LABEL]] not in ("0", "1", "2"):
        return f"the x_label {fields[roles[LABEL]]!r:.80} is not 0, 1 or 2"
    return None


def _miscounted(fields: Sequence[str], layout: Layout) -> str:
    return (
        f"expected {layout.n_columns} {layout.kind}-separated columns as in the first line, found "
        f"{len(fields)}"
    )
