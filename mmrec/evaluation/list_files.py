"""Reading files of recommendation lists."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from mmrec.data.reading.text import check_text, kind_of, open_text, read_records
from mmrec.data.reading.user_lists import read_user_lists
from mmrec.errors import DataError
from mmrec.evaluation.list_layouts import NAME_COLUMN, Entry, ListLayout, find_layout, is_trec

logger = logging.getLogger(__name__)


def read_recommendations(path: Path) -> pd.DataFrame:
    """Read a file of recommendations.

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
        line in the file.

    Raises:
        DataError: the file is missing, empty or not text, its form is unknown, a line differs from
            the first one, a pair is a duplicate, or it is unclear whether a number is a score or a
            rank; the message contains the file and the line.
    """
    if kind_of(path) == ".json":
        lists = read_user_lists(path)
        entries = [
            (1, user, item) for user, item in zip(lists["user_id"], lists["item_id"], strict=True)
        ]
        return _frame(path, entries, [], [])
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
    if scores and not ranks:
        _check_scores(path, frame, is_named=layout.is_named)
    elif scores:
        _check_ranks(path, frame, np.array(ranks), is_trec=layout.is_trec)
        users, _ = pd.factorize(frame["user_id"])
        frame = frame.iloc[np.lexsort((np.array(ranks), users))]
    return frame


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


def _check_scores(path: Path, frame: pd.DataFrame, *, is_named: bool) -> None:
    """Refuse scores that are ranks, or may be.

    The numbers of a list are whole and ascend in the order of the file: a score would put the last
    line first. Or they are 1 to n in another order.
    """
    scores = frame["score"].to_numpy()
    users = frame["user_id"].cat.codes.to_numpy()
    order = np.argsort(users, kind="stable")
    same = users[order][1:] == users[order][:-1]
    with np.errstate(invalid="ignore"):  # of infinite scores
        steps = np.diff(scores[order])[same]
    if not len(steps) or (steps <= 0).all():
        return
    if not np.isin(scores, np.arange(len(scores) + 1)).all():  # a rank is at most n
        if not is_named and (steps > 0).all():
            logger.warning(
                "%s: the numbers ascend in the order of the lines, in every list; read as scores: "
                "larger is better. Are they distances or times? %s",
                path,
                NAME_COLUMN,
            )
        return
    by_score = np.lexsort((scores, users))
    consecutive = bool((np.diff(scores[by_score])[same] == 1).all())
    if not (consecutive or (steps > 0).all()):
        return
    line = int(frame.index[order[1:][same][int(np.argmax(steps > 0))]])
    finding = (
        f"{path}:{line}: it is unclear whether the numbers are scores or ranks: they are whole and "
        + ("ascend in the order of the lines" if (steps > 0).all() else "count from 1")
    )
    if is_named:
        logger.warning("%s; read as scores, as the header says: larger is better", finding)
        return
    raise DataError(
        f"{finding}; write a header: user, item, and the name of the number; {NAME_COLUMN}"
    )


def _check_ranks(path: Path, frame: pd.DataFrame, ranks: np.ndarray, *, is_trec: bool) -> None:
    """Refuse scores and ranks that order a list differently; in TREC runs, only scores count."""
    users, scores = frame["user_id"].cat.codes.to_numpy(), frame["score"].to_numpy()
    order = np.lexsort((-scores, ranks, users))
    same = users[order][1:] == users[order][:-1]
    wrong = same & (np.diff(scores[order]) > 0) & (np.diff(ranks[order]) > 0)
    if not wrong.any():
        return
    row = order[1:][int(np.argmax(wrong))]
    finding = (
        f"{path}:{frame.index[row]}: the rank {ranks[row]:g} and the score {scores[row]:g} order "
        f"the list of user {frame['user_id'].iloc[row]!r} differently"
    )
    if not is_trec:
        raise DataError(f"{finding}; remove the wrong one of the two columns")
    logger.warning("%s; the scores count, as in trec_eval", finding)
