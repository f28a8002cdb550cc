"""What is tracked of a run: plain values, read from the records of its trials alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study


class Point(NamedTuple):
    """A value of a curve."""

    epoch: int
    split: str
    """``train`` for the loss, else the split that was ranked."""
    figure: str
    """``loss``, or a metric such as ``Recall@20``."""
    value: float

    @property
    def tag(self) -> str:
        """What is measured, for example ``validation/Recall@20``."""
        return f"{self.split}/{self.figure}"


@dataclass(frozen=True)
class TrackedTrial:
    """A trial, with what a tracker shows of it."""

    record: TrialRecord
    curves: tuple[Point, ...]
    """By epoch, the loss and the figures of the split that epochs are selected on."""
    best: tuple[Point, ...]
    """The figures of the best epoch. No test figure of another epoch is tracked, so that nothing
    is selected by them."""


@dataclass(frozen=True)
class TrackedRun:
    """A run, with what a tracker shows of it."""

    folder: Path
    dataset: str
    started: float
    """Seconds since 1970."""
    report: Path
    trials: tuple[TrackedTrial, ...]


def tracked_trials(studies: Sequence[Study], split: str) -> tuple[TrackedTrial, ...]:
    """Return the trials of all models, in the order of the experiment.

    Args:
        studies: the trials of every model.
        split: the name of the split that epochs are selected on; ``test`` if there is no other.
    """
    return tuple(_tracked(record, split) for study in studies for record in study.records)


def _tracked(record: TrialRecord, split: str) -> TrackedTrial:
    epoch = record.best_epoch
    if epoch is None:  # it failed
        return TrackedTrial(record, (), ())
    best = [*_figures(epoch, split, record.validation)]
    if split != "test":
        best += _figures(epoch, "test", record.test)
    return TrackedTrial(record, tuple(_curves(record, split)), tuple(best))


def _curves(record: TrialRecord, split: str) -> Iterator[Point]:
    evaluated = {entry["epoch"]: entry["validation"] for entry in record.history}
    losses = dict(enumerate(record.losses, 1))
    for epoch in sorted({*evaluated, *losses}):
        if epoch in losses:
            yield Point(epoch, "train", "loss", losses[epoch])
        yield from _figures(epoch, split, evaluated.get(epoch, {}))


def _figures(epoch: int, split: str, figures: Mapping[str, float]) -> Iterator[Point]:
    for name, value in figures.items():
        yield Point(epoch, split, name, value)
