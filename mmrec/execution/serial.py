"""Run trials one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mmrec.execution.executors import Observer, Queue
from mmrec.execution.trial import TrialSpec
from mmrec.execution.workbench import Workbench
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord


def run_serially(
    workbench: Workbench, queue: Queue, observer: Observer, stop: Callable[[], bool]
) -> Iterator[TrialRecord]:
    """Yield the record of each trial as it ends, in order.

    Args:
        workbench: the data, the device and the folder.
        queue: the trials.
        observer: receives the progress.
        stop: called after each step: whether to save the state and end.

    Raises:
        WriteError: a result cannot be written.
        Interrupted: ``stop`` returned true.
    """
    number = 0
    while len(queue):
        task, number = queue.take(), number + 1
        spec = task.spec
        observer.trial_started(spec, number, max(number, queue.expected))

        def on_epoch(
            epoch: int, loss: float, record: EpochRecord | None, spec: TrialSpec = spec
        ) -> None:
            observer.epoch_ended(spec, epoch, loss, record)

        ended = workbench.execute(task.model, spec, on_epoch, stop)
        observer.trial_ended(ended)
        yield ended
