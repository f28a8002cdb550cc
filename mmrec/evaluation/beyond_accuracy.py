"""Coverage, diversity, novelty and popularity of the lists.

Functions that return an array [V] have one value for each user with a held-out row; NaN marks a
user for whom the value is undefined (an empty list). The others look at all lists together and
return one number, NaN where it is undefined.
"""

from __future__ import annotations

import numpy as np

from mmrec.data import FloatArray, IntArray
from mmrec.evaluation.context import Context, discounts


def _per_item(totals: FloatArray | IntArray, lists: Context) -> FloatArray:
    """Divide by the length of the list, [V]; NaN for an empty list."""
    lengths = lists.lengths
    return np.where(lengths > 0, totals / np.maximum(lengths, 1), np.nan)


def num_retrieved(lists: Context) -> FloatArray:
    """The length of the list, at most k, [V]."""
    return lists.lengths.astype(np.float64)


def user_coverage(lists: Context) -> float:
    """The number of users with at least one recommendation, whatever k."""
    return float(np.count_nonzero(lists.lengths))


def item_coverage(lists: Context) -> float:
    """The number of distinct items in all lists."""
    return float(np.count_nonzero(lists.item_counts))


def gini(lists: Context) -> float:
    """1 - sum over j of (2 j - n - 1) p_j / (n - 1): 1 is an even, 0 the most uneven exposure.

    n is the size of the catalogue and p_j the share of item j in all recommendations, in ascending
    order. This is Elliot's orientation; the Gini coefficient proper is 1 minus this.
    """
    counts = np.sort(lists.item_counts[lists.item_counts > 0])
    n = lists.truth.popularity.catalogue_size
    if n < 2 or not len(counts):
        return float("nan")
    ranks = n - len(counts) + np.arange(1, len(counts) + 1)  # unseen items come first, with p = 0
    return float(1 - ((2 * ranks - n - 1) * counts).sum() / counts.sum() / (n - 1))


def shannon_entropy(lists: Context) -> float:
    """Mean over users of the mean over their list of -log2 p_i, p_i as in :func:`gini`.

    For lists of one length this is the entropy -sum p_i log2 p_i.
    """
    counts = lists.item_counts
    if not counts.any():
        return float("nan")
    information = np.log2(counts.sum() / np.maximum(counts, 1))
    surprise = np.where(lists.listed, information[lists.items], 0.0).sum(axis=1)
    return float(np.nanmean(_per_item(surprise, lists)))


def expected_free_discovery(lists: Context) -> FloatArray:
    """Discounted mean over the list of relevance * -log2(share of the training rows), [V].

    The discount is 1 / log2(rank + 1); an item without training rows counts as the rarest one.
    """
    return _discounted_mean(lists, lists.truth.popularity.self_information)


def expected_popularity_complement(lists: Context) -> FloatArray:
    """Discounted mean over the list of relevance * (1 - share of the training users), [V].

    The discount is 1 / log2(rank + 1).
    """
    popularity = lists.truth.popularity
    return _discounted_mean(lists, 1 - popularity.counts / max(popularity.n_users, 1))


def _discounted_mean(lists: Context, novelty: FloatArray) -> FloatArray:
    """Return [V]: the discounted mean of ``novelty`` [I], 0 at misses and for an empty list."""
    weights = discounts(lists.cutoff)
    total = np.where(lists.hits, novelty[lists.items] * weights, 0.0).sum(axis=1)
    norm = (lists.listed * weights).sum(axis=1)
    return np.asarray(total / np.where(norm > 0, norm, 1.0))


def average_popularity(lists: Context) -> FloatArray:
    """ARP: the mean number of training rows of the items of the list, [V]."""
    counts = lists.truth.popularity.counts
    return _per_item(np.where(lists.listed, counts[lists.items], 0).sum(axis=1), lists)


def tail_share(lists: Context) -> FloatArray:
    """APLT: the share of long-tail items in the list, [V].

    The short head is the most popular items with 80 % of the training rows, the long tail the rest.
    """
    return _per_item(lists.count(lists.truth.popularity.tail), lists)


def tail_count(lists: Context) -> FloatArray:
    """ACLT: the number of long-tail items in the list, [V]."""
    return lists.count(lists.truth.popularity.tail).astype(np.float64)


def statistical_parity(lists: Context) -> float:
    """PopRSP: standard deviation / mean, over head and tail, of P(recommended | group).

    P = items of the group in the lists / items of the group that the users have not in training.
    0 is parity, 1 means that one group is never recommended.
    """
    return _dispersion(_in_groups(lists), lists.truth.unseen)


def equal_opportunity(lists: Context) -> float:
    """PopREO: standard deviation / mean, over head and tail, of P(recommended | group, relevant).

    P = hits of the group / relevant items of the group that the users have not in training.
    """
    return _dispersion(_in_groups(lists, only_hits=True), lists.truth.unseen_relevant)


def _in_groups(lists: Context, only_hits: bool = False) -> FloatArray:
    """Return [2]: the places of all lists that hold an item of the head, of the tail."""
    items = lists.items[lists.hits if only_hits else lists.listed]
    popularity = lists.truth.popularity
    return np.array([popularity.head[items].sum(), popularity.tail[items].sum()], np.float64)


def _dispersion(counts: FloatArray, possible: FloatArray) -> float:
    """Return std / mean of ``counts / possible``; NaN if a group is empty or both counts are 0."""
    if not possible.all() or not counts.any():
        return float("nan")
    probabilities = counts / possible
    return float(probabilities.std() / probabilities.mean())
