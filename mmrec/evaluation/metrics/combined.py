"""Weighted harmonic means of two metrics."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from mmrec.config import PositiveReal
from mmrec.data import FloatArray
from mmrec.errors import ConfigError
from mmrec.evaluation.base import Metric, find_metric
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists


def _canonical(name: str) -> str:
    try:
        found = find_metric(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    if not found.per_user or found.complete:
        raise ValueError(f"found {name!r}; accepted: a metric that is a mean over users")
    return found.name


UserMetric = Annotated[str, AfterValidator(_canonical)]
"""The name of a simple metric with a value for each user; the canonical one after reading."""


class _Combined(ComplexMetric):
    """A harmonic mean of two metrics."""

    metric_0: UserMetric
    """A metric of ``simple_metrics`` that is a mean over users, in upper or lower case."""
    metric_1: UserMetric
    """Another one."""

    @property
    def is_graded(self) -> bool:
        """Whether one of the two metrics reads gains."""
        return any(metric.graded for metric in self._metrics)

    @property
    def _metrics(self) -> tuple[Metric, Metric]:
        return find_metric(self.metric_0), find_metric(self.metric_1)

    def _means(self, beta: float) -> Compute:
        """Return what computes (1 + beta^2) a b / (beta^2 a + b) of each user, [V]."""
        (name,), metrics = self.outputs(), self._metrics

        def compute(lists: JudgedLists) -> dict[str, FloatArray]:
            a, b = (metric.of_users(lists) for metric in metrics)
            total = beta**2 * a + b
            means = (1 + beta**2) * a * b / np.where(total == 0, 1, total)
            return {name: np.where(total == 0, 0.0, means)}

        return compute


@complex_metric("DSC")
class Dice(_Combined):
    """(1 + beta^2) a b / (beta^2 a + b) of the values a and b of two metrics, or 0 if both are 0.

    The mean is over the users with a value of both metrics.
    """

    beta: PositiveReal = 1.0
    """Weight of the second metric; 1 weighs both the same."""
    metric_0: UserMetric = "Precision"
    """A metric of ``simple_metrics`` that is a mean over users, in upper or lower case."""
    metric_1: UserMetric = "Recall"
    """Another one."""

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric."""
        return {self.name: "higher"}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Return what computes the means."""
        return self._means(self.beta)


@complex_metric("ExtendedF1")
class ExtendedF1(_Combined):
    """2 a b / (a + b) of the values a and b of two metrics, or 0 if both are 0.

    The mean is over the users with a value of both metrics. The name of the column contains the
    metrics.
    """

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric, with the two metrics."""
        return {f"{self.name}_m0:{self.metric_0}-m1:{self.metric_1}": "higher"}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Return what computes the means."""
        return self._means(1.0)
