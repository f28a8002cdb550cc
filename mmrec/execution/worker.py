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
from mmrec.execution.specs import Order, SpecMaker
from mmrec.execution.workbench import Workbench
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan, make_plan
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.training.determinism import resolve_device
from mmrec.training.trainer import Interrupted, OnEpoch


@dataclass(frozen=True)
class Assignment:
    """What a worker needs to set up its workbench."""

    experiment: dict[str, Any]
    base_dir: Path
    folder: Path
    threads: int
    gpu: int


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


def serve(connection: Connection[Any, Any], assignment: Assignment) -> None:
    """Be a worker: set up the workbench, then run the trials that are handed out."""
    stop = StopRequest()

    def note(number: int, frame: object) -> None:
        stop.signal = number

    signal.signal(signal.SIGTERM, note)
    try:
        desk = Desk.set_up(assignment)
        while not stop():
            if not connection.poll(0.2):
                continue
            order: Order = connection.recv()
            record = desk.run(order, lambda *told: connection.send(("epoch", told)), stop)
            connection.send(("ended", record))
    except MmrecError as error:
        connection.send(("error", str(error)))
    except (Interrupted, EOFError, BrokenPipeError):
        pass  # asked to stop, or the driver is gone; the state is in the checkpoint
