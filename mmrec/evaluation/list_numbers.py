"""Whether the numbers of recommendation lists are scores, ranks or something else."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from mmrec.data import BoolArray, FloatArray, IntArray
from mmrec.errors import DataError
from mmrec.evaluation.list_layouts import NAME_COLUMN, number

logger = logging.getLogger(__name__)

_MANY = 10
"""Numbers ascend with the lines if this many steps lead up for each that leads down."""


@dataclass(frozen=True, eq=False)
class _Steps:
    """From each line of a list to the next one of the same list. S steps."""

    values: FloatArray
    """[S]: the differences of the numbers; NaN between equal infinities."""
    lines: IntArray
    """[S]: the second line of each step."""

    @classmethod
    def of(cls, frame: pd.DataFrame, numbers: FloatArray) -> _Steps:
        order = np.argsort(_users(frame), kind="stable")
        same = _continues(frame, order)
        return cls(_differences(numbers[order])[same], frame.index.to_numpy()[order[1:][same]])

    @property
    def n_up(self) -> int:
        return int(np.count_nonzero(self.values > 0))

    @property
    def n_down(self) -> int:
        return int(np.count_nonzero(self.values < 0))

    @property
    def ascend(self) -> bool:
        return self.n_up > _MANY * self.n_down

    @property
    def descend(self) -> bool:
        return self.n_down > _MANY * self.n_up

    @property
    def first_up(self) -> int:
        return int(self.lines[int(np.argmax(self.values > 0))])

    def warn_if_equal(self, path: Path, what: str) -> None:
        if len(self.values) and (self.values == 0).all():
            logger.warning(
                "%s: all %s of a list are equal, in every list; the items are in the order of the "
                "lines",
                *(path, what),
            )


def check_scores(path: Path, frame: pd.DataFrame, *, is_named: bool) -> None:
    """Refuse scores that are ranks, or may be, and warn about those that may be distances.

    Scores that never ascend in the order of the lines order a list as its lines. In other cases,
    whole numbers that ascend with the lines, or that count the lines of each list, may be ranks.

    Args:
        path: for messages.
        frame: the recommendations, with the column ``score``.
        is_named: a header says that the numbers are scores; they are then never refused.

    Raises:
        DataError: without a header, the numbers may be ranks.
    """
    scores = frame["score"].to_numpy()
    steps = _Steps.of(frame, scores)
    if not steps.n_up:
        steps.warn_if_equal(path, "scores")
        return
    may_be_ranks = np.isin(scores, np.arange(len(scores) + 1)).all()  # a rank is at most n
    if may_be_ranks and (steps.ascend or _count(frame, scores)):
        finding = (
            f"{path}:{steps.first_up}: it is unclear whether the numbers are scores or ranks: they "
            "are whole and "
            + ("ascend in the order of the lines" if steps.ascend else "count from 1")
        )
        if not is_named:
            raise DataError(
                f"{finding}; write a header: user, item, and the name of the number; {NAME_COLUMN}"
            )
        logger.warning("%s; read as scores, as the header says: larger is better", finding)
    elif steps.ascend:
        logger.warning(
            "%s: the numbers ascend in the order of the lines; read as scores: larger is better. "
            "Are they distances or times?%s",
            path,
            "" if is_named else f" {NAME_COLUMN}",
        )
    elif not is_named and (scores == np.floor(scores)).all():
        logger.warning(
            "%s: the numbers are whole and not in the order of the lines; read as scores: larger "
            "is better. Are they ranks? %s",
            path,
            NAME_COLUMN,
        )


def check_ranks(path: Path, frame: pd.DataFrame, ranks: FloatArray) -> None:
    """Refuse ranks that are no ranks, and warn about those that may be scores.

    Args:
        path: for messages.
        frame: the recommendations.
        ranks: of each, by a header.

    Raises:
        DataError: a rank is negative or not a whole number.
    """
    is_wrong = ~((ranks >= 0) & (ranks == np.floor(ranks)) & np.isfinite(ranks))
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise DataError(
            f"{path}:{frame.index[row]}: expected a whole number from 0 up as the rank, found "
            f"{ranks[row]:g}; if larger numbers are better, call the column 'score'"
        )
    steps = _Steps.of(frame, ranks)
    steps.warn_if_equal(path, "ranks")
    if steps.descend:
        logger.warning(
            "%s: the ranks descend in the order of the lines; read as the header says: the "
            "smallest is the best. Are they scores? Then call the column 'score'",
            path,
        )


def check_items(path: Path, frame: pd.DataFrame) -> None:
    """Refuse items that are the ranks of a file of user, rank and item without a header.

    Raises:
        DataError: the items of each list are 1 to n, or 0 to n - 1, and the numbers may be items.
    """
    scores = frame["score"].to_numpy()
    values = [number(name) for name in frame["item_id"].cat.categories]
    if None in values:
        return
    items = np.array(values, np.float64)[frame["item_id"].cat.codes]
    may_be_items = (scores == np.floor(scores)) & (scores >= 0)
    if not may_be_items.all() or frame.duplicated(["user_id", "score"]).any():
        return
    starts = pd.Series(items).groupby(_users(frame)).min()
    if not _count(frame, items) or not starts.isin((0, 1)).all() or _count(frame, scores):
        return
    raise DataError(
        f"{path}:{frame.index[0]}: it is unclear which column has the items: the second one counts "
        "the lines of each list, as a rank does; write a header, such as user, rank, item"
    )


def check_agreement(path: Path, frame: pd.DataFrame, ranks: FloatArray, *, is_trec: bool) -> None:
    """Refuse scores and ranks that order a list differently; in TREC runs, only scores count.

    Raises:
        DataError: they do, outside of a TREC run.
    """
    scores = frame["score"].to_numpy()
    order = np.lexsort((-scores, ranks, _users(frame)))
    wrong = _continues(frame, order)
    wrong &= (_differences(scores[order]) > 0) & (_differences(ranks[order]) > 0)
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


def _count(frame: pd.DataFrame, numbers: FloatArray) -> bool:
    """Return whether the numbers of each list are consecutive, and some list has several."""
    order = np.lexsort((numbers, _users(frame)))
    steps = _differences(numbers[order])[_continues(frame, order)]
    return bool(len(steps)) and bool((steps == 1).all())


def _users(frame: pd.DataFrame) -> npt.NDArray[np.integer]:
    return frame["user_id"].cat.codes.to_numpy()


def _continues(frame: pd.DataFrame, order: IntArray) -> BoolArray:
    """Return which lines in this order, from the second one on, have the user of the one before."""
    users = _users(frame)[order]
    same: BoolArray = users[1:] == users[:-1]
    return same


def _differences(numbers: FloatArray) -> FloatArray:
    """Return the differences of neighbours; NaN, without a warning, between equal infinities."""
    with np.errstate(invalid="ignore"):
        return np.diff(numbers)
