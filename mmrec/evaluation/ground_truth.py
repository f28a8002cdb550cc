"""The held-out rows and the popularity of items that lists are judged by.

Shapes: U users, V users with at least one held-out row, I items, R relevant rows, K list positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmrec.data import COLD, BoolArray, FloatArray, IntArray, Interactions
from mmrec.errors import DataError

SHORT_HEAD_SHARE = 0.8
"""The short head is the smallest set of most popular items with this share of the interactions."""


@dataclass(frozen=True, eq=False)
class Popularity:
    """The number of training rows of each item.

    The catalogue consists of the items with at least one training row. Other items (of a held-out
    split or a recommendation file only) are neither in the short head nor in the long tail.
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
    def short_head(self) -> BoolArray:
        """[I]: the most popular items, which together have 80 % of the training rows."""
        return self.head(SHORT_HEAD_SHARE)

    def head(self, share: float) -> BoolArray:
        """Return [I]: the most popular items, which together have a share of the training rows.

        Items are taken by descending popularity, ties by ascending number, up to and including the
        first item that reaches the share.
        """
        order = np.argsort(-self.counts, kind="stable")
        reached = np.cumsum(self.counts[order])
        size = int(np.searchsorted(reached, share * self.counts.sum())) + 1
        head = np.zeros(len(self.counts), np.bool_)
        head[order[:size]] = True
        return head

    @cached_property
    def long_tail(self) -> BoolArray:
        """[I]: the items of the catalogue outside of the short head."""
        return (self.counts > 0) & ~self.short_head

    @cached_property
    def self_information(self) -> FloatArray:
        """[I]: -log2 of the item's share of the training rows.

        Items without rows get the value of the rarest item of the catalogue.
        """
        trained = self.counts[self.counts > 0]
        least = trained.min() if len(trained) else 1
        return np.asarray(np.log2(max(trained.sum(), 1) / np.maximum(self.counts, least)))


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """A held-out split, prepared to judge lists of up to K items.

    A held-out row is relevant if its rating reaches the threshold. Rows with a COLD item count in
    ``n_relevant`` and ``ideal_dcg``, but no list can contain the item.
    """

    n_users: int
    """U, the number of users of the rankings."""
    users: IntArray
    """[V] int64, ascending: the users with a held-out row, relevant or not."""
    n_relevant: IntArray
    """[V] int64: the number of relevant rows of each."""
    keys: IntArray
    """[R] int64, ascending: user * I + item of the relevant rows with a trained item."""
    gains: FloatArray
    """[R]: 2 ** (rating - threshold + 1) - 1 of each of them."""
    ideal_dcg: FloatArray
    """[V, K]: column k-1 is the largest possible DCG of a list of k items."""
    popularity: Popularity
    train: Interactions
    """The training split."""

    @cached_property
    def rows(self) -> IntArray:
        """[R] int64: the index in ``users`` of the user of each key."""
        return np.searchsorted(self.users, self.keys // self.train.n_items).astype(np.int64)

    @cached_property
    def seen(self) -> IntArray:
        """[I] int64: how many of the V users have a training row of each item."""
        known = self.train.items[np.isin(self.train.users, self.users)]
        return np.bincount(known, minlength=self.train.n_items)

    @cached_property
    def unseen_relevant(self) -> IntArray:
        """[I] int64: how many users each item is relevant to without being in their training."""
        items = self.keys % self.train.n_items
        is_seen = self.train.contains(self.users[self.rows], items)
        return np.bincount(items[~is_seen], minlength=self.train.n_items)


def ground_truth(
    train: Interactions, held_out: Interactions, threshold: float, depth: int
) -> GroundTruth:
    """Prepare a held-out split.

    Args:
        train: the training split.
        held_out: validation or test, with the same numbering.
        threshold: the least rating that is relevant.
        depth: K, the largest cutoff.

    Raises:
        DataError: the splits have different numberings, or nothing is relevant.
    """
    if (train.n_users, train.n_items) != (held_out.n_users, held_out.n_items):
        raise DataError(
            f"training and held-out rows have different numberings: {train!r}, {held_out!r}"
        )
    relevant = held_out.ratings >= threshold
    if not relevant.any():
        raise DataError(
            f"no user has a relevant held-out item: none of the {len(held_out)} held-out ratings "
            f"reaches the relevance threshold {threshold:g}"
        )
    users = np.unique(held_out.users)
    rows = np.searchsorted(users, held_out.users[relevant])
    items = held_out.items[relevant]
    with np.errstate(over="ignore"):  # the evaluator refuses infinite gains where they matter
        gains = np.exp2(held_out.ratings[relevant] - threshold + 1) - 1
    warm = items != COLD
    keys = users[rows[warm]] * train.n_items + items[warm]

    return GroundTruth(
        n_users=train.n_users,
        users=users,
        n_relevant=np.bincount(rows, minlength=len(users)),
        keys=keys,
        gains=gains[warm],
        ideal_dcg=_ideal_dcg(rows, gains, len(users), depth),
        popularity=Popularity.of(train),
        train=train,
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
