"""Metrics of each group of users."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mmrec.data import FloatArray
from mmrec.evaluation.base import find_metric
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import GroupName, UserGroups
from mmrec.evaluation.metrics.beyond_accuracy import evenness


class _Clustered(ComplexMetric):
    """A metric of each group of users."""

    of: ClassVar[str]
    """The metric."""

    user_clustering_name: GroupName
    """Name of the groups in the names of the columns."""
    user_clustering_file: UserGroups
    """File with the group of each user."""

    @property
    def is_graded(self) -> bool:
        """Whether the metric reads gains."""
        return find_metric(self.of).graded

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric for each group."""
        better: Better = "higher" if find_metric(self.of).higher_is_better else "lower"
        name, n_groups = self.user_clustering_name, len(self.user_clustering_file.sizes)
        return {f"{self.of}_users:{name}-{group}": better for group in range(n_groups)}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Find the users of each group."""
        groups = self.user_clustering_file.groups_of(ids.users)[truth.users]
        metric, names = find_metric(self.of), list(self.outputs())

        def compute(lists: JudgedLists) -> dict[str, FloatArray]:
            values = metric.of_users(lists)
            return {
                name: np.where(groups == group, values, np.nan) for group, name in enumerate(names)
            }

        return compute


@complex_metric("clustered_nDCG")
class ClusteredNDCG(_Clustered):
    """``nDCG`` of the users of each group. NaN for a group without such a user."""

    of = "nDCG"


@complex_metric("clustered_Recall")
class ClusteredRecall(_Clustered):
    """``Recall`` of the users of each group. NaN for a group without such a user."""

    of = "Recall"


@complex_metric("clustered_APLT")
class ClusteredAPLT(_Clustered):
    """``APLT`` of the users of each group. NaN for a group without such a user."""

    of = "APLT"


@complex_metric("clustered_ACLT")
class ClusteredACLT(_Clustered):
    """``ACLT`` of the users of each group. NaN for a group without such a user."""

    of = "ACLT"


@complex_metric("clustered_ARP")
class ClusteredARP(_Clustered):
    """``ARP`` of the users of each group. NaN for a group without such a user."""

    of = "ARP"


@complex_metric("clustered_GiniIndex")
class ClusteredGini(_Clustered):
    """``Gini`` of the lists of each group of users, over all items. 1 for a group without lists."""

    of = "Gini"

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Find the users of each group."""
        groups = self.user_clustering_file.groups_of(ids.users)[truth.users]
        n_items, size = len(ids.items), truth.popularity.catalogue_size
        names = list(self.outputs())

        def compute(lists: JudgedLists) -> dict[str, float]:
            found = {}
            for group, name in enumerate(names):
                shown = lists.items[lists.listed & (groups == group)[:, None]]
                counts = np.bincount(shown, minlength=n_items)
                found[name] = evenness(counts, size) if len(shown) else 1.0
            return found

        return compute
