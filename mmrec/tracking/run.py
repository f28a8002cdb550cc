"""The input of trackers: curves and best values as plain numbers, from the trial records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmrec.runs.journal import EndedEpoch
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study


class Point(NamedTuple):
    """A value of a curve."""

    epoch: int
    split: str
    """``train`` for the loss, otherwise the split that was evaluated."""
    metric: str
    """``loss`` or a metric with its cutoff, such as ``Recall@20``."""
    value: float

    @property
    def tag(self) -> str:
        """Split and metric, for example ``validation/Recall@20``."""
        return f"{self.split}/{self.metric}"


@dataclass(frozen=True)
class TrackedTrial:
    """A trial with its curves."""

    record: TrialRecord
    curves: tuple[Point, ...]
    """Loss and validation metrics by epoch, in their order."""
    best: tuple[Point, ...]
    """Validation and test metrics of the best epoch, then those of cold items. Test metrics of
    other epochs are not computed."""


@dataclass(frozen=True)
class StartedRun:
    """A run that goes on."""

    folder: Path
    dataset: str
    started: float
    """Unix time in seconds."""


@dataclass(frozen=True)
class TrackedRun(StartedRun):
    """A finished run."""

    report: Path
    trials: tuple[TrackedTrial, ...]


def tracked_trials(studies: Sequence[Study], split: str) -> tuple[TrackedTrial, ...]:
    """Return the trials of all models, in the order of the experiment.

    Args:
        studies: the trials of every model.
        split: the split that epochs are selected on; ``test`` without a validation split.
    """
    return tuple(tracked_trial(record, split) for study in studies for record in study.records)


def tracked_trial(record: TrialRecord, split: str) -> TrackedTrial:
    """Return an ended trial with its curves; a failed one has none in its record."""
    epoch = record.best_epoch
    if epoch is None:  # a failed trial
        return TrackedTrial(record, (), ())
    best = [*_points(epoch, split, record.validation)]
    if split != "test":
        best += _points(epoch, "test", record.test)
    best += _points(epoch, "test", record.cold)
    return TrackedTrial(record, tuple(_curves(record, split)), tuple(best))


def _curves(record: TrialRecord, split: str) -> Iterator[Point]:
    evaluated = {entry["epoch"]: entry["validation"] for entry in record.history}
    losses = dict(enumerate(record.losses, 1))
    for epoch in sorted({*evaluated, *losses}):
        if epoch in losses:
            yield Point(epoch, "train", "loss", losses[epoch])
        yield from _points(epoch, split, evaluated.get(epoch, {}))


def points_of_epoch(epoch: EndedEpoch, split: str) -> list[Point]:
    """Return the values of an epoch of a running trial."""
    loss = Point(epoch.epoch, "train", "loss", epoch.loss)
    return [loss, *_points(epoch.epoch, split, epoch.validation or {})]


def _points(epoch: int, split: str, values: Mapping[str, float]) -> Iterator[Point]:
    for name, value in values.items():
        yield Point(epoch, split, name, value)
