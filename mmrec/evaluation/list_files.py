"""Reading files of recommendations."""

from __future__ import annotations

import csv
import math
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.reading.columns import IDS, names_columns, role_of
from mmrec.data.reading.text import kind_of, open_text
from mmrec.errors import DataError, listing

_SCORES = ("score", "prediction", "rating")
_Places = tuple[int, int, int]
"""Of user, item and score in a row."""


def read_recommendations(path: Path) -> pd.DataFrame:
    """Read a file of recommendations: user, item and score.

    A file ``.csv`` has commas and may quote its fields, others have tabs; it may be gzipped. A
    first line that names a user and an item is a header: columns may then stand in any order, and
    be more than three if one is called score, prediction or rating.

    Returns:
        One row for each recommendation, in the order of the file, with the columns ``user_id`` and
        ``item_id`` (categorical of str) and ``score`` (float64). The index is the line in the file.

    Raises:
        DataError: the file is missing, empty or not text, a line is not user, item and number, or
            a pair stands twice; the message names file and line.
    """
    try:
        rows = list(_rows(path))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected a file of recommendations") from None
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
    if not rows:
        mark = "," if _is_csv(path) else "<TAB>"
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
    repeated = frame.duplicated(["user_id", "item_id"], keep=False)
    if repeated.any():
        user, item, _ = frame[repeated].iloc[0]
        first, second = frame.index[(frame["user_id"] == user) & (frame["item_id"] == item)][:2]
        raise DataError(
            f"{path}:{second}: item {item!r} is recommended to user {user!r} a second time, after "
            f"line {first}; expected each pair once"
        )
    return frame


def _rows(path: Path) -> Iterator[tuple[int, str, str, float]]:
    """Yield line number, user, item and score of every line that is not blank."""
    kind = "comma" if _is_csv(path) else "tab"
    places, n_columns, is_first = (0, 1, 2), 3, True
    for line, fields in _records(path):
        if is_first and _is_header(fields):
            places, n_columns, is_first = _places(path, line, fields), len(fields), False
            continue
        if len(fields) != n_columns:
            expected = "(user, item, score)" if n_columns == 3 else "as in the first line"
            raise DataError(
                f"{path}:{line}: expected {n_columns} {kind}-separated columns {expected}, found "
                f"{len(fields)}: {_shown(path, fields)}"
            )
        user, item, score = (fields[place] for place in places)
        if not user.strip() or not item.strip():
            raise DataError(f"{path}:{line}: the user or the item is empty: {_shown(path, fields)}")
        # Interned, a file of millions of lines holds each id once.
        yield line, sys.intern(user), sys.intern(item), _score(score, path, line, first=is_first)
        is_first = False


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of every line that is not blank, and the number of the line."""
    with open_text(path) as file:
        if _is_csv(path):
            records = csv.reader(file)
            for fields in records:
                if fields:
                    yield records.line_num, fields
            return
        for line, text in enumerate(file, 1):
            fields = text.rstrip("\n").split("\t")
            if fields != [""]:
                yield line, fields


def _is_csv(path: Path) -> bool:
    return kind_of(path) == ".csv"


def _is_header(fields: Sequence[str]) -> bool:
    return names_columns(fields) and all(_number(field) is None for field in fields)


def _places(path: Path, line: int, fields: Sequence[str]) -> _Places:
    """Return where user, item and score stand, by the names in a header."""
    roles = [role_of(field) for field in fields]
    names = [field.partition(":")[0].strip().casefold() for field in fields]
    scores = [names.index(name) for name in _SCORES if name in names]
    if not scores and len(fields) == len(IDS) + 1:
        scores = [place for place, role in enumerate(roles) if role not in IDS]
    if not scores or any(roles.count(role) > 1 for role in IDS):
        raise DataError(
            f"{path}:{line}: expected a header with one user, one item and a score, found "
            f"{listing(map(repr, fields), 20)}"
        )
    return roles.index("user_id"), roles.index("item_id"), scores[0]


def _shown(path: Path, fields: Sequence[str]) -> str:
    return repr(("," if _is_csv(path) else "\t").join(fields).rstrip()[:80])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _score(text: str, path: Path, line: int, *, first: bool) -> float:
    score = _number(text)
    if score is None:
        hint = "; if this line is a header, it has to name user, item and score" if first else ""
        raise DataError(f"{path}:{line}: expected a number as the score, found {text!r}{hint}")
    return score
