"""Mean ranks of the models over the data sets, for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmrec.evaluation import critical_difference, friedman_test, ranks_of
from mmrec.reporting.comparing.scores import Scores

MIN_DATASETS = 5
"""On fewer data sets, the test of Friedman says nothing."""
MIN_MODELS = 3


@dataclass(frozen=True)
class MeanRanks:
    """The mean ranks of the models that have a metric on every data set."""

    label: str
    ranks: Mapping[str, float]
    """By model, from 1, the best."""
    n_datasets: int
    p_value: float | None
    """Of Friedman's test; None for fewer than five data sets or three models."""
    critical_difference: float | None
    """Of Nemenyi's test at the level 0.05; None where there is no p-value."""


def mean_ranks(scores: Scores) -> list[MeanRanks]:
    """Return the mean ranks for each metric that two models or more have on every data set.

    On one data set, the order of the models is in the table of results: the list is empty.
    """
    return list(_mean_ranks(scores)) if len(scores.datasets) > 1 else []


def _mean_ranks(scores: Scores) -> Iterator[MeanRanks]:
    for label in scores.labels:
        means = [scores.means(dataset, label) for dataset in scores.datasets]
        models = [model for model in scores.models if all(model in x for x in means)]
        if len(models) > 1:
            yield _of(label, models, means, higher_is_better=scores.sign(label) > 0)


def _of(
    label: str,
    models: Sequence[str],
    means: Sequence[Mapping[str, float]],
    *,
    higher_is_better: bool,
) -> MeanRanks:
    values = np.array([[of_dataset[model] for model in models] for of_dataset in means])
    ranks = ranks_of(values, higher_is_better=higher_is_better).mean(axis=0).tolist()
    n_datasets, n_models = values.shape
    is_tested = n_datasets >= MIN_DATASETS and n_models >= MIN_MODELS
    return MeanRanks(
        label=label,
        ranks=dict(zip(models, ranks, strict=True)),
        n_datasets=n_datasets,
        p_value=friedman_test(values) if is_tested else None,
        critical_difference=critical_difference(n_models, n_datasets) if is_tested else None,
    )
