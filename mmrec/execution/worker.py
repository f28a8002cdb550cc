"""A worker process: it reads the experiment and its data itself, then runs requested trials.

No class and no array is pickled, so models and loaders from the user's own file need not support
it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import MmrecError
from mmrec.execution.signals import StopRequest
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.workbench import Workbench
from mmrec.interruption import Interrupted
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan, make_plan
from mmrec.runs.folder import RunFolder
from mmrec.runs.inputs import FileStates, InputCheck, RunInputs
from mmrec.runs.records import TrialRecord
from mmrec.training.determinism import resolve_device
from mmrec.training.trainer import OnEpoch

_PAUSE = 0.2
"""Seconds between two checks of whether a worker without a trial was asked to stop."""


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to start, as plain data."""

    experiment: dict[str, Any]
    base_dir: Path
    folder: Path
    """The folder of the run."""
    threads: int
    """Threads of torch while a trial runs."""
    gpu: int
    """Number of the CUDA device; -1 for the CPU."""
    inputs: RunInputs
    """What the run was started with."""

    def check(self, states: FileStates, datasets: Sequence[Dataset]) -> InputCheck:
        """Return what compares the files of the run before each trial.

        Args:
            states: of the files, before the process of the trials read them.
            datasets: what it has read.
        """
        return InputCheck(
            self.experiment, self.base_dir, self.folder, self.inputs.identity, states, datasets
        )


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker's own copy of the plan and the data, and its workbench."""

    plan: Plan
    specs: SpecMaker
    workbench: Workbench

    @classmethod
    def set_up(cls, setup: WorkerSetup) -> Worker:
        """Read the experiment and its data.

        Raises:
            ConfigError: a path does not exist.
            DataError: the data cannot be used, or the data or the code are not those that the run
                was started with.
        """
        torch.set_num_threads(setup.threads)
        plan = make_plan(read_experiment(setup.experiment, setup.base_dir))
        states = FileStates.of(plan)
        datasets = load_datasets(plan)
        check = setup.check(states, datasets)
        check.at_start(plan, setup.inputs.states)
        device, _ = resolve_device(setup.gpu)
        folder = RunFolder(setup.folder)
        workbench = Workbench(plan.experiment, datasets, device, setup.threads, folder, check)
        return cls(plan, SpecMaker(plan, datasets), workbench)

    def run(
        self, request: TrialRequest, on_epoch: OnEpoch, stop: Callable[[], bool]
    ) -> TrialRecord:
        """Run the requested trial; see :meth:`Workbench.execute`."""
        model = self.plan.models[request.model]
        return self.workbench.execute(model, self.specs.make(request), on_epoch, stop)


def main(handle: int) -> None:
    """Run a worker process.

    Args:
        handle: file descriptor of the connection to the driver, which sends the
            :class:`WorkerSetup` and then a :class:`TrialRequest` for each trial.
    """
    os.set_inheritable(handle, False)
    connection: Connection[Any, Any] = Connection(handle)
    try:
        run_worker(connection, connection.recv())
    except (Interrupted, EOFError, ConnectionError):
        pass  # asked to stop, or the driver has ended; the state is in the checkpoint
    except Exception as error:
        with contextlib.suppress(OSError):  # the driver has ended
            connection.send(("crashed", f"{type(error).__name__}: {error}"))
        raise


def run_worker(connection: Connection[Any, Any], setup: WorkerSetup) -> None:
    """Set up a worker, then run the requested trials until the driver ends it.

    Raises:
        Interrupted: SIGTERM asked it to stop, or the driver ended during a trial.
        EOFError: the driver ended.
    """
    request, driver = StopRequest(), os.getppid()

    def note(number: int, frame: object) -> None:
        request.signal = number

    def stop() -> bool:
        return request() or os.getppid() != driver

    def on_epoch(*ended: object) -> None:
        try:
            connection.send(("epoch", ended))
        except ConnectionError:
            raise Interrupted from None

    signal.signal(signal.SIGTERM, note)
    try:
        worker = Worker.set_up(setup)
        while not stop():
            if connection.poll(_PAUSE):
                trial: TrialRequest = connection.recv()
                connection.send(("ended", worker.run(trial, on_epoch, stop)))
    except MmrecError as error:
        connection.send(("refused", str(error)))
