"""What a worker process of a Ray cluster does with a trial; Ray itself is not needed to read it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmrec.errors import DataError, MmrecError
from mmrec.execution.specs import TrialRequest
from mmrec.execution.worker import Worker, WorkerSetup
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord
from mmrec.training.trainer import Interrupted

PAUSE = 0.2
"""Seconds between two looks at the flag, and between two messages about epochs."""

Epochs = list[tuple[int, float, dict[str, Any] | None]]
"""Epochs that have ended, as plain data: number, loss, and the evaluation if there is one."""


@dataclass(frozen=True)
class RunSetup:
    """What all trials of a run have in common."""

    run: str
    """Unique to the run; a process sets up its worker once for each run."""
    setup: WorkerSetup
    versions: dict[str, str]
    """Of what the bits of a result depend on; the worker's must be the same."""


def versions() -> dict[str, str]:
    """Return the versions of this process."""
    return {
        "mmrec": metadata.version("mmrec"),
        "torch": str(torch.__version__),  # with its build, such as +cpu
        "numpy": np.__version__,
    }


class StopFlag:
    """A file in the run's folder by which the driver tells all nodes to stop.

    It is there as long as the run lasts, and says so by what is in it: when a file is opened, even
    a network file system shows its newest content, but that a file has come can be hidden for a
    minute.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stop"
        self._next_look = 0.0
        self._is_on = False

    def turn(self, *, on: bool) -> None:
        """Tell the workers to stop, or not to.

        Raises:
            DataError: the file cannot be written.
        """
        try:
            self._path.write_text("stop" if on else "")
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Delete the file, once no worker looks at it."""
        self._path.unlink(missing_ok=True)

    @property
    def is_there(self) -> bool:
        """Whether this node sees the file."""
        return self._path.exists()

    def __call__(self) -> bool:
        """Say whether to stop; cheap enough to be asked after every step."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + PAUSE
            try:
                self._is_on = self._path.read_text() != ""
            except OSError:
                self._is_on = False
        return self._is_on


def work(run: RunSetup, request: TrialRequest, send: Callable[[Epochs], None]) -> TrialRecord | str:
    """Run a trial; return its record, or why the whole run cannot go on."""
    stop = StopFlag(run.setup.folder)
    try:
        _check(run, stop)
        return _worker(run).run(request, _Reporter(send), stop)
    except Interrupted:
        return "asked to stop"
    except MmrecError as error:
        return f"node {platform.node()}: {error}"


_workers: dict[str, Worker] = {}
"""The worker of the last run that this process worked for."""


def _worker(run: RunSetup) -> Worker:
    if run.run not in _workers:
        _workers.clear()
        worker = Worker.set_up(run.setup)
        if run.setup.gpu >= 0 and worker.workbench.device.type == "cpu":
            raise DataError("has a GPU for the trial, but torch sees no CUDA device")
        _workers[run.run] = worker
    return _workers[run.run]


def _check(run: RunSetup, flag: StopFlag) -> None:
    folder = run.setup.folder
    if not flag.is_there:
        raise DataError(
            f"{folder}: the folder of the run is not there; results have to be on storage that "
            "all nodes share"
        )
    for name, here in versions().items():
        if here != run.versions[name]:
            raise DataError(
                f"has {name} {here}, the driver {run.versions[name]}; results would differ"
            )


class _Reporter:
    """Sends what it is told about epochs, but not more often than anybody could read."""

    def __init__(self, send: Callable[[Epochs], None]) -> None:
        self._send = send
        self._unsent: Epochs = []
        self._next = 0.0

    def __call__(self, epoch: int, loss: float, record: EpochRecord | None) -> None:
        self._unsent.append((epoch, loss, None if record is None else asdict(record)))
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            self._send(self._unsent)
            self._unsent = []
