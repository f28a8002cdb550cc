"""What the metrics read: popularity in training, held-out relevance, and the judged lists.

Shapes: U users, V users with at least one held-out row, I items, K places of a list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mmrec.data import COLD, FloatArray, IntArray, Interactions
from mmrec.errors import DataError, ModelError
from mmrec.evaluation.ranking import Ranking

BoolArray = npt.NDArray[np.bool_]

HEAD_SHARE = 0.8
"""The short head is the smallest set of most popular items with this share of the interactions."""


@dataclass(frozen=True, eq=False)
class Popularity:
    """How often each item stands in the training split.

    The catalogue is the items with at least one training row. Numbers without one (an item that
    only a held-out split or a recommendation file names) belong to neither head nor tail.
    """

    counts: IntArray
    """[I] int64: the training rows of each item."""
    n_users: int
    """The number of users with a training row."""

    @classmethod
    def of(cls, train: Interactions) -> Popularity:
        """Count the rows of a training split."""
        return cls(train.item_degrees, int(np.count_nonzero(train.user_degrees)))

    @cached_property
    def catalogue_size(self) -> int:
        """The number of items with a training row."""
        return int(np.count_nonzero(self.counts))

    @cached_property
    def head(self) -> BoolArray:
        """[I]: the most popular items that together hold 80 % of the training rows.

        Items are taken by descending popularity, ties by ascending number, up to and including the
        one that reaches the share.
        """
        order = np.argsort(-self.counts, kind="stable")
        reached = np.cumsum(self.counts[order])
        size = int(np.searchsorted(reached, HEAD_SHARE * self.counts.sum())) + 1
        head = np.zeros(len(self.counts), np.bool_)
        head[order[:size]] = True
        return head

    @cached_property
    def tail(self) -> BoolArray:
        """[I]: the items of the catalogue outside of the head."""
        return (self.counts > 0) & ~self.head

    @cached_property
    def self_information(self) -> FloatArray:
        """[I]: -log2 of the item's share of the training rows.

        An item without rows gets the value of the rarest trained item.
        """
        trained = self.counts[self.counts > 0]
        least = trained.min() if len(trained) else 1
        return np.asarray(np.log2(max(trained.sum(), 1) / np.maximum(self.counts, least)))


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The held-out split, prepared for judging lists of up to K places.

    A held-out row is relevant if its rating reaches the threshold. Rows with a COLD item are
    relevant like the others (they count in ``n_relevant`` and ``ideal_dcg``) but no list can hit
    them.
    """

    n_users: int
    """U, of the rankings that this can judge."""
    users: IntArray
    """[V] int64, ascending: the users with a held-out row, relevant or not."""
    n_relevant: IntArray
    """[V] int64: the number of relevant rows of each."""
    keys: IntArray
    """[R] int64, ascending: user * I + item of the relevant rows that can be hit."""
    gains: FloatArray
    """[R]: 2 ** (rating - threshold + 1) - 1 of each of them."""
    ideal_dcg: FloatArray
    """[V, K]: column k-1 is the largest possible DCG of a list of k items."""
    popularity: Popularity
    unseen: FloatArray
    """[2]: over all V users, the items of head and tail that the user has not in training."""
    unseen_relevant: FloatArray
    """[2]: the relevant ones among them."""


def ground_truth(
    train: Interactions, held_out: Interactions, threshold: float, depth: int
) -> GroundTruth:
    """Prepare a held-out split.

    Args:
        train: the training split.
        held_out: validation or test, in the same numbers.
        threshold: the least rating that is relevant.
        depth: K, the largest cutoff.

    Raises:
        DataError: the splits do not share their numbering, or nothing is relevant.
    """
    if (train.n_users, train.n_items) != (held_out.n_users, held_out.n_items):
        raise DataError(
            f"training and held-out rows are numbered differently: {train!r}, {held_out!r}"
        )
    relevant = held_out.ratings >= threshold
    if not relevant.any():
        raise DataError(
            f"no user has a relevant held-out item: none of the {len(held_out)} held-out ratings "
            f"reaches the relevance threshold {threshold:g}, so there is nothing to evaluate"
        )
    users = np.unique(held_out.users)
    rows = np.searchsorted(users, held_out.users[relevant])
    items = held_out.items[relevant]
    with np.errstate(over="ignore"):  # the evaluator refuses infinite gains where they matter
        gains = np.exp2(held_out.ratings[relevant] - threshold + 1) - 1
    warm = items != COLD
    keys = users[rows[warm]] * train.n_items + items[warm]

    popularity = Popularity.of(train)
    groups = (popularity.head, popularity.tail)
    known = train.items[np.isin(train.users, users)]
    unseen = [len(users) * group.sum() - group[known].sum() for group in groups]
    fresh = items[warm][~np.isin(keys, train.users * train.n_items + train.items)]
    return GroundTruth(
        n_users=train.n_users,
        users=users,
        n_relevant=np.bincount(rows, minlength=len(users)),
        keys=keys,
        gains=gains[warm],
        ideal_dcg=_ideal_dcg(rows, gains, len(users), depth),
        popularity=popularity,
        unseen=np.array(unseen, np.float64),
        unseen_relevant=np.array([group[fresh].sum() for group in groups], np.float64),
    )


