"""How far the accuracy of groups of users or items is apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mmrec.data import FloatArray, IntArray
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import GroupName, ItemGroups, UserGroups
from mmrec.evaluation.metrics.accuracy import ndcg


class _Deviation(ComplexMetric):
    """The mean difference of the means of groups."""

    clustering_name: GroupName = ""
    """Name of the groups in the name of the column."""

    @property
    def is_graded(self) -> bool:
        """Gains are read."""
        return True

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric with that of the groups; lower is better."""
        return {f"{self.name}_{self.clustering_name}": "lower"}


@complex_metric("UserMADranking")
class UserDeviation(_Deviation):
    """Mean over the pairs of groups of users of the absolute difference of their mean ``nDCG``.

    NaN if there is one group, or a group has no user with a relevant item.
    """

    clustering_file: UserGroups
    """File with the group of each user."""

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Find the group of each user."""
        groups = self.clustering_file.groups_of(ids.users)[truth.users]
        n_groups, (name,) = len(self.clustering_file.sizes), self.outputs()
        groups = np.where(truth.n_relevant > 0, groups, -1)
        return lambda lists: {name: _mean_difference(ndcg(lists), groups, n_groups)}


@complex_metric("ItemMADranking")
class ItemDeviation(_Deviation):
    """Mean over the pairs of groups of items of the absolute difference of their mean gain.

    The gain of an item is the sum of 2 ** (rating - threshold + 1) - 1 over the lists where it is a
    hit, / the number of all lists with the item. Only users with a relevant item and recommended
    items count. NaN if there is one group, or a group has no recommended item.
    """

    clustering_file: ItemGroups
    """File with the group of each item."""

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Find the group of each item."""
        groups = self.clustering_file.groups_of(ids.items)
        n_groups, (name,) = len(self.clustering_file.sizes), self.outputs()
        has_relevant = (truth.n_relevant > 0)[:, None]

        def compute(lists: JudgedLists) -> dict[str, float]:
            listed = lists.listed & has_relevant
            items, gains = lists.items[listed], lists.gains[listed]
            counts = np.bincount(items, minlength=len(groups))
            means = np.bincount(items, gains, minlength=len(groups)) / np.maximum(counts, 1)
            shown = np.where(counts > 0, groups, -1)
            return {name: _mean_difference(means, shown, n_groups)}

        return compute


def _mean_difference(values: FloatArray, groups: IntArray, n_groups: int) -> float:
    """Return the mean absolute difference between the means of two groups.

    Args:
        values: [n].
        groups: [n] int64, -1 where a value does not count.
        n_groups: G.

    Returns:
        NaN for one group, and if a group has no value.
    """
    members = [values[groups == group] for group in range(n_groups)]
    if n_groups < 2 or not all(map(len, members)):
        return float("nan")
    means = [float(of_group.mean()) for of_group in members]
    return float(np.mean([abs(one - other) for one, other in combinations(means, 2)]))
