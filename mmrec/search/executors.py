"""Where trials run: here, one after the other, or in processes side by side.

Both run the same code on the same data with the same number of threads, and a trial's draws come
from its own seed, so a trial's bits do not depend on where or beside what it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol as Interface

from mmrec.search.execution import Workplace
from mmrec.search.model_plan import ModelPlan
from mmrec.search.store import TrialRecord
from mmrec.search.trial import TrialSpec
from mmrec.training import EpochRecord

Task = tuple[ModelPlan, TrialSpec]


class Observer(Interface):
    """Is told how a run goes on; a progress bar, for example."""

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial begins, the ``number``-th of ``total``, counted from 1."""

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended; ``record`` is there if it was evaluated."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended, finished or failed."""


class Executor(Interface):
    """Runs trials."""

    def run(self, tasks: Sequence[Task]) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends, in any order.

        Raises:
            DataError: a result cannot be written.
            Interrupted: the run was asked to stop.
        """


class SerialExecutor:
    """Runs one trial after the other, in this process.

    Args:
        workplace: the data, the device and the folder.
        observer: told how it goes on.
        stop: asked after each step whether to save the state and end.
    """

    def __init__(self, workplace: Workplace, observer: Observer, stop: Callable[[], bool]) -> None:
        self._workplace, self._observer, self._stop = workplace, observer, stop

    def run(self, tasks: Sequence[Task]) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends, in order."""
        for number, (model, spec) in enumerate(tasks, 1):
            self._observer.trial_started(spec, number, len(tasks))

            def told(
                epoch: int, loss: float, record: EpochRecord | None, spec: TrialSpec = spec
            ) -> None:
                self._observer.epoch_ended(spec, epoch, loss, record)

            ended = self._workplace.execute(model, spec, told, self._stop)
            self._observer.trial_ended(ended)
            yield ended
