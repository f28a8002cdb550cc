"""Selection by validation.

Everything that selects trials, proposes points or prunes trials sees a trial as a
:class:`ValidationView`, which has no test figures. So nothing can be selected by a test figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from mmrec.runs.records import TrialRecord
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord

Status = Literal["finished", "pruned", "failed"]


@dataclass(frozen=True)
class EpochView:
    """An evaluated epoch without its test figures."""

    epoch: int
    loss: float | None
    validation: Mapping[str, float]

    @classmethod
    def of(cls, record: EpochRecord) -> EpochView:
        """Return the view of an epoch's record."""
        return cls(record.epoch, record.loss, record.validation)

    def value(self, objective: Objective) -> float | None:
        """Return the value that the epoch is selected by; None if missing or not finite."""
        return objective.value(self.loss, self.validation)


@dataclass(frozen=True)
class ValidationView:
    """An ended trial without its test figures."""

    status: Status
    best_epoch: int | None
    epochs: tuple[EpochView, ...]
    """The evaluated epochs in order; empty for a failed trial."""

    @classmethod
    def of(cls, record: TrialRecord) -> ValidationView:
        """Return the view of a trial's record."""
        epochs = (EpochView(e["epoch"], e["loss"], e["validation"]) for e in record.history)
        return cls(record.status, record.best_epoch, tuple(epochs))

    @property
    def last_epoch(self) -> int:
        """The last evaluated epoch."""
        return self.epochs[-1].epoch if self.epochs else 0

    def value(self, objective: Objective) -> float | None:
        """Return the value of the best epoch, which the trial is selected by."""
        values = (e.value(objective) for e in self.epochs if e.epoch == self.best_epoch)
        return next(values, None)

    def best_until(self, epoch: int, objective: Objective) -> float:
        """Return the best value up to an epoch."""
        return objective.best(e.value(objective) for e in self.epochs if e.epoch <= epoch)


@dataclass(frozen=True)
class PointView:
    """A point of the search: one trial for each fold and seed, without test figures."""

    trials: tuple[ValidationView, ...]

    @classmethod
    def of(cls, trials: Iterable[TrialRecord]) -> PointView:
        """Return the view of the trials of a point."""
        return cls(tuple(map(ValidationView.of, trials)))

    @property
    def status(self) -> Status:
        """``finished`` if all its trials are; else ``failed`` if one failed, else ``pruned``."""
        found = {trial.status for trial in self.trials}
        return "failed" if "failed" in found else "pruned" if "pruned" in found else "finished"

    def value(self, objective: Objective) -> float | None:
        """Return the mean value of its trials; None if a trial has none."""
        values = self._values(objective)
        return fmean(values) if values else None

    def deviation(self, objective: Objective) -> float | None:
        """Return the standard deviation of the values of its trials.

        None for a single trial, and if a trial has no value.
        """
        values = self._values(objective)
        return stdev(values) if len(values) > 1 else None

    def _values(self, objective: Objective) -> list[float]:
        """Return the value of each trial; empty if one has none."""
        values = [trial.value(objective) for trial in self.trials]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else []


def choose(points: Sequence[PointView], objective: Objective) -> int | None:
    """Return the index of the best point, the first of equals; None if no point finished.

    Only a point that finished on all its folds and seeds can be selected: a mean over fewer
    trials, or over pruned trials, is not comparable.
    """
    best, best_value = None, None
    for index, point in enumerate(points):
        if point.status == "finished":
            value = point.value(objective)
            if best is None or objective.is_better(value, best_value):
                best, best_value = index, value
    return best
