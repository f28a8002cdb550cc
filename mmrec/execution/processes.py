"""The executor ``processes``: trials on this machine, each in a process of its own.

A worker receives trials as plain data and sends records. If it dies, only its trial is affected.
With one worker, the trials run in this process.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, cast

from mmrec.execution.driver import Driver, EpochEnded, Event, TrialEnded, WorkerEnded, WorkerRefused
from mmrec.execution.executors import Executor, Queue, Task, executor
from mmrec.execution.serial import run_serially
from mmrec.execution.spawning import DeathWatch, start_process
from mmrec.execution.worker import WorkerSetup
from mmrec.runs.records import TrialRecord

_LEAVE = 5.0
"""Seconds that a worker without a trial has to exit."""


@executor("processes")
class ProcessExecutor(Executor):
    """Runs trials on this machine: in this process, or several at the same time in others."""

    keys = frozenset({"devices"})

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends."""
        run = self.context
        if run.n_workers == 1:
            (device, *_), _ = self.devices(run.experiment)
            yield from run_serially(run.workbench(device), queue, run.observer, run.stop)
            return
        gpus = run.experiment.gpus
        setups = [replace(run.setup, gpu=gpus[n % len(gpus)]) for n in range(run.n_workers)]
        yield from Driver(ProcessPool(setups), run.n_workers, run.observer, run.stop).run(queue)


class ProcessPool:
    """Worker processes, started when they are needed.

    Args:
        setups: one for each worker.
    """

    def __init__(self, setups: Sequence[WorkerSetup]) -> None:
        self._workers = [_Process(setup) for setup in setups]

    def start(self, task: Task) -> None:
        """Give a trial to the first worker that has none."""
        next(worker for worker in self._workers if worker.trial_id is None).give(task)

    def poll(self, seconds: float) -> Iterator[Event]:
        """Yield the next event of each worker that has one."""
        busy = {w.connection: w for w in self._workers if w.trial_id is not None}
        for connection in wait(list(busy), timeout=seconds):
            yield busy[cast("Any", connection)].receive()

    def stop(self) -> None:
        """Ask all workers to save their state and end."""
        for worker in self._workers:
            worker.terminate()

    def kill(self) -> None:
        """End all workers: those without a trial exit, the others are killed."""
        for worker in self._workers:
            worker.close()
        for worker in self._workers:
            worker.wait()


class _Process:
    """One worker process at a time, and the driver's end of the connection to it."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self.connection: Connection[Any, Any]
        self._watch: DeathWatch
        self.trial_id: str | None = None
        """The trial that it runs."""

    def give(self, task: Task) -> None:
        if self._process is not None and self._process.poll() is not None:
            self._clean_up()
        if self._process is None:
            self._start()
        self.trial_id = task.spec.trial_id
        self._send(task.request)

    def receive(self) -> Event:
        """Return the next event of the trial; wait for it."""
        assert self.trial_id is not None
        trial_id = self.trial_id
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            kind, content = "crashed", None
        if kind == "epoch":
            return EpochEnded(trial_id, *content)
        if kind == "refused":
            return WorkerRefused(trial_id, content)
        self.trial_id = None
        if kind == "ended":
            return TrialEnded(trial_id, content)
        code = self._clean_up()
        return WorkerEnded(trial_id, content or self._watch.reason(code))

    def terminate(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def close(self) -> None:
        """Kill the process if it runs a trial; otherwise let it exit."""
        if self._process is not None:
            if self.trial_id is not None:
                self._process.kill()
            self.connection.close()

    def wait(self) -> None:
        if self._process is not None:
            self._clean_up()

    def _start(self) -> None:
        self.connection, theirs = Pipe()
        self._watch = DeathWatch()
        with _without_interrupts():
            self._process = start_worker(theirs)
        theirs.close()  # so that the death of the worker closes the connection
        self._send(self._setup)

    def _send(self, content: object) -> None:
        with contextlib.suppress(OSError):  # it just died; reading the connection shows it
            self.connection.send(content)

    def _clean_up(self) -> int:
        """Wait until a process that is ending has ended; return its exit code."""
        assert self._process is not None
        process, self._process = self._process, None
        self.connection.close()
        try:
            return process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def start_worker(connection: Connection[Any, Any]) -> subprocess.Popen[bytes]:
    """Start a process that reads its setup and its trials from a connection."""
    return start_process("mmrec.execution.worker", connection)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Block SIGINT in processes that start: a terminal sends Ctrl-C to all, the driver decides.

    A process inherits what is blocked. In this process, a signal arrives when the block ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
