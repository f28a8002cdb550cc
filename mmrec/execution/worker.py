"""A worker's side of a run: it reads plan and data for itself, then runs what it is handed.

No class and no array is pickled, so models and loaders of one's own need no thought of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from mmrec.config import read_experiment
from mmrec.errors import MmrecError
from mmrec.execution.signals import StopRequest
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.workbench import Workbench
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan, make_plan
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.training.determinism import resolve_device
from mmrec.training.trainer import Interrupted, OnEpoch


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to set up its workbench."""

    experiment: dict[str, Any]
    base_dir: Path
    folder: Path
    threads: int
    gpu: int


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
            ConfigError: a path is not there.
            DataError: the data cannot be used.
        """
        torch.set_num_threads(setup.threads)
        plan = make_plan(read_experiment(setup.experiment, setup.base_dir))
        datasets = load_datasets(plan)
        device, _ = resolve_device(setup.gpu)
        folder = RunFolder(setup.folder)
        workbench = Workbench(plan.experiment, datasets, device, setup.threads, folder)
        return cls(plan, SpecMaker(plan, datasets), workbench)

    def run(
        self, request: TrialRequest, on_epoch: OnEpoch, stop: Callable[[], bool]
    ) -> TrialRecord:
        """Run the requested trial; see :meth:`Workbench.execute`."""
        model = self.plan.models[request.model]
        return self.workbench.execute(model, self.specs.make(request), on_epoch, stop)


def run_worker(connection: Connection[Any, Any], setup: WorkerSetup) -> None:
    """Set up a worker, then run the requested trials until the driver ends the process."""
    stop = StopRequest()

    def note(number: int, frame: object) -> None:
        stop.signal = number

    signal.signal(signal.SIGTERM, note)
    try:
        worker = Worker.set_up(setup)
        while not stop():
            if not connection.poll(0.2):
                continue
            request: TrialRequest = connection.recv()
            record = worker.run(request, lambda *told: connection.send(("epoch", told)), stop)
            connection.send(("ended", record))
    except MmrecError as error:
        connection.send(("error", str(error)))
    except (Interrupted, EOFError, BrokenPipeError):
        pass  # asked to stop, or the driver is gone; the state is in the checkpoint
