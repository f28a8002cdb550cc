"""Samplers of training batches, without a Python loop over samples.

A sampler has no random state: the samples of an epoch come from the generator it is given, so an
epoch can be drawn again, alone, in another process.

Shapes: n samples of an epoch, K negatives of each, U users, I items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np

from mmrec.data.interactions import Interactions
from mmrec.data.vocabulary import IntArray
from mmrec.errors import DataError
from mmrec.registry import Registry

_S = TypeVar("_S", bound="type[Sampler]")


class Samples(NamedTuple):
    """The samples of one epoch in the order of training, arrays of int64."""

    users: IntArray
    """[n]."""
    positives: IntArray
    """[n], items that the users have."""
    negatives: IntArray | None
    """[n], or [n, K] for several: items that the users do not have. None without negatives."""


SAMPLERS: Registry[type[Sampler]] = Registry("sampler", package="mmrec.data.sampling")
"""Every sampler by its name in the experiment file."""


def register_sampler(sampler: _S) -> _S:
    """Make a sampler available to experiment files under its class name (a class decorator)."""
    SAMPLERS.add(sampler.__name__, sampler, sampler)
    return sampler


class Sampler(ABC):
    """Draws the samples of an epoch; consecutive runs of ``batch_size`` are its batches.

    A user who has every item has no negative item and is never drawn with one.

    Args:
        train: the training interactions.
        batch_size: samples in a batch, from 1 up; a subclass may lower it.
        n_negatives: K, negatives for each positive.

    Raises:
        DataError: every user has every item.
    """

    has_negatives: ClassVar[bool] = True
    """Whether samples have negatives."""

    def __init__(self, train: Interactions, batch_size: int, n_negatives: int = 1) -> None:
        self.train = train
        self.batch_size = batch_size
        self.n_negatives = n_negatives
        if not self.has_negatives:
            return
        degrees = train.user_degrees
        self.eligible_users = np.flatnonzero((degrees > 0) & (degrees < train.n_items))
        if not len(self.eligible_users):
            raise DataError("every user has every item: there is no negative item to train on")
        # For the r-th item that a user does not have: of the ascending items a_0, a_1, ... that
        # the user has, those with a_j - j <= r are below it. Adding user * (I + 1) sorts all users
        # at once.
        rank = np.arange(len(train)) - train.offsets[train.users]
        gaps = train.users * (train.n_items + 1) + train.items - rank
        self._gaps = np.append(gaps, np.iinfo(np.int64).max)
        self._steps = [1 << bit for bit in reversed(range(int(degrees.max()).bit_length()))]

    @property
    @abstractmethod
    def n_samples(self) -> int:
        """Samples of an epoch."""

    @property
    def n_batches(self) -> int:
        """Batches of an epoch; the last one may be partial."""
        return -(-self.n_samples // self.batch_size)

    @abstractmethod
    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return all samples of one epoch."""

    def positives(self, users: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw for each user one of its items, uniformly; users [n], items [n]."""
        degrees = self.train.user_degrees[users]
        rows: IntArray = self.train.offsets[users] + rng.integers(0, degrees)
        return self.train.items[rows]

    def negatives(self, users: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw for each user uniformly among the items it does not have.

        Returns:
            [n] for users [n]; [n, K] where K is above 1.
        """
        n_missing = self.train.n_items - self.train.user_degrees[users]
        if self.n_negatives > 1:
            users, n_missing = users[:, None], n_missing[:, None]
            missing = rng.integers(0, n_missing, (len(users), self.n_negatives))
        else:
            missing = rng.integers(0, n_missing)
        keys = users * (self.train.n_items + 1) + missing
        # A binary search of all samples at once, each within the items of its user: four times as
        # fast as numpy's, which searches the items of all users for one sample after the other.
        first = self.train.offsets[users]
        below = np.zeros_like(keys) + (first - 1)
        for step in self._steps:
            below += step * (self._gaps.take(below + step, mode="clip") <= keys)
        return np.asarray(missing + (below + 1 - first))

    def with_items(self, users: IntArray, rng: np.random.Generator) -> Samples:
        """Draw a positive and the negatives of each user."""
        positives = self.positives(users, rng)
        return Samples(users, positives, self.negatives(users, rng))


@register_sampler
class UniformUsers(Sampler):
    """As many samples as interactions; each has a user drawn uniformly, with replacement."""

    @property
    def n_samples(self) -> int:
        """As many as training interactions."""
        return len(self.train)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return one sample for each training interaction; the last batch may be partial."""
        return self.with_items(rng.choice(self.eligible_users, size=len(self.train)), rng)


@register_sampler
class DistinctUsers(Sampler):
    """``ceil(interactions / batch_size)`` batches, each of distinct users with one positive.

    A ``batch_size`` above the number of users is lowered to it. The number of batches is that of
    the configured ``batch_size``, as in the reference implementation of LATTICE.
    """

    def __init__(self, train: Interactions, batch_size: int, n_negatives: int = 1) -> None:
        super().__init__(train, batch_size, n_negatives)
        self._n_batches = -(-len(train) // batch_size)
        self.batch_size = min(batch_size, len(self.eligible_users))

    @property
    def n_samples(self) -> int:
        """Full batches."""
        return self._n_batches * self.batch_size

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return full batches; no user occurs twice in one of them."""
        users = np.concatenate(
            [
                rng.choice(self.eligible_users, size=self.batch_size, replace=False)
                for _ in range(self._n_batches)
            ]
        )
        return self.with_items(users, rng)


@register_sampler
class EachInteraction(Sampler):
    """Each training interaction once, in a random order, with negatives of its user.

    The interactions of a user who has every item are left out.
    """

    def __init__(self, train: Interactions, batch_size: int, n_negatives: int = 1) -> None:
        super().__init__(train, batch_size, n_negatives)
        self._rows = np.flatnonzero(train.user_degrees[train.users] < train.n_items)

    @property
    def n_samples(self) -> int:
        """The training interactions of users with a negative item."""
        return len(self._rows)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return every interaction with its negatives; the last batch may be partial."""
        rows = rng.permutation(self._rows)
        users = self.train.users[rows]
        return Samples(users, self.train.items[rows], self.negatives(users, rng))


@register_sampler
class Pairs(Sampler):
    """Each training interaction once, in a random order, without negatives."""

    has_negatives = False

    @property
    def n_samples(self) -> int:
        """As many as training interactions."""
        return len(self.train)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return every interaction; the last batch may be partial."""
        rows = rng.permutation(len(self.train))
        return Samples(self.train.users[rows], self.train.items[rows], None)


@register_sampler
class AllUsers(Sampler):
    """One batch of all users, by ascending number, each with one positive and its negatives.

    The ``batch_size`` of the experiment file has no effect.
    """

    def __init__(self, train: Interactions, batch_size: int, n_negatives: int = 1) -> None:
        super().__init__(train, batch_size, n_negatives)
        self.batch_size = len(self.eligible_users)

    @property
    def n_samples(self) -> int:
        """The users with a positive and a negative item."""
        return len(self.eligible_users)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        """Return a sample of every user."""
        return self.with_items(self.eligible_users, rng)
