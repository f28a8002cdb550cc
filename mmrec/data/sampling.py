"""Training triplets (user, positive, negative), drawn without a Python loop over samples.

A sampler holds no random state: each epoch's triplets come from the generator it is given, so an
epoch can be drawn again, alone, in another process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from mmrec.data.interactions import Interactions
from mmrec.data.vocabulary import IntArray
from mmrec.errors import DataError


class Triplets(NamedTuple):
    """Parallel arrays [n] int64 of one epoch, in the order of training."""

    users: IntArray
    positives: IntArray
    negatives: IntArray


class TripletSampler(ABC):
    """Draws the triplets of an epoch; consecutive runs of ``batch_size`` make its batches.

    A user who has every item has no negative one and is never drawn.

    Args:
        train: the training interactions.
        batch_size: triplets in a batch; a subclass may lower it.

    Raises:
        DataError: no user lacks any item.
    """

    def __init__(self, train: Interactions, batch_size: int) -> None:
        self.train = train
        self.batch_size = batch_size
        degrees = train.user_degrees
        self.eligible_users = np.flatnonzero((degrees > 0) & (degrees < train.n_items))
        if not len(self.eligible_users):
            raise DataError("every user has every item: there is no negative item to train on")
        # For the r-th item that a user lacks: of the ascending items a_0, a_1, ... that the user
        # has, those with a_j - j <= r lie below it. Adding user * (I + 1) sorts all users at once.
        rank = np.arange(len(train)) - train.offsets[train.users]
        self._gaps = train.users * (train.n_items + 1) + train.items - rank

    @abstractmethod
    def draw_epoch(self, rng: np.random.Generator) -> Triplets:
        """Return all triplets of one epoch."""

    def _complete(self, users: IntArray, rng: np.random.Generator) -> Triplets:
        """Draw for each user a positive among its items and a negative among all others."""
        degrees = self.train.user_degrees[users]
        positives = self.train.items[self.train.offsets[users] + rng.integers(0, degrees)]
        missing = rng.integers(0, self.train.n_items - degrees)
        keys = users * (self.train.n_items + 1) + missing
        below = np.searchsorted(self._gaps, keys, side="right") - self.train.offsets[users]
        return Triplets(users, positives, missing + below)


class UniformUsers(TripletSampler):
    """As many triplets as interactions; each user uniform, with replacement. For LightGCNM."""

    def draw_epoch(self, rng: np.random.Generator) -> Triplets:
        """Return one triplet for each training interaction; the last batch may be partial."""
        return self._complete(rng.choice(self.eligible_users, size=len(self.train)), rng)


class DistinctUsers(TripletSampler):
    """Batches of distinct users, one triplet each; ceil(interactions / batch_size) of them.

    For LATTICE. A ``batch_size`` above the number of users is lowered to it.
    """

    def __init__(self, train: Interactions, batch_size: int) -> None:
        super().__init__(train, batch_size)
        self.n_batches = -(-len(train) // batch_size)
        self.batch_size = min(batch_size, len(self.eligible_users))

    def draw_epoch(self, rng: np.random.Generator) -> Triplets:
        """Return full batches; no user stands twice in one of them."""
        users = np.concatenate(
            [
                rng.choice(self.eligible_users, size=self.batch_size, replace=False)
                for _ in range(self.n_batches)
            ]
        )
        return self._complete(users, rng)
