"""Where trials run: here, one after the other, or in processes side by side.

Both run the same code on the same data with the same number of threads, and a trial's draws come
from its own seed, so a trial's bits do not depend on where or beside what it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mmrec.execution.specs import TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.execution.workbench import Workbench
from mmrec.planning.model_plan import ModelPlan
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

GRACE = 60.0
"""Seconds that trials have to save their state when the run is asked to stop."""


@dataclass(frozen=True, eq=False)
class Task:
    """A trial to run."""

    model: ModelPlan
    spec: TrialSpec
    request: TrialRequest
    """The same trial as plain data."""


class Queue:
    """Trials that wait to be run, those of the file's first model first.

    It may grow while they are run: when the last trial of a batch has ended, the next batch
    follows.

    Attributes:
        expected: how many trials are going to be run in all, at most.
    """

    def __init__(self) -> None:
        self.expected = 0
        self._tasks: list[Task] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, tasks: Iterable[Task]) -> None:
        """Let trials wait at the place of their model."""
        self._tasks += tasks
        self._tasks.sort(key=lambda task: (task.request.model, task.request.index), reverse=True)

    def take(self) -> Task:
        """Return the next trial, which waits no longer."""
        return self._tasks.pop()


class Observer(Protocol):
    """Is told how a run goes on; a progress bar, for example."""

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial begins, the ``number``-th of ``total``, counted from 1."""

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended; ``record`` is there if it was evaluated."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended, finished or failed."""


class Executor(Protocol):
    """Runs trials."""

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends, in any order, until none waits.

        Raises:
            DataError: a result cannot be written.
            Interrupted: the run was asked to stop.
        """


class SerialExecutor:
    """Runs one trial after the other, in this process.

    Args:
        workbench: the data, the device and the folder.
        observer: told how it goes on.
        stop: asked after each step whether to save the state and end.
    """

    def __init__(self, workbench: Workbench, observer: Observer, stop: Callable[[], bool]) -> None:
        self._workbench, self._observer, self._stop = workbench, observer, stop

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends, in order."""
        number = 0
        while len(queue):
            task, number = queue.take(), number + 1
            spec = task.spec
            self._observer.trial_started(spec, number, max(number, queue.expected))

            def told(
                epoch: int, loss: float, record: EpochRecord | None, spec: TrialSpec = spec
            ) -> None:
                self._observer.epoch_ended(spec, epoch, loss, record)

            ended = self._workbench.execute(task.model, spec, told, self._stop)
            self._observer.trial_ended(ended)
            yield ended
