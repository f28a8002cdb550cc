"""Reading files of recommendation lists."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.reading.columns import IDS, names_columns, role_of
from mmrec.data.reading.text import check_text, kind_of, read_records
from mmrec.errors import DataError, listing

_SCORES = ("score", "prediction", "rating")
_Columns = tuple[int, int, int]
"""Indices of user, item and score."""


def read_recommendations(path: Path) -> pd.DataFrame:
    """Read a file of recommendations: user, item and score.

    A ``.csv`` file is comma-separated and may quote fields, others are tab-separated; the file may
    be gzipped. A first line that names a user and an item is a header: then, columns have any
    order, and there may be more than three if one is called score, prediction or rating.

    Returns:
        One row for each recommendation, in the order of the file, with the columns ``user_id`` and
        ``item_id`` (categorical of str) and ``score`` (float64). The index is the line in the file.

    Raises:
        DataError: the file is missing, empty or not text, a line is not user, item and number, or
            a pair is a duplicate; the message contains the file and the line.
    """
    check_text(path)
    rows = list(_rows(path))
    if not rows:
        mark = "," if _separator(path) == "," else "<TAB>"
        raise DataError(f"{path}: the file is empty; expected lines of user{mark}item{mark}score")
    lines, users, items, scores = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "user_id": pd.Categorical(users),
            "item_id": pd.Categorical(items),
            "score": np.array(scores, np.float64),
        },
        index=pd.Index(lines, name="line"),
    )
    is_duplicate = frame.duplicated(["user_id", "item_id"], keep=False)
    if is_duplicate.any():
        user, item, _ = frame[is_duplicate].iloc[0]
        first, second = frame.index[(frame["user_id"] == user) & (frame["item_id"] == item)][:2]
        raise DataError(f"{path}:{second}: duplicate of line {first}: user {user!r}, item {item!r}")
    return frame


def _rows(path: Path) -> Iterator[tuple[int, str, str, float]]:
    """Yield line, user, item and score of every line that is not blank."""
    separator = _separator(path)
    kind = "comma" if separator == "," else "tab"
    columns, n_columns, is_first = (0, 1, 2), 3, True
    for line, fields in read_records(path, separator):
        text = repr(separator.join(fields).rstrip()[:80])
        if is_first and _is_header(fields):
            columns, n_columns, is_first = _columns(path, line, fields), len(fields), False
            continue
        if len(fields) != n_columns:
            expected = "(user, item, score)" if n_columns == 3 else "as in the first line"
            raise DataError(
                f"{path}:{line}: expected {n_columns} {kind}-separated columns {expected}, found "
                f"{len(fields)}: {text}"
            )
        user, item, score = (fields[column] for column in columns)
        if not user.strip() or not item.strip():
            raise DataError(f"{path}:{line}: the user or the item is empty: {text}")
        # Interned: millions of lines share the texts of few ids.
        yield line, sys.intern(user), sys.intern(item), _score(score, path, line, first=is_first)
        is_first = False


def _separator(path: Path) -> str:
    return "," if kind_of(path) == ".csv" else "\t"


def _is_header(fields: Sequence[str]) -> bool:
    return names_columns(fields) and all(_number(field) is None for field in fields)


def _columns(path: Path, line: int, fields: Sequence[str]) -> _Columns:
    """Return the columns of user, item and score by the names in a header."""
    roles = [role_of(field) for field in fields]
    names = [field.partition(":")[0].strip().casefold() for field in fields]
    scores = [names.index(name) for name in _SCORES if name in names]
    if not scores and len(fields) == len(IDS) + 1:
        scores = [column for column, role in enumerate(roles) if role not in IDS]
    if not scores or any(roles.count(role) > 1 for role in IDS):
        raise DataError(
            f"{path}:{line}: expected a header with one user, one item and a score, found "
            f"{listing(map(repr, fields), 20)}"
        )
    return roles.index("user_id"), roles.index("item_id"), scores[0]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _score(text: str, path: Path, line: int, *, first: bool) -> float:
    score = _number(text)
    if score is None:
        hint = "; a header must name user, item and score" if first else ""
        raise DataError(f"{path}:{line}: expected a number as the score, found {text!r}{hint}")
    return score
