"""An executor of several processes, one trial at a time each.

The driver hands out trials by their place in the plan and gets back records; each worker reads
the experiment and the data for itself, so no class and no array is pickled. A worker that dies
takes only its trial with it: the trial is tried once more by a new worker.
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
from mmrec.search.execution import Workplace
from mmrec.search.executors import Observer, Task
from mmrec.search.inputs import load_dataset
from mmrec.search.plan import make_plan
from mmrec.search.run_folder import RunFolder
from mmrec.search.signals import StopRequest
from mmrec.search.specs import make_specs
from mmrec.search.store import TrialRecord
from mmrec.search.trial import TrialSpec, failed_record
from mmrec.training import Interrupted, resolve_device

_TRIES = 2
"""How often a trial is started before the death of its worker is held to be its own doing."""

Place = tuple[int, int]
"""A trial by the number of its model in the plan and its own number there."""


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to set up its workplace."""

    experiment: dict[str, Any]
    base_dir: Path
    folder: Path
    threads: int
    gpu: int


class ProcessExecutor:
    """Runs trials in spawned processes.

    Args:
        assignments: one for each worker.
        places: the place in the plan of each trial, by trial_id.
        observer: told how it goes on.
        stop: asked regularly whether to save all states and end.
    """

    def __init__(
        self,
        assignments: Sequence[Assignment],
        places: dict[str, Place],
        observer: Observer,
        stop: Callable[[], bool],
    ) -> None:
        self._assignments, self._places = assignments, places
        self._observer, self._stop = observer, stop

    def run(self, tasks: Sequence[Task]) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends."""
        waiting = list(reversed(tasks))
        tries: dict[str, int] = {}
        started = 0
        workers = [_Worker(a) for a in self._assignments[: len(tasks)]]
        try:
            while waiting or any(worker.task for worker in workers):
                if self._stop():
                    raise Interrupted
                for worker in workers:
                    if worker.task is None and waiting:
                        task = waiting.pop()
                        tries[task[1].trial_id] = tries.get(task[1].trial_id, 0) + 1
                        started += tries[task[1].trial_id] == 1
                        self._observer.trial_started(task[1], started, len(tasks))
                        worker.give(task, self._places[task[1].trial_id])
                for worker in _ready(workers):
                    message = worker.receive()
                    if message is not None:
                        record = self._listen(worker, *message)
                    elif tries[worker.spec.trial_id] < _TRIES:
                        waiting.append(worker.bury())
                        record = None
                    else:
                        _, spec = worker.bury()
                        record = failed_record(spec, WorkerDied(worker.exit_code), 0.0)
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
    """A worker ended without a word."""

    def __init__(self, exit_code: int | None) -> None:
        reason = f"exit code {exit_code}"
        if exit_code is not None and exit_code < 0:
            reason = f"killed by {signal.Signals(-exit_code).name}"
        super().__init__(
            f"its worker died {_TRIES} times ({reason}); out of memory? Its checkpoint is kept"
        )


@dataclass(eq=False)
class _Worker:
    """One process and the driver's end of its pipe."""

    assignment: Assignment
    task: Task | None = None
    _process: Any = field(init=False)
    connection: Connection[Any, Any] = field(init=False)
    exit_code: int | None = None
    """Of the last process that died."""

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
        return self.task[1]

    def give(self, task: Task, place: Place) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it has just died, and will be found dead
            self.connection.send(place)

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
        self.exit_code = self._process.exitcode
        self.connection.close()
        self._start()
        return task

    def end(self) -> None:
        """Ask the worker to save its state and end; wait until it has."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self.connection.close()


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Return the workers that have something to say, or have died; wait a moment for one."""
    by_handle = {worker.connection: worker for worker in workers if worker.task is not None}
    return [by_handle[handle] for handle in wait(list(by_handle), timeout=0.2)]  # type: ignore[index]


def _work(connection: Connection[Any, Any], assignment: Assignment) -> None:
    """Be a worker: set up the workplace, then run the trials that are handed out."""
    stop = StopRequest()

    def note(number: int, frame: object) -> None:
        stop.signal = number

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the driver decides
    signal.signal(signal.SIGTERM, note)
    try:
        torch.set_num_threads(assignment.threads)
        plan = make_plan(read_experiment(assignment.experiment, assignment.base_dir))
        dataset = load_dataset(plan.experiment, plan.loaders)
        specs = make_specs(plan, dataset)
        device, _ = resolve_device(assignment.gpu)
        folder = RunFolder(assignment.folder)
        workplace = Workplace(plan.experiment, dataset, device, assignment.threads, folder)
        while not stop():
            if not connection.poll(0.2):
                continue
            model, trial = connection.recv()
            record = workplace.execute(
                plan.models[model],
                specs[model][trial],
                lambda *told: connection.send(("epoch", told)),
                stop,
            )
            connection.send(("ended", record))
    except DataError as error:
        connection.send(("error", str(error)))
    except (Interrupted, EOFError, BrokenPipeError):
        pass  # asked to stop, or the driver is gone; the state is in the checkpoint
