"""What makes the figures of lists made elsewhere doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec.data import Interactions
from mmrec.errors import listing
from mmrec.evaluation.ranking import Ranking
from mmrec.text import counted


def short_lists(recs: Path, longest: int, cutoffs: Sequence[int]) -> str | None:
    """Return a warning if there are cutoffs beyond the longest list."""
    beyond = [cutoff for cutoff in cutoffs if cutoff > longest]
    if not beyond:
        return None
    return (
        f"{recs}: the longest list has {counted(longest, 'item')}; figures at "
        f"{listing(beyond)} are those of these shorter lists"
    )


def few_lists(recs: Path, n_users: int, missing: int) -> str | None:
    """Return a warning if more than half of the users with held-out items have no list."""
    if 2 * missing <= n_users:
        return None
    return (
        f"{recs}: only {n_users - missing:,} of {counted(n_users, 'user')} with held-out items "
        "have a list; all others count as misses"
    )


def trained_items(recs: Path, ranking: Ranking, train: Interactions) -> str | None:
    """Return a warning if lists contain training items of their users."""
    users, places = np.nonzero(ranking.items >= 0)
    listed = users * train.n_items + ranking.items[users, places]
    n_own = int(np.isin(listed, train.users * train.n_items + train.items).sum())
    if not n_own:
        return None
    return (
        f"{recs}: {n_own:,} of {counted(len(listed), 'recommendation')} are training items of "
        "their user; they keep their places: were the lists made on other splits?"
    )
