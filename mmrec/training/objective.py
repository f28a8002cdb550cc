"""What epochs, trials and points are compared by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mmrec.evaluation import metric_of

LOSS = "loss"
"""The label of the mean training loss of an epoch."""


@dataclass(frozen=True)
class Objective:
    """A quantity to optimise, and its direction.

    A value that is missing or not finite is None. None is worse than any number.
    """

    label: str
    """A validation figure such as ``Recall@20``, or ``loss``."""
    higher_is_better: bool

    @classmethod
    def of(cls, label: str) -> Objective:
        """Return the objective of a label, with the direction of its metric.

        Raises:
            ConfigError: there is no such metric.
        """
        return cls(label, label != LOSS and metric_of(label).higher_is_better)

    @property
    def worst(self) -> float:
        """The number that a missing value counts as, where a number is needed."""
        return -math.inf if self.higher_is_better else math.inf

    def value(self, loss: float | None, validation: Mapping[str, float]) -> float | None:
        """Return the value of an epoch from its training loss and its validation figures."""
        value = loss if self.label == LOSS else validation.get(self.label)
        return value if value is not None and math.isfinite(value) else None

    def is_better(self, value: float | None, than: float | None) -> bool:
        """Return whether ``value`` is better than ``than``; an equal value is not."""
        one, other = (self.worst if x is None else x for x in (value, than))
        return one > other if self.higher_is_better else one < other

    def best(self, values: Iterable[float | None]) -> float:
        """Return the best of some values, ``worst`` if all are missing."""
        known = [self.worst if value is None else value for value in values]
        return (max if self.higher_is_better else min)(known, default=self.worst)

    def title(self, split: str) -> str:
        """Return the quantity with the split that its figures come from, for a reader."""
        return "training loss at the best epoch" if self.label == LOSS else f"{split} {self.label}"
