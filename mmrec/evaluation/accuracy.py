"""Accuracy metrics: does the list hold what the user took afterwards?

Every function reads lists cut at k and returns one value for each of the V users with a held-out
row. A user without a relevant item has no such value: what stands in that place is meaningless,
and the evaluator drops it.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import FloatArray
from mmrec.evaluation.context import Context, discounts


def recall(lists: Context) -> FloatArray:
    """Hits / relevant, [V]."""
    return lists.n_hits / np.maximum(lists.truth.n_relevant, 1)


def precision(lists: Context) -> FloatArray:
    """Hits / k, [V]; k also where the list is shorter."""
    return lists.n_hits / lists.cutoff


def f1(lists: Context) -> FloatArray:
    """2 P R / (P + R) of the user's precision P and recall R = 2 hits / (k + relevant), [V]."""
    return 2 * lists.n_hits / (lists.cutoff + lists.truth.n_relevant)


def hit_rate(lists: Context) -> FloatArray:
    """1 if there is any hit, else 0, [V]."""
    return (lists.n_hits > 0).astype(np.float64)


def reciprocal_rank(lists: Context) -> FloatArray:
    """1 / rank of the first hit, 0 without one, [V]."""
    first = lists.hits.argmax(axis=1) + 1
    return np.asarray((lists.n_hits > 0) / first)


def mean_precision(lists: Context) -> FloatArray:
    """Mean over n = 1..k of the precision of the first n, [V].

    This is what Elliot calls MAP. The usual average precision takes the mean over the ranks of the
    relevant items only: :func:`average_precision`.
    """
    return np.asarray(_precisions(lists).mean(axis=1))


def average_precision(lists: Context) -> FloatArray:
    """Sum over the ranks n of the hits of the precision of the first n, / relevant, [V].

    The average precision of trec_eval (``map_cut``): relevant items that are not in the list count
    as 0, also if there are more of them than places.
    """
    total = (_precisions(lists) * lists.hits).sum(axis=1)
    return np.asarray(total / np.maximum(lists.truth.n_relevant, 1))


def _precisions(lists: Context) -> FloatArray:
    """Return the precision of the first n items for n = 1..k, [V, k]."""
    return lists.hits.cumsum(axis=1) / np.arange(1, lists.cutoff + 1)


def ndcg(lists: Context) -> FloatArray:
    """DCG / IDCG with the gain 2 ** (rating - threshold + 1) - 1, [V].

    DCG = sum over the hits of gain / log2(rank + 1). IDCG is the DCG of the user's k largest gains,
    those of items that cannot be recommended included.
    """
    ideal = lists.truth.ideal_dcg[:, lists.cutoff - 1]
    found = (lists.gains * discounts(lists.cutoff)).sum(axis=1)
    return np.asarray(found / np.where(ideal > 0, ideal, 1))


def binary_ndcg(lists: Context) -> FloatArray:
    """DCG / IDCG with the gain 1 for every relevant item, [V].

    IDCG is the sum of 1 / log2(rank + 1) over the first min(k, relevant) ranks.
    """
    weights = discounts(lists.cutoff)
    ideal = np.cumsum(weights)[np.clip(lists.truth.n_relevant, 1, lists.cutoff) - 1]
    return np.asarray((lists.hits * weights).sum(axis=1) / ideal)
