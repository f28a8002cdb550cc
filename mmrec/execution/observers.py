"""Observers of a run: several at once, and the one that writes the journal."""

from __future__ import annotations

from mmrec.execution.executors import Observer
from mmrec.execution.trial import TrialSpec
from mmrec.runs.journal import EndedEpoch, JournalWriter, StartedTrial
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord


class Observers:
    """Passes the progress of a run on to several observers, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial starts."""
        for observer in self._observers:
            observer.trial_started(spec, number, total)

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended."""
        for observer in self._observers:
            observer.epoch_ended(spec, epoch, loss, record)

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended."""
        for observer in self._observers:
            observer.trial_ended(record)


class JournalObserver:
    """Writes what it observes to the journal of the run.

    Args:
        journal: open.
    """

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """Record the start of a trial."""
        self._journal.trial_started(started_trial(spec))

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """Record an epoch."""
        self._journal.epoch_ended(spec.trial_id, ended_epoch(epoch, loss, record))

    def trial_ended(self, record: TrialRecord) -> None:
        """Record nothing: ``trials.jsonl`` has the record."""


def started_trial(spec: TrialSpec) -> StartedTrial:
    """Describe a trial that starts."""
    return StartedTrial(
        *(spec.trial_id, spec.name, spec.model, spec.index, spec.fold_name, spec.parameters)
    )


def ended_epoch(epoch: int, loss: float, record: EpochRecord | None) -> EndedEpoch:
    """Describe an epoch that ended."""
    return EndedEpoch(epoch, loss, None if record is None else record.validation)
