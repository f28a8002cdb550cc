"""Reading files of recommendation lists."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data import FloatArray
from mmrec.data.reading.text import check_text, kind_of, open_text, read_records
from mmrec.data.reading.user_lists import read_user_lists
from mmrec.errors import DataError
from mmrec.evaluation.list_layouts import FILE_ORDER, Entry, ListLayout, find_layout, is_trec
from mmrec.evaluation.list_numbers import check_agreement, check_items, check_ranks, check_scores


def read_recommendations(path: Path) -> pd.DataFrame:
    """Read a file of recommendations; see :func:`read_lists`, which also returns their order."""
    return read_lists(path)[0]


def read_lists(path: Path) -> tuple[pd.DataFrame, str]:
    """Read a file of recommendations and how its lists are ordered.

    The file may be gzipped. Its first line determines the form:

    - user, item and score, without a header or with one in any order of the columns;
    - user, item and rank, if a header says so; or user and item, in the order of the lists;
    - a TREC run, separated by blanks or tabs;
    - a user and then the items of the list in each line, with a header of user and places such as
      ``id``, ``top_0``, ``top_1``, or with a column of whole lists;
    - ``.json``: ``{user: [item, ...]}``.

    A ``.csv`` file is comma-separated and may quote fields, unless its first line has only tabs;
    others are tab-separated.

    Returns:
        One row for each recommendation, with the columns ``user_id`` and ``item_id`` (categorical
        of str) and ``score`` (float64). Ties of a user are in the order of the ranks, if the file
        has them, or of the file. Without scores, the score is the negative rank. The index is the
        line in the file. And a text for readers, such as ``by 'score', the largest first``.

    Raises:
        DataError: the file is missing, empty or not text, its form is unknown, a line differs from
            the first one, a pair is a duplicate, or it is unclear whether a number is a score, a
            rank or an item; the message contains the file and the line.
    """
    if kind_of(path) == ".json":
        lists = read_user_lists(path)
        entries = [
            (1, user, item) for user, item in zip(lists["user_id"], lists["item_id"], strict=True)
        ]
        return _frame(path, entries, [], []), FILE_ORDER
    check_text(path)
    separator = _separator(path)
    records = read_records(path, separator)
    first = next(records, None)
    if first is None:
        mark = "," if separator == "," else "<TAB>"
        raise DataError(f"{path}: the file is empty; expected lines of user{mark}item{mark}score")
    layout = find_layout(path, *first)
    rows: list[tuple[int, str, str]] = []
    scores: list[float] = []
    ranks: list[float] = []
    lines = records if layout.has_header else chain([first], records)
    for line, (user, item, score, rank) in _entries(path, layout, lines, separator):
        # Interned: millions of lines share the texts of few ids.
        rows.append((line, sys.intern(user), sys.intern(item)))
        if score is not None:
            scores.append(score)
        if rank is not None:
            ranks.append(rank)
    if not rows:
        raise DataError(f"{path}: the file is empty; it has a header but no recommendation")
    frame = _frame(path, rows, scores, ranks)
    return _checked(path, layout, frame, np.array(ranks)), layout.order


def _checked(
    path: Path, layout: ListLayout, frame: pd.DataFrame, ranks: FloatArray
) -> pd.DataFrame:
    """Return the rows in the order of the file, or of the ranks of a file that also has scores."""
    if not layout.has_score:
        if len(ranks):
            check_ranks(path, frame, ranks)
        return frame
    if not len(ranks):
        if not layout.has_header:
            check_items(path, frame)
        check_scores(path, frame, is_named=layout.has_header)
        return frame
    check_agreement(path, frame, ranks, is_trec=layout.is_trec)
    users, _ = pd.factorize(frame["user_id"])
    return frame.iloc[np.lexsort((ranks, users))]


def _separator(path: Path) -> str:
    """Return the separator of a file: a comma, a tab, or blanks in a TREC run."""
    default = "," if kind_of(path) == ".csv" else "\t"
    with open_text(path) as file:
        first = next((line for line in file if line.strip()), "")
    if default == "," and "," not in first and "\t" in first:
        return "\t"
    if default == "\t" and is_trec(first.split()) and not is_trec(first.split("\t")):
        return " "
    return default


def _entries(
    path: Path,
    layout: ListLayout,
    lines: Iterator[tuple[int, list[str]]],
    separator: str,
) -> Iterator[tuple[int, Entry]]:
    """Yield line and content of every recommendation."""
    kind = {",": "comma-", "\t": "tab-"}.get(separator, "")
    for line, fields in lines:
        if len(fields) != layout.n_columns:
            columns = layout.columns if layout.has_header else f"({layout.columns})"
            text = repr(separator.join(fields).rstrip()[:80])
            raise DataError(
                f"{path}:{line}: expected {layout.n_columns} {kind}separated columns {columns}, "
                f"found {len(fields)}: {text}"
            )
        for entry in layout.entries(fields, f"{path}:{line}"):
            yield line, entry


def _frame(
    path: Path,
    rows: Sequence[tuple[int, str, str]],
    scores: Sequence[float],
    ranks: Sequence[float],
) -> pd.DataFrame:
    lines, users, items = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {"user_id": pd.Categorical(users), "item_id": pd.Categorical(items)},
        index=pd.Index(lines, name="line"),
    )
    is_duplicate = frame.duplicated(keep=False)
    if is_duplicate.any():
        user, item = frame[is_duplicate].iloc[0]
        first, second = frame.index[(frame["user_id"] == user) & (frame["item_id"] == item)][:2]
        raise DataError(f"{path}:{second}: duplicate of line {first}: user {user!r}, item {item!r}")
    if scores:
        return frame.assign(score=np.array(scores, np.float64))
    if ranks:
        return frame.assign(score=-np.array(ranks, np.float64))
    places = frame.groupby("user_id", observed=True).cumcount().to_numpy()
    return frame.assign(score=-(places + 1.0))
