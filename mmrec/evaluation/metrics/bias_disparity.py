"""Whether groups of users get the categories of items that they chose in training.

Shapes: G groups of users, C categories of items.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from pydantic import ValidationInfo, field_validator

from mmrec.data import FloatArray, IntArray, Vocabulary
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import GroupFile, GroupName, ItemGroups, UserGroups


class _BiasDisparity(ComplexMetric):
    """A value for each group of users and category of items."""

    user_clustering_name: GroupName = ""
    """Name of the groups in the names of the columns; needed with the file."""
    user_clustering_file: UserGroups | None = None
    """File with the group of each user; by default all users are one group."""
    item_clustering_name: GroupName = ""
    """Name of the categories in the names of the columns; needed with the file."""
    item_clustering_file: ItemGroups | None = None
    """File with the category of each item; by default all items are one category."""

    @field_validator("user_clustering_file", "item_clustering_file")
    @classmethod
    def _has_a_name(cls, value: GroupFile | None, info: ValidationInfo) -> GroupFile | None:
        key = str(info.field_name).replace("file", "name")
        if key in info.data and bool(info.data[key]) != (value is not None):
            raise ValueError(f"{info.field_name} and {key} belong together; found only one")
        return value

    def outputs(self) -> dict[str, Better]:
        """Return a name for each group and category."""
        users, items = self.user_clustering_name, self.item_clustering_name
        return {
            f"{self.name}_users:{users}-{group}_items:{items}-{category}": "neither"
            for group in range(_n_groups(self.user_clustering_file))
            for category in range(_n_groups(self.item_clustering_file))
        }

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Count the choices in training."""
        groups = _groups_of(self.user_clustering_file, ids.users)
        categories = _groups_of(self.item_clustering_file, ids.items)
        of_users = groups[truth.users]
        names, shape = list(self.outputs()), self._shape
        train = truth.train
        in_training = self._bias(_count(groups[train.users], categories[train.items], shape))

        def compute(lists: JudgedLists) -> dict[str, float]:
            rows, places = np.nonzero(lists.listed)
            found = _count(of_users[rows], categories[lists.items[rows, places]], shape)
            values = self._values(self._bias(found), in_training)
            return dict(zip(names, map(float, values.ravel()), strict=True))

        return compute

    @abstractmethod
    def _values(self, in_lists: FloatArray, in_training: FloatArray) -> FloatArray:
        """Return [G, C] from the biases [G, C]."""

    @property
    def _shape(self) -> tuple[int, int]:
        return _n_groups(self.user_clustering_file), _n_groups(self.item_clustering_file)

    def _bias(self, counts: IntArray) -> FloatArray:
        """Return [G, C]: the share of a category in what a group has / its share of the items."""
        file = self.item_clustering_file
        shares = np.ones(1) if file is None else file.sizes / file.sizes.sum()
        totals = counts.sum(axis=1, keepdims=True)
        return np.where(totals > 0, counts / np.maximum(totals, 1) / shares, np.nan)


@complex_metric("BiasDisparityBR")
class RecommendedBias(_BiasDisparity):
    """Share of a category in the lists of a group / share of the category in the items of the file.

    Items without a category are not counted in the lists, ids that the data do not have are counted
    in the file. NaN for a group without lists.
    """

    def _values(self, in_lists: FloatArray, in_training: FloatArray) -> FloatArray:
        return in_lists


@complex_metric("BiasDisparityBS")
class SourceBias(_BiasDisparity):
    """As BiasDisparityBR, for the training items of all users of the group instead of their lists.

    It does not depend on the model.
    """

    def _values(self, in_lists: FloatArray, in_training: FloatArray) -> FloatArray:
        return in_training


@complex_metric("BiasDisparityBD")
class BiasDisparity(_BiasDisparity):
    """(BR - BS) / BS of BiasDisparityBR and BiasDisparityBS: 0 if lists are as biased as training.

    NaN if the group has no training item of the category.
    """

    def _values(self, in_lists: FloatArray, in_training: FloatArray) -> FloatArray:
        known = np.where(in_training > 0, in_training, np.nan)
        return np.asarray((in_lists - known) / known)


def _n_groups(file: GroupFile | None) -> int:
    return 1 if file is None else len(file.sizes)


def _groups_of(file: GroupFile | None, ids: Vocabulary) -> IntArray:
    return np.zeros(len(ids), np.int64) if file is None else file.groups_of(ids)


def _count(groups: IntArray, categories: IntArray, shape: tuple[int, int]) -> IntArray:
    """Return [G, C] int64: the number of pairs of each group and category; -1 is none."""
    known = (groups >= 0) & (categories >= 0)
    places = groups[known] * shape[1] + categories[known]
    return np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape)
