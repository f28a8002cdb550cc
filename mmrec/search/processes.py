"""An executor of several processes, one trial at a time each.

The driver hands out trials as plain data and gets back records; each worker reads the experiment
and the data for itself, so no class and no array is pickled. A worker that dies takes only its
trial with it: the trial is tried once more by a new worker.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from mmrec.config import read_experiment
from mmrec.errors import DataError
from mmrec.search.datasets import load_datasets
from mmrec.search.execution import Workbench
from mmrec.search.executors import Observer, Queue, Task
from mmrec.search.plan import Plan, make_plan
from mmrec.search.run_folder import RunFolder
from mmrec.search.signals import StopRequest
from mmrec.search.specs import Order, SpecMaker
from mmrec.search.store import TrialRecord
from mmrec.search.trial import TrialSpec, failed_record
from mmrec.training import Interrupted, OnEpoch, resolve_device

TRIES = 2
"""How often a trial is started before the death of its worker is held to be its own doing."""


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to set up its workbench."""

    experiment: dict[str, Any]
    base_dir: Path
    folder: Path
    threads: int
    gpu: int


class ProcessExecutor:
    """Runs trials in spawned processes.

    Args:
        assignments: one for each worker.
        observer: told how it goes on.
        stop: asked regularly whether to save all states and end.
    """

    def __init__(
        self,
        assignments: Sequence[Assignment],
        observer: Observer,
        stop: Callable[[], bool],
    ) -> None:
        self._assignments = assignments
        self._observer, self._stop = observer, stop

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends."""
        tries: dict[str, int] = {}
        workers = [_Worker(a) for a in self._assignments[: queue.expected]]
        try:
            while len(queue) or any(worker.task for worker in workers):
                if self._stop():
                    raise Interrupted
                for worker in workers:
                    if worker.task is None and len(queue):
                        task = queue.take()
                        identifier = task.spec.trial_id
                        tries[identifier] = tries.get(identifier, 0) + 1
                        total = max(len(tries), queue.expected)
                        self._observer.trial_started(task.spec, len(tries), total)
                        worker.give(task)
                for worker in _ready(workers):
                    message = worker.receive()
                    if message is not None:
                        record = self._listen(worker, *message)
                    elif tries[worker.spec.trial_id] < TRIES:
                        queue.add([worker.bury()])
                        record = None
                    else:
                        spec = worker.bury().spec
                        record = failed_record(spec, WorkerDied(worker.reason), 0.0)
                    if record is not None:
                        self._observer.trial_ended(record)
                        yield record
        finally:
            for worker in workers:
                worker.end()

    def _listen(self, worker: _Worker, kind: str, content: Any) -> TrialRecord | None:  # noqa: ANN401
        """Take a worker's message; return the record if it ends the trial."""
        if kind == "epoch":
            self._observer.epoch_ended(worker.spec, *content)
            return None
        if kind == "error":
            raise DataError(content)
        worker.task = None
        record: TrialRecord = content
        return record


class WorkerDied(Exception):
    """The worker of a trial ended without a word, each time that it was tried."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"its worker died {TRIES} times ({reason}); out of memory? Its checkpoint is kept"
        )


@dataclass(eq=False)
class _Worker:
    """One process and the driver's end of its pipe."""

    assignment: Assignment
    task: Task | None = None
    _process: Any = field(init=False)
    connection: Connection[Any, Any] = field(init=False)
    reason: str = ""
    """Why the last process died."""

    def __post_init__(self) -> None:
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self.assignment), daemon=True)
        self._process.start()
        theirs.close()  # so that the death of the worker is the end of the pipe

    @property
    def spec(self) -> TrialSpec:
        assert self.task is not None
        return self.task.spec

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it has just died, and will be found dead
            self.connection.send(task.order)

    def receive(self) -> tuple[str, Any] | None:
        """Return the next message, or None if the worker has died."""
        try:
            message: tuple[str, Any] = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def bury(self) -> Task:
        """Start a new process in place of the dead one; return the task it has left."""
        assert self.task is not None
        task, self.task = self.task, None
        self._process.join()
        code = self._process.exitcode
        self.reason = f"exit code {code}"
        if code < 0:
            self.reason = f"killed by {signal.Signals(-code).name}"
        self.connection.close()
        self._start()
        return task

    def end(self) -> None:
        """Ask the worker to save its state and end; wait until it has."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self.connection.close()


@dataclass(frozen=True, eq=False)
class Desk:
    """What a worker has before it: the plan and the data, read by itself, and the workbench."""

    plan: Plan
    specs: SpecMaker
    workbench: Workbench

    @classmethod
    def set_up(cls, assignment: Assignment) -> Desk:
        """Read all that an assignment names.

        Raises:
            ConfigError: a path is not there.
            DataError: the data cannot be used.
        """
        torch.set_num_threads(assignment.threads)
        plan = make_plan(read_experiment(assignment.experiment, assignment.base_dir))
        datasets = load_datasets(plan)
        device, _ = resolve_device(assignment.gpu)
        folder = RunFolder(assignment.folder)
        workbench = Workbench(plan.experiment, datasets, device, assignment.threads, folder)
        return cls(plan, SpecMaker(plan, datasets), workbench)

    def run(self, order: Order, on_epoch: OnEpoch, stop: Callable[[], bool]) -> TrialRecord:
        """Run the trial that is ordered; see :meth:`Workbench.execute`."""
        model = self.plan.models[order.model]
        return self.workbench.execute(model, self.specs.make(order), on_epoch, stop)


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Return the workers that have something to say, or have died; wait a moment for one."""
    by_handle = {worker.connection: worker for worker in workers if worker.task is not None}
    return [by_handle[handle] for handle in wait(list(by_handle), timeout=0.2)]  # type: ignore[index]


def _work(connection: Connection[Any, Any], assignment: Assignment) -> None:
    """Be a worker: set up the workbench, then run the trials that are handed out."""
    stop = StopRequest()

    def note(number: int, frame: object) -> None:
        stop.signal = number

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the driver decides
    signal.signal(signal.SIGTERM, note)
    try:
        desk = Desk.set_up(assignment)
        while not stop():
            if not connection.poll(0.2):
                continue
            order: Order = connection.recv()
            record = desk.run(order, lambda *told: connection.send(("epoch", told)), stop)
            connection.send(("ended", record))
    except DataError as error:
        connection.send(("error", str(error)))
    except (Interrupted, EOFError, BrokenPipeError):
        pass  # asked to stop, or the driver is gone; the state is in the checkpoint
