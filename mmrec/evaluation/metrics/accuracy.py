"""Accuracy metrics: whether lists contain the relevant held-out items.

Functions return an array [V] with a value for each user with a held-out row. Values of users
without a relevant item are arbitrary; the evaluator ignores them.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import FloatArray
from mmrec.evaluation.base import metric
from mmrec.evaluation.ground_truth import discounts
from mmrec.evaluation.judged_lists import JudgedLists


@metric("Recall", on_hits=True)
def recall(lists: JudgedLists) -> FloatArray:
    """Hits / relevant, [V]."""
    return lists.n_hits / np.maximum(lists.truth.n_relevant, 1)


@metric("MAR", on_hits=True)
def mean_recall(lists: JudgedLists) -> FloatArray:
    """Mean over n = 1..k of the recall of the first n, [V], also if the list is shorter."""
    found = lists.hits.cumsum(axis=1).mean(axis=1)
    return np.asarray(found / np.maximum(lists.truth.n_relevant, 1))


@metric("Precision", on_hits=True)
def precision(lists: JudgedLists) -> FloatArray:
    """Hits / k, [V], even if the list is shorter."""
    return lists.n_hits / lists.cutoff


@metric("F1", on_hits=True)
def f1(lists: JudgedLists) -> FloatArray:
    """2 P R / (P + R) of the user's precision P and recall R = 2 hits / (k + relevant), [V]."""
    return 2 * lists.n_hits / (lists.cutoff + lists.truth.n_relevant)


@metric("HR", on_hits=True)
def hit_rate(lists: JudgedLists) -> FloatArray:
    """1 if there is any hit, else 0, [V]."""
    return (lists.n_hits > 0).astype(np.float64)


@metric("MRR", on_hits=True)
def reciprocal_rank(lists: JudgedLists) -> FloatArray:
    """1 / rank of the first hit, 0 without one, [V]."""
    first = lists.hits.argmax(axis=1) + 1
    return np.asarray((lists.n_hits > 0) / first)


@metric("MAP", on_hits=True)
def mean_precision(lists: JudgedLists) -> FloatArray:
    """Mean over n = 1..k of the precision of the first n, [V].

    This is Elliot's MAP. The usual average precision averages over the ranks of the relevant items
    only: :func:`average_precision`.
    """
    return np.asarray(_precisions(lists).mean(axis=1))


@metric("MAPTrec", on_hits=True)
def average_precision(lists: JudgedLists) -> FloatArray:
    """Sum over the ranks n of the hits of the precision of the first n, / relevant, [V].

    The average precision of trec_eval (``map_cut``): relevant items outside of the list count as 0,
    even if there are more than k.
    """
    total = (_precisions(lists) * lists.hits).sum(axis=1)
    return np.asarray(total / np.maximum(lists.truth.n_relevant, 1))


def _precisions(lists: JudgedLists) -> FloatArray:
    """Return the precision of the first n items for n = 1..k, [V, k]."""
    return lists.hits.cumsum(axis=1) / np.arange(1, lists.cutoff + 1)


@metric("nDCG", graded=True, on_hits=True)
def ndcg(lists: JudgedLists) -> FloatArray:
    """DCG / IDCG with the gain 2 ** (rating - threshold + 1) - 1, [V].

    DCG = sum over the hits of gain / log2(rank + 1). IDCG is the DCG of the user's k largest gains,
    including items that cannot be recommended.
    """
    ideal = lists.truth.ideal_dcg[:, lists.cutoff - 1]
    found = (lists.gains * discounts(lists.cutoff)).sum(axis=1)
    return np.asarray(found / np.where(ideal > 0, ideal, 1))


@metric("single_nDCG", graded=True, on_hits=True)
def single_ndcg(lists: JudgedLists) -> FloatArray:
    """The value of :func:`ndcg`, under the name in Formal-MultiMod-Rec, [V]."""
    return ndcg(lists)


@metric("nDCGRendle2020", on_hits=True)
def binary_ndcg(lists: JudgedLists) -> FloatArray:
    """DCG / IDCG with the gain 1 for every relevant item, [V].

    IDCG is the sum of 1 / log2(rank + 1) over the first min(k, relevant) ranks.
    """
    weights = discounts(lists.cutoff)
    ideal = np.cumsum(weights)[np.clip(lists.truth.n_relevant, 1, lists.cutoff) - 1]
    return np.asarray((lists.hits * weights).sum(axis=1) / ideal)
