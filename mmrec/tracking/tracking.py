"""Tracking a run with the trackers that its experiment lists.

The main process observes the run and calls the trackers, at most once a second for a running
trial. Tracking therefore changes no result, works with every executor and covers resumed runs. A
tracker that fails while the run goes on is called again at its end, with everything.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import methodcaller
from pathlib import Path

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.errors import DataError, MmrecError
from mmrec.execution.observers import ended_epoch, started_trial
from mmrec.execution.trial import TrialSpec
from mmrec.reporting.results import Results
from mmrec.runs.journal import Journal, StartedTrial, read_journal
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study
from mmrec.tracking.run import (
    Point,
    StartedRun,
    TrackedRun,
    TrackedTrial,
    points_of_epoch,
    tracked_trial,
    tracked_trials,
)
from mmrec.tracking.tracker import TRACKERS, LiveTracker
from mmrec.training.protocol import EpochRecord

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two calls about the epochs of running trials."""


class Tracking:
    """Observes a run for its trackers.

    Args:
        names: of the trackers.
        folder: of the run.
        dataset: its name.
        started: ISO date and time of the session.
        split: the split that epochs are selected on.
        journal: of the earlier sessions.
        ended: the trials that ended in them.
        clock: returns seconds; for tests.
    """

    def __init__(
        self,
        names: Sequence[str],
        folder: Path,
        *,
        dataset: str,
        started: str,
        split: str,
        journal: Journal,
        ended: Sequence[TrialRecord],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        moment = datetime.fromisoformat(started).timestamp()
        self._run = StartedRun(folder, dataset, moment)
        self._names, self._split, self._clock = names, split, clock
        self._trials: dict[str, StartedTrial] = {}
        self._points: dict[str, list[Point]] = {}
        self._ended: dict[str, TrackedTrial] = {}
        self._waiting: dict[str, list[Point]] = {}
        """The points that the trackers do not have yet."""
        self._written = clock()
        self._trackers: dict[str, LiveTracker] = {}
        if names:
            self._take_over(journal, ended)
            for name in names:
                self._open(name)

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        folder: Path,
        ended: Sequence[TrialRecord],
        *,
        started: str,
        data: Dataset,
    ) -> Tracking:
        """Return what tracks a session of a run.

        Args:
            experiment: lists the trackers.
            folder: of the run.
            ended: see the class.
            started: see the class.
            data: of the first fold.

        Raises:
            DataError: the journal cannot be read.
        """
        return cls(
            experiment.tracking,
            folder,
            dataset=experiment.dataset,
            started=started,
            split=data.selected_on,
            journal=read_journal(folder),
            ended=ended,
        )

    def _take_over(self, journal: Journal, ended: Sequence[TrialRecord]) -> None:
        records = {record.trial_id: record for record in ended}
        started = journal.started | {trial_id: _started(r) for trial_id, r in records.items()}
        for trial_id, trial in started.items():
            epochs = sorted(journal.epochs.get(trial_id, {}).values(), key=lambda x: x.epoch)
            self._trials[trial_id] = trial
            self._points[trial_id] = [
                point for epoch in epochs for point in points_of_epoch(epoch, self._split)
            ]
            if trial_id in records:
                self._note_end(records[trial_id])

    def _note_end(self, record: TrialRecord) -> TrackedTrial:
        trial = tracked_trial(record, self._split)
        if record.history:  # a failed trial keeps the points that were observed
            self._points[record.trial_id] = list(trial.curves)
        self._ended[record.trial_id] = trial
        return trial

    def __enter__(self) -> Tracking:
        return self

    def __exit__(self, *_: object) -> None:
        self._write_waiting()
        for name in list(self._trackers):
            self._call(name, methodcaller("close"))

    # What is observed

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial starts or resumes."""
        if self._names and spec.trial_id not in self._trials:
            trial = self._trials[spec.trial_id] = started_trial(spec)
            self._points[spec.trial_id] = []
            self._call_all(methodcaller("begin", trial))

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended; one that an earlier session has tracked is left out."""
        if not self._names:
            return
        known = self._points[spec.trial_id]
        if known and epoch <= known[-1].epoch:
            return
        points = points_of_epoch(ended_epoch(epoch, loss, record), self._split)
        known += points
        self._waiting.setdefault(spec.trial_id, []).extend(points)
        if self._clock() - self._written >= EVERY:
            self._write_waiting()

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended."""
        if not self._names:
            return
        self._write_waiting()
        started, observed = self._trials[record.trial_id], self._points[record.trial_id]
        trial = self._note_end(record)
        points = self._points[record.trial_id]
        if list(map(repr, points[: len(observed)])) == list(map(repr, observed)):
            added = points[len(observed) :]
        else:  # an earlier session computed other bits
            added = points
            self._call_all(methodcaller("begin", started))
        if added:
            self._call_all(methodcaller("add", started, added))
        self._call_all(methodcaller("end", trial))

    def finish(self, studies: Sequence[Study], results: Results) -> None:
        """Write what is left when all trials have ended.

        Args:
            studies: the trials of every model.
            results: of the run.

        Raises:
            DataError: a tracker failed; the message says how to continue.
        """
        run = TrackedRun(
            *(self._run.folder, self._run.dataset, self._run.started),
            report=results.report,
            trials=tracked_trials(studies, self._split),
        )
        for name in self._names:
            try:
                tracker = self._trackers.get(name) or self._replayed(name)
                tracker.finish(run)
                tracker.close()
            except MmrecError:
                raise
            except Exception as error:  # trackers call packages that raise any type
                raise DataError(
                    f"{run.folder}: the tracker {name!r} failed: {_text(error)}. All trials have "
                    f"ended. Run the experiment again, with or without {name!r}; no trial is "
                    "repeated"
                ) from error

    # Calling the trackers

    def _open(self, name: str) -> None:
        try:
            self._trackers[name] = self._replayed(name)
        except Exception as error:
            self._warn(name, error)

    def _replayed(self, name: str) -> LiveTracker:
        """Return a new tracker that has everything so far."""
        tracker = TRACKERS.find(name).make(self._run, self._run.folder / "tracking")
        for trial_id, trial in self._trials.items():
            tracker.begin(trial)
            if self._points[trial_id]:
                tracker.add(trial, self._points[trial_id])
            if trial_id in self._ended:
                tracker.end(self._ended[trial_id])
        return tracker

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._written = self._clock()
        for trial_id, points in waiting.items():
            self._call_all(methodcaller("add", self._trials[trial_id], points))

    def _call_all(self, call: Callable[[LiveTracker], None]) -> None:
        for name in list(self._trackers):
            self._call(name, call)

    def _call(self, name: str, call: Callable[[LiveTracker], None]) -> None:
        """Call a tracker; one that fails is not called again before the end of the run."""
        try:
            call(self._trackers[name])
        except Exception as error:
            del self._trackers[name]
            self._warn(name, error)

    def _warn(self, name: str, error: Exception) -> None:
        logger.warning(
            "the tracker %r failed: %s. The run goes on, and everything is written at its end",
            *(name, _text(error)),
        )


def _started(record: TrialRecord) -> StartedTrial:
    return StartedTrial(
        *(record.trial_id, record.name, record.model, record.index, record.fold, record.parameters)
    )


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
