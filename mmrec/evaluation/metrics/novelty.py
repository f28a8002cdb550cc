"""Novelty of the hits, with binary or graded relevance."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from mmrec.data import FloatArray
from mmrec.evaluation.complex_metrics import Better, ComplexMetric, Compute, Ids, complex_metric
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metrics.beyond_accuracy import discounted_mean, popularity_complement


class _Novelty(ComplexMetric):
    """A discounted mean of relevance and novelty."""

    relevance: Literal["binary", "discounted"] = "binary"
    """``binary``: 1 for a hit. ``discounted``: the gain 2 ** (rating - threshold + 1) - 1."""

    @property
    def is_graded(self) -> bool:
        """Whether relevance is the gain."""
        return self.relevance == "discounted"

    def outputs(self) -> dict[str, Better]:
        """Return the name of the metric."""
        return {self.name: "higher"}

    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Return what computes the means of the users, [V]."""

        def compute(lists: JudgedLists) -> dict[str, FloatArray]:
            relevance = lists.gains if self.is_graded else lists.hits
            values = discounted_mean(lists, self._novelty(lists), relevance)
            return {self.name: lists.of_relevant_users(values)}

        return compute

    @abstractmethod
    def _novelty(self, lists: JudgedLists) -> FloatArray:
        """Return [I]: the novelty of each item."""


@complex_metric("ExtendedEFD")
class ExtendedEFD(_Novelty):
    """``EFD`` with binary or graded relevance; graded, it may exceed the largest novelty."""

    def _novelty(self, lists: JudgedLists) -> FloatArray:
        return lists.truth.popularity.self_information


@complex_metric("ExtendedEPC")
class ExtendedEPC(_Novelty):
    """``EPC`` with binary or graded relevance; graded, it may exceed 1."""

    def _novelty(self, lists: JudgedLists) -> FloatArray:
        return popularity_complement(lists)
