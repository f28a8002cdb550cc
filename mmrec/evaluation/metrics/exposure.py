"""Whether groups of items are recommended as often as their sizes and relevance suggest.

The items of a group are compared with its pairs of a user and an item outside of the user's
training items: in all lists (statistical parity), or among the relevant ones (equal opportunity).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from mmrec.config import PositiveReal
from mmrec.data import BoolArray, FloatArray, IntArray
from mmrec.evaluation.base import metric
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import SHORT_HEAD_SHARE, GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import GroupName, ItemGroups

Share = Annotated[PositiveReal, Field(le=1)]


@metric("PopRSP", over=None, higher_is_better=False)
def statistical_parity(lists: JudgedLists) -> float:
    """Standard deviation / mean, over short head and long tail, of P(recommended | group).

    Popularity-based, ranking-based statistical parity. P = items of the group in the lists / items
    of the group outside of the users' training rows. 0 is parity; 1 means that one group is never
    recommended. The short head is the most popular items with 80 % of the training rows, the long
    tail the others.
    """
    groups = [lists.truth.popularity.short_head, lists.truth.popularity.long_tail]
    return _dispersion(_listed(lists, groups), _unseen(lists.truth, groups))


@metric("PopREO", over=None, higher_is_better=False)
def equal_opportunity(lists: JudgedLists) -> float:
    """Standard deviation / mean, over both groups, of P(recommended | group, relevant).

    Popularity-based, ranking-based equal opportunity. P = hits of the group / relevant items of the
    group outside of the users' training rows. The groups are those of ``PopRSP``.
    """
    groups = [lists.truth.popularity.short_head, lists.truth.popularity.long_tail]
    return _dispersion(_hits(lists, groups), _unseen_relevant(lists.truth, groups))


class _PopularityGroups(ComplexMetric):
    """A metric of the short head and the long tail."""

    pop_ratio: Share = SHORT_HEAD_SHARE
    """Share of the training rows that the items of the short head have."""

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric; lower is better."""
        return {self.name: "lower"}


@complex_metric("ExtendedPopRSP")
class ExtendedPopRSP(_PopularityGroups):
    """``PopRSP`` with a short head of any size. NaN if there is no long tail."""

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Count the pairs that could be recommended."""
        groups = _head_and_tail(truth, self.pop_ratio)
        possible = _unseen(truth, groups)
        return lambda lists: {self.name: _dispersion(_listed(lists, groups), possible)}


@complex_metric("ExtendedPopREO")
class ExtendedPopREO(_PopularityGroups):
    """``PopREO`` with a short head of any size. NaN if there is no hit."""

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Count the relevant pairs that could be recommended."""
        groups = _head_and_tail(truth, self.pop_ratio)
        possible = _unseen_relevant(truth, groups)
        return lambda lists: {self.name: _dispersion(_hits(lists, groups), possible)}


class _ItemGroups(ComplexMetric):
    """A metric of the groups of a file."""

    clustering_name: GroupName
    """Name of the groups in the names of the columns."""
    clustering_file: ItemGroups
    """File with the group of each item."""

    def outputs(self) -> dict[str, Better]:
        """Return a probability for each group, and their dispersion, which is better if lower."""
        name, n_groups = self.clustering_name, len(self.clustering_file.sizes)
        probabilities: dict[str, Better] = {
            f"{self.name}-ProbToBeRanked_items:{name}-{group}": "neither"
            for group in range(n_groups)
        }
        return {**probabilities, f"{self.name}_items:{name}": "lower"}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Count the pairs that could be recommended."""
        of_items = self.clustering_file.groups_of(ids.items)
        groups = [of_items == group for group in range(len(self.clustering_file.sizes))]
        possible = self._possible(truth, groups)
        names = list(self.outputs())

        def compute(lists: JudgedLists) -> dict[str, float]:
            found = self._found(lists, groups)
            values = [*_probabilities(found, possible), _dispersion(found, possible)]
            return dict(zip(names, map(float, values), strict=True))

        return compute

    @abstractmethod
    def _possible(self, truth: GroundTruth, groups: Sequence[BoolArray]) -> FloatArray:
        """Return [G]: how many pairs of each group could be recommended."""

    @abstractmethod
    def _found(self, lists: JudgedLists, groups: Sequence[BoolArray]) -> FloatArray:
        """Return [G]: how many of them are in the lists."""


@complex_metric("RSP")
class StatisticalParity(_ItemGroups):
    """P(recommended | group) of each group of a file, and their standard deviation / mean.

    P = items of the group in the lists / items of the group outside of the users' training rows.
    0 is parity. Ids of the file that the data do not have count in the denominator.
    """

    def _possible(self, truth: GroundTruth, groups: Sequence[BoolArray]) -> FloatArray:
        return _unseen(truth, groups, self.clustering_file.sizes)

    def _found(self, lists: JudgedLists, groups: Sequence[BoolArray]) -> FloatArray:
        return _listed(lists, groups)


@complex_metric("REO")
class EqualOpportunity(_ItemGroups):
    """P(recommended | group, relevant) of each group of a file, and their deviation / mean.

    P = hits of the group / relevant items of the group outside of the users' training rows. NaN for
    a group without relevant items, and then for the dispersion.
    """

    def _possible(self, truth: GroundTruth, groups: Sequence[BoolArray]) -> FloatArray:
        return _unseen_relevant(truth, groups)

    def _found(self, lists: JudgedLists, groups: Sequence[BoolArray]) -> FloatArray:
        return _hits(lists, groups)


def _head_and_tail(truth: GroundTruth, share: float) -> list[BoolArray]:
    head = truth.popularity.head(share)
    return [head, (truth.popularity.counts > 0) & ~head]


def _listed(lists: JudgedLists, groups: Sequence[BoolArray]) -> FloatArray:
    """Return [G]: the number of list positions with an item of each group."""
    items = lists.items[lists.listed]
    return np.array([group[items].sum() for group in groups], np.float64)


def _hits(lists: JudgedLists, groups: Sequence[BoolArray]) -> FloatArray:
    """Return [G]: the number of hits of each group."""
    items = lists.items[lists.hits]
    return np.array([group[items].sum() for group in groups], np.float64)


def _unseen(
    truth: GroundTruth, groups: Sequence[BoolArray], sizes: IntArray | None = None
) -> FloatArray:
    """Return [G]: the pairs of the V users and items of each group without a training row."""
    if sizes is None:
        sizes = np.array([group.sum() for group in groups])
    seen = np.array([truth.seen[group].sum() for group in groups])
    return np.asarray(len(truth.users) * sizes - seen, np.float64)


def _unseen_relevant(truth: GroundTruth, groups: Sequence[BoolArray]) -> FloatArray:
    """Return [G]: the relevant pairs among them."""
    return np.array([truth.unseen_relevant[group].sum() for group in groups], np.float64)


def _probabilities(counts: FloatArray, possible: FloatArray) -> FloatArray:
    """Return [G]: counts / possible, NaN where nothing is possible."""
    return np.where(possible > 0, counts / np.maximum(possible, 1), np.nan)


def _dispersion(counts: FloatArray, possible: FloatArray) -> float:
    """Return std / mean of ``counts / possible``; NaN if a group is empty or all counts are 0."""
    if not possible.all() or not counts.any():
        return float("nan")
    probabilities = counts / possible
    return float(probabilities.std() / probabilities.mean())
