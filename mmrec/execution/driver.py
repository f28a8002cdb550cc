"""The loop of every executor that runs trials at the same time.

A pool starts trials and reports events. The loop hands out the trials of the queue, informs the
observer, retries a trial whose worker died, and stops all trials when the run ends early.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from mmrec.errors import DataError, listing
from mmrec.execution.executors import Observer, Queue, Task
from mmrec.execution.trial import failed_record
from mmrec.interruption import Interrupted
from mmrec.registry import defined_in_main
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

logger = logging.getLogger(__name__)

TRIES = 2
"""How often a trial is started before it fails because its worker died."""
PAUSE = 0.2
"""Seconds between two checks of whether the run was asked to stop."""
GRACE = 60.0
"""Seconds that trials have to save their state when the run stops."""


@dataclass(frozen=True)
class EpochEnded:
    """A running trial ended an epoch."""

    trial_id: str
    epoch: int
    loss: float
    record: EpochRecord | None
    """None if the epoch was not evaluated."""


@dataclass(frozen=True)
class TrialEnded:
    """A running trial ended, finished or failed; its results are on the disk."""

    trial_id: str
    record: TrialRecord


@dataclass(frozen=True)
class WorkerEnded:
    """The worker of a running trial ended before the trial: it died, or was asked to stop."""

    trial_id: str
    reason: str


@dataclass(frozen=True)
class WorkerRefused:
    """A worker cannot run any trial, for example because it cannot read the data."""

    trial_id: str
    message: str


Event = EpochEnded | TrialEnded | WorkerEnded | WorkerRefused


class TrialPool(Protocol):
    """Where trials run at the same time."""

    def start(self, task: Task) -> None:
        """Start a trial."""

    def poll(self, seconds: float) -> Iterable[Event]:
        """Return what happened to the running trials; wait for it, but not longer than this."""

    def stop(self) -> None:
        """Ask all running trials to save their state and end."""

    def kill(self) -> None:
        """End all workers at once and release what the pool holds."""


def _hint() -> str:
    """Return why a worker may not know what this process knows."""
    own = defined_in_main()
    if not own:
        return ""
    return (
        f"\n{listing(own)}: defined in the script or notebook itself, which workers do not run; "
        "put the definition into a file, and name it in external_models_path"
    )


class WorkerDied(Exception):
    """The worker of a trial died each time that the trial was started."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"its worker died {TRIES} times ({reason})")


@dataclass(eq=False)
class _RunningTrial:
    task: Task
    reported: int = 0
    """The last epoch that the observer knows."""


class Driver:
    """Runs the trials of a queue in a pool.

    Args:
        pool: starts the trials.
        n_workers: how many trials run at the same time, at most.
        observer: receives the progress.
        stop: whether the run was asked to stop; called several times a second.
    """

    def __init__(
        self, pool: TrialPool, n_workers: int, observer: Observer, stop: Callable[[], bool]
    ) -> None:
        self._pool, self._n_workers = pool, n_workers
        self._observer, self._stop = observer, stop
        self._running: dict[str, _RunningTrial] = {}
        self._tries: Counter[str] = Counter()

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends; stop the others if the run ends early.

        Raises:
            DataError: a worker cannot run any trial.
            Interrupted: the run was asked to stop.
        """
        try:
            while len(queue) or self._running:
                if self._stop():
                    raise Interrupted
                while len(queue) and len(self._running) < self._n_workers:
                    self._start(queue.take(), queue.expected)
                for event in self._pool.poll(PAUSE):
                    record = self._handle(event, queue)
                    if record is not None:
                        self._observer.trial_ended(record)
                        yield record
        finally:
            self._end()

    def _start(self, task: Task, expected: int) -> None:
        self._tries[task.spec.trial_id] += 1
        number = len(self._tries)
        self._observer.trial_started(task.spec, number, max(number, expected))
        self._running[task.spec.trial_id] = _RunningTrial(task)
        self._pool.start(task)

    def _handle(self, event: Event, queue: Queue) -> TrialRecord | None:
        """Handle an event; return the record of a trial that ended."""
        trial = self._running[event.trial_id]
        if isinstance(event, EpochEnded):
            if event.epoch > trial.reported:
                trial.reported = event.epoch
                self._observer.epoch_ended(trial.task.spec, event.epoch, event.loss, event.record)
            return None
        del self._running[event.trial_id]
        if isinstance(event, WorkerRefused):
            raise DataError(f"{event.message}{_hint()}")
        if isinstance(event, TrialEnded):
            for warning in event.record.warnings:  # they were logged in another process
                logger.warning("%s", warning)
            return event.record
        spec = trial.task.spec
        if self._tries[event.trial_id] < TRIES:
            logger.warning("trial %s: %s; trying again", spec.name, event.reason)
            queue.add([trial.task])
            return None
        record = failed_record(spec, WorkerDied(event.reason), 0.0)
        return replace(record, worker_died=True)

    def _end(self) -> None:
        """Let running trials save their state; kill those that need too long, or on Ctrl-C."""
        deadline = time.monotonic() + GRACE
        try:
            if self._running:
                self._pool.stop()
            while self._running and time.monotonic() < deadline:
                for event in self._pool.poll(PAUSE):
                    if not isinstance(event, EpochEnded):
                        self._running.pop(event.trial_id, None)
        finally:
            for trial in self._running.values():
                logger.warning(
                    "trial %s did not stop in time; it will resume from its last checkpoint",
                    trial.task.spec.name,
                )
            self._pool.kill()
