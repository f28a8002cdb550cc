"""The input of metrics: the lists of a ranking, with hits and gains.

Shapes: V users with at least one held-out row, I items, K list positions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mmrec.data import BoolArray, FloatArray, IntArray
from mmrec.errors import ModelError
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.ranking import Ranking


@dataclass(frozen=True, eq=False)
class JudgedLists:
    """The lists of a ranking, judged by a held-out split: the input of a metric.

    Rows are the V users of ``truth.users``, columns the K positions of the lists. Lists with less
    than K items have unlisted positions at their end.
    """

    truth: GroundTruth
    items: IntArray
    """[V, K] int64: item numbers, negative at unlisted positions."""
    listed: BoolArray
    """[V, K]: the position has an item."""
    hits: BoolArray
    """[V, K]: the item is relevant to the user."""
    gains: FloatArray
    """[V, K]: the gain of a hit, else 0."""

    def at(self, cutoff: int) -> JudgedLists:
        """Return the lists cut after ``cutoff`` positions (views, no copies)."""
        names = ("items", "listed", "hits", "gains")
        return replace(self, **{name: getattr(self, name)[:, :cutoff] for name in names})

    @property
    def cutoff(self) -> int:
        """The number of positions K."""
        return int(self.items.shape[1])

    @cached_property
    def lengths(self) -> IntArray:
        """[V] int64: the number of items of each list."""
        return np.asarray(np.count_nonzero(self.listed, axis=1), np.int64)

    @cached_property
    def n_hits(self) -> IntArray:
        """[V] int64: the number of hits of each list."""
        return np.asarray(np.count_nonzero(self.hits, axis=1), np.int64)

    @cached_property
    def item_counts(self) -> IntArray:
        """[I] int64: the number of lists that contain each item."""
        n_items = len(self.truth.popularity.counts)
        return np.bincount(self.items[self.listed], minlength=n_items)

    def count(self, marked: BoolArray) -> IntArray:
        """Return [V] int64: the number of items of each list that are marked in ``marked`` [I]."""
        return np.asarray(np.count_nonzero(marked[self.items] & self.listed, axis=1), np.int64)

    def of_relevant_users(self, values: FloatArray) -> FloatArray:
        """Return [V]: ``values``, and NaN for users without a relevant item."""
        return np.where(self.truth.n_relevant > 0, values, np.nan)


def judge(truth: GroundTruth, ranking: Ranking, *, whole: bool = False) -> JudgedLists:
    """Look up every recommended item in the ground truth.

    Args:
        truth: the held-out split.
        ranking: the lists of all users.
        whole: do not cut the lists at the largest cutoff.

    Raises:
        ModelError: the number of users is different, the lists are shorter than the largest cutoff
            or item numbers are invalid.
    """
    depth, n_items = truth.ideal_dcg.shape[1], len(truth.popularity.counts)
    if len(ranking.items) != truth.n_users:
        raise ModelError(f"expected lists of {truth.n_users} users, found {len(ranking.items)}")
    if ranking.items.shape[1] < depth:
        raise ModelError(
            f"lists of {ranking.items.shape[1]} items cannot be evaluated at the cutoff {depth}"
        )
    items = ranking.items[truth.users, : None if whole else depth]
    listed = items >= 0
    if items.max() >= n_items:
        raise ModelError(f"a list contains item number {items.max()}; expected 0..{n_items - 1}")
    if not len(truth.keys):  # every relevant item is cold
        return JudgedLists(truth, items, listed, np.zeros_like(listed), np.zeros(items.shape))
    keys = truth.users[:, None] * n_items + items
    places = np.searchsorted(truth.keys, keys)
    places[places == len(truth.keys)] = 0  # a key after the last one never equals the first
    hits = listed & (truth.keys[places] == keys)
    return JudgedLists(truth, items, listed, hits, np.where(hits, truth.gains[places], 0.0))
