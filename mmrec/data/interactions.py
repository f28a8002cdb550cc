"""One split of the interactions, in internal numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmrec.data.vocabulary import BoolArray, FloatArray, IntArray
from mmrec.errors import DataError

COLD = -1
"""The item number of held-out items outside of the training split."""


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Parallel arrays of one split, sorted by user, then by item.

    Pairs of a training split are distinct. A user may have several rows with item :data:`COLD` in a
    held-out split: they count as relevant, but cannot be recommended.

    Shapes: E interactions, U = ``n_users``, I = ``n_items``.
    """

    users: IntArray
    """[E] int64, each in 0..U-1."""
    items: IntArray
    """[E] int64, each in 0..I-1, or COLD."""
    ratings: FloatArray
    """[E] float64."""
    n_users: int
    n_items: int

    @classmethod
    def from_arrays(
        cls,
        users: IntArray,
        items: IntArray,
        n_users: int,
        n_items: int,
        ratings: FloatArray | None = None,
    ) -> Interactions:
        """Sort and check the arrays; ``ratings`` default to 1.

        Raises:
            DataError: lengths differ, a number is out of range, a rating is not finite, or a pair
                is a duplicate.
        """
        users, items = np.asarray(users, np.int64), np.asarray(items, np.int64)
        values = np.ones(len(users)) if ratings is None else np.asarray(ratings, np.float64)
        if not len(users) == len(items) == len(values):
            raise DataError(f"{len(users)} users, {len(items)} items, {len(values)} ratings")
        order = np.lexsort((items, users))
        split = cls(users[order], items[order], values[order], n_users, n_items)
        split._check()
        return split

    def _check(self) -> None:
        for name, numbers, low, size in (
            ("a user", self.users, 0, self.n_users),
            ("an item", self.items, COLD, self.n_items),
        ):
            if len(numbers) and not (low <= numbers.min() and numbers.max() < size):
                raise DataError(f"{name} number is outside of {low}..{size - 1}")
        if not np.isfinite(self.ratings).all():
            raise DataError("a rating is NaN or infinite; expected finite numbers")
        is_duplicate = (np.diff(self.users) == 0) & (np.diff(self.items) == 0)
        is_duplicate &= self.items[1:] != COLD
        if is_duplicate.any():
            row = int(np.flatnonzero(is_duplicate)[0])
            raise DataError(f"duplicate row of user {self.users[row]}, item {self.items[row]}")

    def __len__(self) -> int:
        return len(self.users)

    def contains(self, users: IntArray, items: IntArray) -> BoolArray:
        """Return [n]: which pairs are rows.

        Args:
            users: [n] int64, each in 0..U-1.
            items: [n] int64, each in 0..I-1, or COLD.
        """
        size = self.n_items + 1  # COLD is then no item of the user before
        return np.isin(users * size + items, self.users * size + self.items)

    def __repr__(self) -> str:
        return f"<Interactions ({self.n_users} users x {self.n_items} items x {len(self)} rows)>"

    @cached_property
    def offsets(self) -> IntArray:
        """[U+1]: the rows of user u are ``offsets[u]:offsets[u + 1]``."""
        return np.searchsorted(self.users, np.arange(self.n_users + 1)).astype(np.int64)

    @cached_property
    def user_degrees(self) -> IntArray:
        """[U]: the number of rows of each user."""
        return np.diff(self.offsets)

    @cached_property
    def item_degrees(self) -> IntArray:
        """[I]: the number of rows of each item, without cold rows."""
        counts = np.bincount(self.items[self.items != COLD], minlength=self.n_items)
        return counts.astype(np.int64)
