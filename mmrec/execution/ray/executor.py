"""An executor of a Ray cluster: one task for each trial, on whatever node has room for it.

The driver hands out trials as plain data and gets back records, as with processes. The files of a
trial are written by the node that runs it, so the folders of the results are on storage that all
nodes share. Ray is imported when the first trial is to be run.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from mmrec.config import Execution
from mmrec.errors import DataError
from mmrec.execution.executors import GRACE, Observer, Queue, Task
from mmrec.execution.processes import TRIES, WorkerDied
from mmrec.execution.ray.cluster import Share, connected
from mmrec.execution.ray.worker import PAUSE, Epochs, RunSetup, StopFlag, versions, work
from mmrec.execution.trial import failed_record
from mmrec.execution.worker import WorkerSetup
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord
from mmrec.training.trainer import Interrupted

logger = logging.getLogger(__name__)


class RayExecutor:
    """Runs trials as Ray tasks.

    Args:
        setup: what a worker needs to set up its worker.
        execution: address, CPUs and GPUs.
        workers: how many trials are under way at once, at most.
        observer: told how it goes on.
        stop: asked regularly whether to save all states and end.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        execution: Execution,
        workers: int,
        observer: Observer,
        stop: Callable[[], bool],
    ) -> None:
        self._setup, self._workers = setup, workers
        self._address = execution.address
        self._share = Share(execution.cpus_per_trial or setup.threads, execution.gpus_per_trial)
        self._observer, self._stop = observer, stop

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends.

        Raises:
            DataError: a result cannot be written, a node cannot work for the run, or there is no
                cluster at the address.
            Interrupted: the run was asked to stop.
        """
        if not len(queue):
            return
        tries: Counter[str] = Counter()
        n_at_once = min(self._workers, queue.expected)
        with (
            connected(self._address, self._share, n_at_once),
            TrialPool(self._setup, self._share, self._observer) as pool,
        ):
            while len(queue) or len(pool):
                if self._stop():
                    raise Interrupted
                while len(queue) and len(pool) < self._workers:
                    task = queue.take()
                    tries[task.spec.trial_id] += 1
                    total = max(len(tries), queue.expected)
                    self._observer.trial_started(task.spec, len(tries), total)
                    pool.start(task)
                for task, end in pool.ended():
                    if isinstance(end, TrialRecord):
                        record = end
                    elif tries[task.spec.trial_id] < TRIES:
                        logger.warning("trial %s: %s; trying again", task.spec.name, end)
                        queue.add([task])
                        continue
                    else:
                        record = failed_record(task.spec, WorkerDied(end), 0.0)
                    self._observer.trial_ended(record)
                    yield record


@dataclass(eq=False)
class RunningTrial:
    """A trial on the cluster and what the observer knows of it."""

    task: Task
    reported: int = 0
    """The last epoch that was reported to the observer."""


class TrialPool:
    """The trials that are under way on the cluster.

    Ray does not retry them: it would start one that does not fit into a node's memory again and
    again, whatever ``max_retries`` says.
    """

    def __init__(self, setup: WorkerSetup, share: Share, observer: Observer) -> None:
        import ray
        from ray.util.queue import Queue as Mailbox

        self._ray, self._observer = ray, observer
        self._run = RunSetup(uuid.uuid4().hex, setup, versions())
        self._stop_flag = StopFlag(setup.folder)
        self._work = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(_work)
        self._mailbox = Mailbox(actor_options={"num_cpus": 0})
        self._message = self._mailbox.actor.get.remote()
        self._trials: dict[Any, RunningTrial] = {}

    def __len__(self) -> int:
        return len(self._trials)

    def __enter__(self) -> TrialPool:
        self._stop_flag.turn(on=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the trials save their state and end; those that do not in time are killed."""
        late = list(self._trials)
        try:
            if late:
                self._stop_flag.turn(on=True)
                _, late = self._ray.wait(late, num_returns=len(late), timeout=GRACE)
        finally:
            for reference in late:
                logger.warning(
                    "trial %s did not stop in time; it goes on from its last checkpoint",
                    self._trials[reference].task.spec.name,
                )
                self._ray.cancel(reference, force=True)
            self._stop_flag.remove()
            self._mailbox.shutdown(force=True)

    def start(self, task: Task) -> None:
        """Give a trial to the cluster."""
        reference = self._work.options(name=task.spec.name).remote(
            self._run, task.request, task.spec.trial_id, self._mailbox.actor
        )
        self._trials[reference] = RunningTrial(task)

    def ended(self) -> Iterator[tuple[Task, TrialRecord | str]]:
        """Yield trials that have ended, each with its record or why its worker died.

        Waits a moment for one.
        """
        references = [*self._trials, *([self._message] if self._message else [])]
        ready, _ = self._ray.wait(references, timeout=PAUSE)
        for reference in ready:
            if reference == self._message:
                self._read()
                continue
            trial = self._trials.pop(reference)
            end = self._end(reference)
            if isinstance(end, TrialRecord):
                evaluated = {entry["epoch"]: entry for entry in end.history}
                losses = enumerate(end.losses, start=1)
                self._tell(trial, [(epoch, loss, evaluated.get(epoch)) for epoch, loss in losses])
            yield trial.task, end

    def _end(self, reference: Any) -> TrialRecord | str:  # noqa: ANN401
        errors = self._ray.exceptions
        try:
            record, refusal = self._ray.get(reference)
        except errors.OutOfMemoryError:
            return "killed by Ray, since the memory of its node ran out"
        except (errors.NodeDiedError, errors.ObjectLostError):
            return "its node is gone"
        except errors.WorkerCrashedError:
            return "its process ended without a word"
        except errors.RayError as error:
            raise DataError(f"Ray cannot run a trial: {error}") from error
        if refusal:
            raise DataError(refusal)
        end: TrialRecord = record
        return end

    def _read(self) -> None:
        """Tell the observer what a message says; without messages, it learns all at the end."""
        try:
            trial_id, epochs = self._ray.get(self._message)
        except self._ray.exceptions.RayError:
            self._message = None
            return
        self._message = self._mailbox.actor.get.remote()
        for trial in self._trials.values():
            if trial.task.spec.trial_id == trial_id:
                self._tell(trial, epochs)

    def _tell(self, trial: RunningTrial, epochs: Epochs) -> None:
        for epoch, loss, evaluation in epochs:
            if epoch > trial.reported:
                record = None if evaluation is None else EpochRecord(**evaluation)
                self._observer.epoch_ended(trial.task.spec, epoch, loss, record)
                trial.reported = epoch


def _work(
    run: RunSetup,
    request: Any,  # noqa: ANN401
    trial_id: str,
    mailbox: Any,  # noqa: ANN401
) -> tuple[TrialRecord | None, str]:
    """Run one trial as a Ray task."""
    end = work(run, request, lambda epochs: mailbox.put_nowait.remote((trial_id, epochs)))
    return (None, end) if isinstance(end, str) else (end, "")
