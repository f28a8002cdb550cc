"""Choosing by validation.

Whatever chooses among trials, proposes points or ends trials early sees a trial through its
:class:`ValidationView`. That has no test figure, so nothing can be selected by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from mmrec.evaluation import parse_figure_name
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import LOSS, EpochRecord

Status = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True)
class Objective:
    """What is to be best."""

    label: str
    """A validation figure such as ``Recall@20``, or ``loss``."""
    higher_is_better: bool

    @classmethod
    def of(cls, label: str) -> Objective:
        """Return the objective of a label; its direction is the metric's."""
        return cls(label, label != LOSS and parse_figure_name(label)[0].higher_is_better)

    @property
    def worst(self) -> float:
        """What a missing value counts as."""
        return -math.inf if self.higher_is_better else math.inf

    def is_better(self, value: float, than: float) -> bool:
        """Say whether a value beats another; an equal one does not."""
        return value > than if self.higher_is_better else value < than

    def best(self, values: Iterable[float | None]) -> float:
        """Return the best of some values, ``worst`` if there is none."""
        known = [self.worst if value is None else value for value in values]
        return (max if self.higher_is_better else min)(known, default=self.worst)


@dataclass(frozen=True)
class EpochView:
    """What is known of an evaluated epoch without its test figures."""

    epoch: int
    loss: float | None
    validation: Mapping[str, float]

    @classmethod
    def of(cls, record: EpochRecord) -> EpochView:
        """Leave the test figures out."""
        return cls(record.epoch, record.loss, record.validation)

    def value(self, objective: Objective) -> float | None:
        """Return what the epoch is selected by; None if it is missing or not finite."""
        label = objective.label
        value = self.loss if label == LOSS else self.validation.get(label)
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class ValidationView:
    """What is known of a trial that has ended without its test figures."""

    status: Status
    best_epoch: int | None
    epochs: tuple[EpochView, ...]
    """The evaluated ones, in order; none of a failed trial."""

    @classmethod
    def of(cls, record: TrialRecord) -> ValidationView:
        """Leave the test figures out."""
        epochs = (EpochView(e["epoch"], e["loss"], e["validation"]) for e in record.history)
        return cls(record.status, record.best_epoch, tuple(epochs))

    @property
    def last_epoch(self) -> int:
        """The last evaluated epoch."""
        return self.epochs[-1].epoch if self.epochs else 0

    def value(self, objective: Objective) -> float | None:
        """Return what the trial is selected by, the value of its best epoch."""
        values = (e.value(objective) for e in self.epochs if e.epoch == self.best_epoch)
        return next(values, None)

    def best_until(self, epoch: int, objective: Objective) -> float:
        """Return the best value up to an epoch."""
        return objective.best(e.value(objective) for e in self.epochs if e.epoch <= epoch)


@dataclass(frozen=True)
class PointView:
    """What is known of a point of the search: a trial on each of its folds and seeds."""

    trials: tuple[ValidationView, ...]

    @property
    def status(self) -> Status:
        """``finished`` if all its trials are; else what became of the others."""
        found = {trial.status for trial in self.trials}
        return "failed" if "failed" in found else "pruned" if "pruned" in found else "finished"

    def value(self, objective: Objective) -> float | None:
        """Return the mean of its trials' values; None if one of them has none."""
        values = [trial.value(objective) for trial in self.trials]
        known = [value for value in values if value is not None]
        return fmean(known) if known and len(known) == len(values) else None


def choose(points: Sequence[PointView], objective: Objective) -> int | None:
    """Return the place of the best point, the first of equals; None if no point finished.

    Only a point that finished on all its folds and seeds can win: the mean over fewer, or over
    trials that were ended early, would be another thing.
    """
    best, best_value = None, objective.worst
    for place, point in enumerate(points):
        if point.status != "finished":
            continue
        value = objective.best([point.value(objective)])
        if best is None or objective.is_better(value, best_value):
            best, best_value = place, value
    return best
