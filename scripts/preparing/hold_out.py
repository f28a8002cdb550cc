"""The split of interactions by the authors of LATTICE."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from mmrec.data.vocabulary import IntArray

SPLITS: Mapping[str, int] = MappingProxyType({"train": 0, "val": 1, "test": 2})

DESCRIPTION = (
    "per user, in the order of their first review: of fewer than 10 items, 2 are held out, else "
    "20 % (rounded down), drawn by numpy.random.RandomState(seed).choice without replacement; the "
    "first half (rounded down) is test, the rest validation; users with fewer than 3 items are in "
    "training only"
)


def hold_out(users: IntArray, seed: int) -> IntArray:
    """Assign every interaction to a split.

    The draws are those of ``data/build_data.py`` in the repository CRIPAC-DIG/LATTICE (seed 123):
    the same items are held out if no pair is repeated and no user has fewer than 3 items.

    Args:
        users: [N] user numbers of the interactions, in the order of the reviews; users are numbered
            0, 1, ... by their first occurrence.
        seed: seed of the draws.

    Returns:
        [N] values of :data:`SPLITS`.
    """
    # Not a Generator: the draws must equal those after the authors' np.random.seed(123).
    rng = np.random.RandomState(seed)
    split = np.full(len(users), SPLITS["train"])
    by_user = np.argsort(users, kind="stable")
    ends = np.cumsum(np.bincount(users))
    for own in np.split(by_user, ends[:-1]):
        n_items = len(own)
        if n_items < 3:
            continue
        n_held = 2 if n_items < 10 else int(n_items * 0.2)
        held = own[rng.choice(n_items, n_held, replace=False)]
        split[held[: n_held // 2]] = SPLITS["test"]
        split[held[n_held // 2 :]] = SPLITS["val"]
    return split
