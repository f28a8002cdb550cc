"""Coverage, diversity, novelty and popularity metrics.

Functions return an array [V] with a value for each user with a held-out row, or one number for all
lists. Undefined values are NaN.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import FloatArray, IntArray
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
    counts = np.sort(lists.item_counts[lists.item_counts > 0])
    n = lists.truth.popularity.catalogue_size
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

    The discount is 1 / log2(rank + 1); items without training rows count as the rarest.
    """
    return _discounted_mean(lists, lists.truth.popularity.self_information)


@metric("EPC")
def expected_popularity_complement(lists: JudgedLists) -> FloatArray:
    """Discounted mean over the list of relevance * (1 - share of the training users), [V].

    The discount is 1 / log2(rank + 1).
    """
    popularity = lists.truth.popularity
    return _discounted_mean(lists, 1 - popularity.counts / max(popularity.n_users, 1))


def _discounted_mean(lists: JudgedLists, novelty: FloatArray) -> FloatArray:
    """Return [V]: the discounted mean of ``novelty`` [I], 0 at misses and for an empty list."""
    weights = discounts(lists.cutoff)
    total = np.where(lists.hits, novelty[lists.items] * weights, 0.0).sum(axis=1)
    norm = (lists.listed * weights).sum(axis=1)
    return np.asarray(total / np.where(norm > 0, norm, 1.0))


@metric("ARP", over="held-out", higher_is_better=False)
def average_popularity(lists: JudgedLists) -> FloatArray:
    """ARP: the mean number of training rows of the items of the list, [V]."""
    counts = lists.truth.popularity.counts
    return _per_item(np.where(lists.listed, counts[lists.items], 0).sum(axis=1), lists)


@metric("APLT", over="held-out")
def tail_share(lists: JudgedLists) -> FloatArray:
    """APLT: the share of long-tail items in the list, [V].

    The short head is the most popular items with 80 % of the training rows, the long tail the
    others.
    """
    return _per_item(lists.count(lists.truth.popularity.long_tail), lists)


@metric("ACLT", over="held-out")
def tail_count(lists: JudgedLists) -> FloatArray:
    """ACLT: the number of long-tail items in the list, [V]."""
    return lists.count(lists.truth.popularity.long_tail).astype(np.float64)


@metric("PopRSP", over=None, higher_is_better=False)
def statistical_parity(lists: JudgedLists) -> float:
    """PopRSP: standard deviation / mean, over short head and long tail, of P(recommended | group).

    P = items of the group in the lists / items of the group outside of the users' training rows.
    0 is parity; 1 means that one group is never recommended. The short head is the most popular
    items with 80 % of the training rows, the long tail the others.
    """
    return _dispersion(_in_groups(lists), lists.truth.unseen)


@metric("PopREO", over=None, higher_is_better=False)
def equal_opportunity(lists: JudgedLists) -> float:
    """PopREO: standard deviation / mean, over both groups, of P(recommended | group, relevant).

    P = hits of the group / relevant items of the group outside of the users' training rows. The
    groups are those of PopRSP.
    """
    return _dispersion(_in_groups(lists, only_hits=True), lists.truth.unseen_relevant)


def _in_groups(lists: JudgedLists, only_hits: bool = False) -> FloatArray:
    """Return [2]: the number of list positions with an item of the short head, the long tail."""
    items = lists.items[lists.hits if only_hits else lists.listed]
    popularity = lists.truth.popularity
    return np.array(
        [popularity.short_head[items].sum(), popularity.long_tail[items].sum()], np.float64
    )


def _dispersion(counts: FloatArray, possible: FloatArray) -> float:
    """Return std / mean of ``counts / possible``; NaN if a group is empty or both counts are 0."""
    if not possible.all() or not counts.any():
        return float("nan")
    probabilities = counts / possible
    return float(probabilities.std() / probabilities.mean())
