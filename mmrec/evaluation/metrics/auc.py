"""Areas under the ROC curve: how many other candidates are above the relevant items.

A hit at position r, counted from 0, with p hits above it, contributes 1 - (r - p) / N, where
N = items of the catalogue - training items of the user - relevant items of the user + 1.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import FloatArray
from mmrec.evaluation.base import metric
from mmrec.evaluation.judged_lists import JudgedLists


def _areas(lists: JudgedLists) -> FloatArray:
    """Return [V, K]: the contribution of each hit, 0 elsewhere."""
    truth = lists.truth
    known = truth.train.user_degrees[truth.users] + truth.n_relevant
    others = truth.popularity.catalogue_size - known + 1
    misses_above = np.arange(lists.cutoff) - (lists.hits.cumsum(axis=1) - lists.hits)
    areas = 1 - misses_above / np.maximum(others, 1)[:, None]
    return np.asarray(np.where(lists.hits, areas, 0.0))


@metric("LAUC")
def limited_auc(lists: JudgedLists) -> FloatArray:
    """Sum over the hits of 1 - misses above / N, / min(k, relevant), [V].

    N = items - training items - relevant items + 1, of the catalogue and of the user. In a large
    catalogue this is close to hits / min(k, relevant).
    """
    possible = np.clip(lists.truth.n_relevant, 1, lists.cutoff)
    return np.asarray(_areas(lists).sum(axis=1) / possible)


@metric("GAUC", complete=True)
def group_auc(lists: JudgedLists) -> FloatArray:
    """Sum over the hits of 1 - misses above / N, / relevant, in complete rankings, [V].

    N as in :func:`limited_auc`. The value is the same at every cutoff.
    """
    return np.asarray(_areas(lists).sum(axis=1) / np.maximum(lists.truth.n_relevant, 1))


@metric("AUC", over=None, complete=True)
def pooled_auc(lists: JudgedLists) -> float:
    """Mean over all hits of all users of 1 - misses above / N, in complete rankings.

    N as in :func:`limited_auc`. The value is the same at every cutoff; users with many hits weigh
    more than in :func:`group_auc`.
    """
    n_hits = lists.n_hits.sum()
    return float(_areas(lists).sum() / n_hits) if n_hits else float("nan")
