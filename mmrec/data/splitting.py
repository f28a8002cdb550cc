"""Elliot's splitting strategies.

A strategy takes the user of each row, sorted by :func:`~mmrec.data.sort_rows`, and returns a mask
of the held-out rows for each fold. Draws come from the given generator; the draws of a fold do not
depend on the number of folds after it.
"""

from __future__ import annotations

import math

import numpy as np

from mmrec.data.reading.times import Times
from mmrec.data.rows import places_within
from mmrec.data.vocabulary import BoolArray, IntArray
from mmrec.errors import DataError


def n_held_out(
    sizes: IntArray, test_ratio: float | None = None, leave_n_out: int | None = None
) -> IntArray:
    """Return the number of held-out rows of each user, by one of two rules.

    Args:
        sizes: [U] rows of each user.
        test_ratio: hold out all but floor(size * (1 - ratio)) rows, in floating point as in
            Elliot; at least one.
        leave_n_out: hold out this many rows; all rows of users with fewer.
    """
    if test_ratio is not None:
        kept = [math.floor(size * (1 - test_ratio)) for size in sizes.tolist()]
        return sizes - np.array(kept, np.int64)
    assert leave_n_out is not None
    return np.minimum(sizes, leave_n_out)


def temporal_hold_out(
    users: IntArray,
    times: Times,
    *,
    test_ratio: float | None = None,
    leave_n_out: int | None = None,
) -> list[BoolArray]:
    """Hold out each user's last rows; equal times are ordered by item id.

    Args:
        users: [E] ascending.
        times: [E].
        test_ratio: see :func:`n_held_out`.
        leave_n_out: the same.
    """
    return [_last(users, times, n_held_out(np.bincount(users), test_ratio, leave_n_out))]


def random_subsampling(
    users: IntArray,
    rng: np.random.Generator,
    *,
    folds: int,
    test_ratio: float | None = None,
    leave_n_out: int | None = None,
) -> list[BoolArray]:
    """Hold out random rows of each user, drawn anew for every fold.

    Args:
        users: [E] ascending.
        rng: generator of the draws.
        folds: number of masks.
        test_ratio: see :func:`n_held_out`.
        leave_n_out: the same.
    """
    counts = n_held_out(np.bincount(users), test_ratio, leave_n_out)
    return [_last(users, rng.random(len(users)), counts) for _ in range(folds)]


def random_cross_validation(
    users: IntArray, rng: np.random.Generator, *, folds: int
) -> list[BoolArray]:
    """Shuffle each user's rows and assign them to the folds in turn.

    Each fold holds out its own rows. Users with fewer rows than folds have none in the last folds.

    Args:
        users: [E] ascending.
        rng: generator of the draws.
        folds: number of masks; each row is held out in one of them.
    """
    assigned = places_within(users, rng.random(len(users))) % folds
    return [assigned == fold for fold in range(folds)]


def fixed_timestamp(times: Times, timestamp: int | float) -> list[BoolArray]:
    """Hold out rows of this time or later."""
    return [times >= timestamp]


def best_timestamp(
    users: IntArray, times: Times, *, min_below: int = 1, min_over: int = 1
) -> float:
    """Return the time for which most users have enough rows before and after; the latest of ties.

    Candidates are the times of the rows (Anelli et al., ECIR 2019).

    Args:
        users: [E] ascending.
        times: [E].
        min_below: required number of earlier rows of a user.
        min_over: required number of rows of a user at the time or later.

    Raises:
        DataError: no user has enough rows on both sides of any time.
    """
    candidates, ranks = np.unique(times, return_inverse=True)
    by_time = ranks[np.lexsort((ranks, users))]
    sizes = np.bincount(users)
    starts = np.cumsum(sizes) - sizes
    able = sizes >= min_below + min_over
    # A time suits a user if it is after the min_below-th row, but not after the min_over-th last.
    first = by_time[(starts + min_below - 1)[able]] + 1
    last = by_time[(starts + sizes - min_over)[able]]
    fitting = first <= last
    steps = np.zeros(len(candidates) + 1, np.int64)
    np.add.at(steps, first[fitting], 1)
    np.add.at(steps, last[fitting] + 1, -1)
    votes = np.cumsum(steps[:-1])
    if not fitting.any():
        raise DataError(
            f"no user has {min_below} rows before a timestamp and {min_over} rows from it on; "
            "decrease min_below or min_over"
        )
    best: float = candidates[len(votes) - 1 - int(np.argmax(votes[::-1]))].item()
    return best


def _last(users: IntArray, keys: Times, counts: IntArray) -> BoolArray:
    """Mark the ``counts`` [U] rows of each user with the largest keys."""
    kept = np.bincount(users) - counts
    mask: BoolArray = places_within(users, keys) >= kept[users]
    return mask
