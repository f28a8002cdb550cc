"""Coverage, diversity, novelty and popularity metrics.

Functions return an array [V] with a value for each user with a held-out row, or one number for all
lists. Undefined values are NaN.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import BoolArray, FloatArray, IntArray
from mmrec.evaluation.base import metric
from mmrec.evaluation.ground_truth import discounts
from mmrec.evaluation.judged_lists import JudgedLists


def _per_item(totals: FloatArray | IntArray, lists: JudgedLists) -> FloatArray:
    """Divide by the length of the list, [V]; NaN for an empty list."""
    lengths = lists.lengths
    return np.where(lengths > 0, totals / np.maximum(lengths, 1), np.nan)


@metric("NumRetrieved")
def num_retrieved(lists: JudgedLists) -> FloatArray:
    """The length of the list, at most k, [V]."""
    return lists.lengths.astype(np.float64)


@metric("UserCoverage", over=None)
def user_coverage(lists: JudgedLists) -> float:
    """The number of users with at least one recommendation, at any k."""
    return float(np.count_nonzero(lists.lengths))


@metric("UserCoverageAtN", over=None)
def user_coverage_at_n(lists: JudgedLists) -> float:
    """The number of users with at least k recommendations."""
    return float(np.count_nonzero(lists.lengths == lists.cutoff))


@metric("ItemCoverage", over=None)
def item_coverage(lists: JudgedLists) -> float:
    """The number of distinct items in all lists."""
    return float(np.count_nonzero(lists.item_counts))


@metric("Gini", over=None)
def gini(lists: JudgedLists) -> float:
    """1 - sum over j of (2 j - n - 1) p_j / (n - 1): 1 for even, 0 for the most uneven exposure.

    n is the size of the catalogue and p_j the share of item j in all recommendations, in ascending
    order. This is Elliot's definition: 1 minus the Gini coefficient.
    """
    return evenness(lists.item_counts, lists.truth.popularity.catalogue_size)


def evenness(counts: IntArray, n: int) -> float:
    """Return 1 - the Gini coefficient of the numbers of recommendations of ``n`` items.

    Args:
        counts: [I] int64.
        n: the size of the catalogue.

    Returns:
        NaN without a recommendation.
    """
    counts = np.sort(counts[counts > 0])
    if n < 2 or not len(counts):
        return float("nan")
    ranks = n - len(counts) + np.arange(1, len(counts) + 1)  # unseen items come first, with p = 0
    return float(1 - ((2 * ranks - n - 1) * counts).sum() / counts.sum() / (n - 1))


@metric("SEntropy", over=None)
def shannon_entropy(lists: JudgedLists) -> float:
    """Mean over users of the mean over their list of -log2 p_i, p_i as in :func:`gini`.

    For lists of one length this is the entropy -sum p_i log2 p_i.
    """
    counts = lists.item_counts
    if not counts.any():
        return float("nan")
    information = np.log2(counts.sum() / np.maximum(counts, 1))
    surprise = np.where(lists.listed, information[lists.items], 0.0).sum(axis=1)
    return float(np.nanmean(_per_item(surprise, lists)))


@metric("EFD")
def expected_free_discovery(lists: JudgedLists) -> FloatArray:
    """Discounted mean over the list of relevance * -log2(share of the training rows), [V].

    Expected free discovery. The discount is 1 / log2(rank + 1); items without training rows
    count as the rarest.
    """
    return discounted_mean(lists, lists.truth.popularity.self_information, lists.hits)


@metric("EPC")
def expected_popularity_complement(lists: JudgedLists) -> FloatArray:
    """Discounted mean over the list of relevance * (1 - share of the training users), [V].

    Expected popularity complement. The discount is 1 / log2(rank + 1).
    """
    return discounted_mean(lists, popularity_complement(lists), lists.hits)


def popularity_complement(lists: JudgedLists) -> FloatArray:
    """Return [I]: 1 - the share of the training users who have the item."""
    popularity = lists.truth.popularity
    return 1 - popularity.counts / max(popularity.n_users, 1)


def discounted_mean(
    lists: JudgedLists, novelty: FloatArray, relevance: FloatArray | BoolArray
) -> FloatArray:
    """Return [V]: the mean of relevance * novelty with weights 1 / log2(rank + 1).

    Args:
        lists: V lists.
        novelty: [I].
        relevance: [V, K], 0 at misses.

    Returns:
        0 for an empty list.
    """
    weights = discounts(lists.cutoff)
    total = np.where(lists.hits, novelty[lists.items] * relevance * weights, 0.0).sum(axis=1)
    norm = (lists.listed * weights).sum(axis=1)
    return np.asarray(total / np.where(norm > 0, norm, 1.0))


@metric("ARP", over="held-out", higher_is_better=False)
def average_popularity(lists: JudgedLists) -> FloatArray:
    """The mean number of training rows of the items in the list, [V].

    Average recommendation popularity.
    """
    counts = lists.truth.popularity.counts
    return _per_item(np.where(lists.listed, counts[lists.items], 0).sum(axis=1), lists)


@metric("single_ARP", over="held-out", higher_is_better=False)
def single_average_popularity(lists: JudgedLists) -> FloatArray:
    """The value of :func:`average_popularity`, under the name in Formal-MultiMod-Rec, [V]."""
    return average_popularity(lists)


@metric("APLT", over="held-out")
def tail_share(lists: JudgedLists) -> FloatArray:
    """The share of long-tail items in the list, [V].

    Average percentage of long-tail items. The short head is the most popular items with 80 % of
    the training rows, the long tail the others.
    """
    return _per_item(lists.count(lists.truth.popularity.long_tail), lists)


@metric("ACLT", over="held-out")
def tail_count(lists: JudgedLists) -> FloatArray:
    """The number of long-tail items in the list, [V].

    Average coverage of long-tail items.
    """
    return lists.count(lists.truth.popularity.long_tail).astype(np.float64)
