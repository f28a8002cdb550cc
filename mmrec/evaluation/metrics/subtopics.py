"""How many features of the catalogue the hits have."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mmrec.data import FloatArray
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import FeatureFile, ItemFeatures


@complex_metric("SRecall")
class SubtopicRecall(ComplexMetric):
    """The number of different features of the user's hits / that of all training items.

    This is Elliot's definition. The usual subtopic recall counts the features of the relevant items
    in the denominator. Items without a line in the file have no features.
    """

    feature_data: ItemFeatures
    """File with the features of each item."""

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric."""
        return {self.name: "higher"}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Count the features of the catalogue."""
        features = _matrix(self.feature_data, ids)
        total = int(features[truth.popularity.counts > 0].max(axis=0).sum())

        def compute(lists: JudgedLists) -> dict[str, FloatArray]:
            rows, places = np.nonzero(lists.hits)
            items = lists.items[rows, places]
            shape = (len(lists.items), features.shape[0])
            hits = scipy.sparse.csr_array((np.ones(len(rows), np.int64), (rows, items)), shape)
            found = ((hits @ features) > 0).sum(axis=1)
            return {self.name: lists.of_relevant_users(np.asarray(found) / max(total, 1))}

        return compute


def _matrix(file: FeatureFile, ids: Ids) -> scipy.sparse.csr_array:
    """Return [I, number of features] int64: 1 where an item has a feature."""
    numbers = file.numbers(ids.items)
    pairs = {
        (item, feature)
        for item, features in zip(numbers.tolist(), file.values.values(), strict=True)
        for feature in features
        if item >= 0
    }
    items = np.array([item for item, _ in sorted(pairs)], np.int64)
    _, columns = np.unique([feature for _, feature in sorted(pairs)], return_inverse=True)
    shape = (len(ids.items), columns.max() + 1)
    return scipy.sparse.csr_array((np.ones(len(items), np.int64), (items, columns)), shape)