def discounts(depth: int) -> FloatArray:
    """Return 1 / log2(rank + 1) for the ranks 1..depth, [depth]."""
    return 1 / np.log2(np.arange(2, depth + 2))


def _ideal_dcg(rows: IntArray, gains: FloatArray, n_rows: int, depth: int) -> FloatArray:
    """Return [n_rows, depth]: column k-1 is the DCG of the k largest gains of the row.

    Args:
        rows: [R] ascending.
        gains: [R].
        n_rows: V.
        depth: K.
    """
    order = np.lexsort((-gains, rows))
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    within = places < depth
    best = np.zeros((n_rows, depth))
    best[rows[within], places[within]] = gains[order][within]
    return np.cumsum(best * discounts(depth), axis=1)


@dataclass(frozen=True, eq=False)
class Context:
    """The lists of one ranking, judged: everything a metric reads.

    The rows are the V users of ``truth.users``, the columns the K places of the lists.
    """

    truth: GroundTruth
    items: IntArray
    """[V, K] int64."""
    listed: BoolArray
    """[V, K]: the place holds an item."""
    hits: BoolArray
    """[V, K]: the item is relevant to the user."""
    gains: FloatArray
    """[V, K]: the gain of a hit, else 0."""

    def at(self, cutoff: int) -> Context:
        """Return the same lists cut after ``cutoff`` places (views, no copies)."""
        names = ("items", "listed", "hits", "gains")
        return replace(self, **{name: getattr(self, name)[:, :cutoff] for name in names})

    @property
    def cutoff(self) -> int:
        """The number of places K."""
        return int(self.items.shape[1])

    @cached_property
    def lengths(self) -> IntArray:
        """[V]: the number of items in each list."""
        return np.asarray(np.count_nonzero(self.listed, axis=1), np.int64)

    @cached_property
    def n_hits(self) -> IntArray:
        """[V]: the number of hits in each list."""
        return np.asarray(np.count_nonzero(self.hits, axis=1), np.int64)

    @cached_property
    def item_counts(self) -> IntArray:
        """[I]: in how many lists each item stands."""
        n_items = len(self.truth.popularity.counts)
        return np.bincount(self.items[self.listed], minlength=n_items)

    def count(self, marked: BoolArray) -> IntArray:
        """Return [V]: how many items of each list are marked in ``marked`` [I]."""
        return np.asarray(np.count_nonzero(marked[self.items] & self.listed, axis=1), np.int64)


def judge(truth: GroundTruth, ranking: Ranking) -> Context:
    """Look every recommended item up in the ground truth.

    Raises:
        ModelError: the ranking has another number of users, shorter lists than the largest cutoff
            or item numbers outside of the catalogue.
    """
    depth, n_items = truth.ideal_dcg.shape[1], len(truth.popularity.counts)
    if len(ranking.items) != truth.n_users:
        raise ModelError(f"expected lists of {truth.n_users} users, found {len(ranking.items)}")
    if ranking.items.shape[1] < depth:
        raise ModelError(
            f"lists of {ranking.items.shape[1]} items cannot be evaluated at the cutoff {depth}"
        )
    items = ranking.items[truth.users, :depth]
    listed = items >= 0
    if items.max() >= n_items:
        raise ModelError(f"a list holds item number {items.max()}; expected 0..{n_items - 1}")
    if not len(truth.keys):  # every relevant item is cold
        return Context(truth, items, listed, np.zeros_like(listed), np.zeros(items.shape))
    keys = truth.users[:, None] * n_items + items
    places = np.searchsorted(truth.keys, keys)
    places[places == len(truth.keys)] = 0  # a key beyond the last one does not equal the first
    hits = listed & (truth.keys[places] == keys)
    return Context(truth, items, listed, hits, np.where(hits, truth.gains[places], 0.0))
