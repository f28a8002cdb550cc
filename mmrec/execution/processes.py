"""An executor of several processes, one trial at a time each.

The driver hands out trials as plain data and gets back records. A worker that dies takes only its
trial with it: the trial is tried once more by a new worker.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from mmrec.errors import DataError
from mmrec.execution.executors import GRACE, Observer, Queue, Task
from mmrec.execution.trial import TrialSpec, failed_record
from mmrec.execution.worker import WorkerSetup, run_worker
from mmrec.runs.records import TrialRecord
from mmrec.training.trainer import Interrupted

logger = logging.getLogger(__name__)

TRIES = 2
"""How often a trial is started before the death of its worker is held to be its own doing."""
PAUSE = 0.2
"""Seconds between two looks at whether the run was asked to stop."""


class ProcessExecutor:
    """Runs trials in spawned processes.

    Args:
        setups: one for each worker.
        observer: told how it goes on.
        stop: asked regularly whether to save all states and end.
    """

    def __init__(
        self,
        setups: Sequence[WorkerSetup],
        observer: Observer,
        stop: Callable[[], bool],
    ) -> None:
        self._setups = setups
        self._observer, self._stop = observer, stop

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends."""
        tries: dict[str, int] = {}
        workers = [WorkerProcess(setup) for setup in self._setups[: queue.expected]]
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
                        queue.add([worker.clean_up()])
                        record = None
                    else:
                        spec = worker.clean_up().spec
                        record = failed_record(spec, WorkerDied(worker.reason), 0.0)
                    if record is not None:
                        self._observer.trial_ended(record)
                        yield record
        finally:
            _dismiss(workers)

    def _listen(self, worker: WorkerProcess, kind: str, content: Any) -> TrialRecord | None:  # noqa: ANN401
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
        super().__init__(f"its worker died {TRIES} times ({reason}); out of memory?")


@dataclass(eq=False)
class WorkerProcess:
    """One process and the driver's end of its pipe."""

    setup: WorkerSetup
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
        self._process = context.Process(target=run_worker, args=(theirs, self.setup), daemon=True)
        with _shielded():
            self._process.start()
        theirs.close()  # so that the death of the worker is the end of the pipe

    @property
    def spec(self) -> TrialSpec:
        """The trial that it runs."""
        assert self.task is not None
        return self.task.spec

    def give(self, task: Task) -> None:
        """Start a trial."""
        self.task = task
        with contextlib.suppress(OSError):  # it has just died, and will be found dead
            self.connection.send(task.request)

    def receive(self) -> tuple[str, Any] | None:
        """Return the next message, or None if the worker has died."""
        try:
            message: tuple[str, Any] = self.connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def clean_up(self) -> Task:
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

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return bool(self._process.is_alive())

    def ask_to_end(self) -> None:
        """Ask the worker to save its state and end."""
        if self.is_alive:
            self._process.terminate()

    def drain(self) -> None:
        """Take what it still has to say, lest it wait to be heard."""
        with contextlib.suppress(EOFError, OSError):
            while self.connection.poll():
                self.connection.recv()

    def end(self) -> None:
        """Kill the worker if it has not ended."""
        if self.is_alive:
            if self.task is not None:
                logger.warning(
                    "trial %s did not stop in time; it goes on from its last checkpoint",
                    self.spec.name,
                )
            self._process.kill()
        self._process.join()
        self.connection.close()


@contextlib.contextmanager
def _shielded() -> Iterator[None]:
    """Keep Ctrl-C, which the terminal sends to all, from a process that starts: the driver decides.

    What is blocked stays so in the process; here it comes as soon as it is let through again.
    """
    resource_tracker.ensure_running()  # else it comes with the first process, and unblocks
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _dismiss(workers: Sequence[WorkerProcess]) -> None:
    """Let workers save their states and end; those that do not in time are killed.

    So are all of them if the user interrupts the wait.
    """
    deadline = time.monotonic() + GRACE
    try:
        for worker in workers:
            worker.ask_to_end()
        while busy := [worker for worker in workers if worker.is_alive]:
            if time.monotonic() > deadline:
                break
            wait([worker.connection for worker in busy], timeout=PAUSE)
            for worker in busy:
                worker.drain()
    finally:
        for worker in workers:
            worker.end()


def _ready(workers: Sequence[WorkerProcess]) -> list[WorkerProcess]:
    """Return the workers that have something to say, or have died; wait a moment for one."""
    by_handle = {worker.connection: worker for worker in workers if worker.task is not None}
    return [by_handle[handle] for handle in wait(list(by_handle), timeout=PAUSE)]  # type: ignore[index]
