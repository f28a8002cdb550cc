"""A worker process of a Ray cluster; this module works without Ray."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmrec.errors import DataError, MmrecError
from mmrec.execution.specs import TrialRequest
from mmrec.execution.worker import Worker, WorkerSetup
from mmrec.interruption import Interrupted
from mmrec.runs.environment import installed_version
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord

_PAUSE = 0.2
"""Seconds between two reads of the stop flag, and between two messages about epochs."""

Epochs = list[tuple[int, float, dict[str, Any] | None]]
"""Epochs as plain data: number, loss, and the evaluation if there was one."""


@dataclass(frozen=True)
class RunSetup:
    """What all trials of a run have in common."""

    run: str
    """Unique to the run; a process sets up its worker once for each run."""
    setup: WorkerSetup
    versions: dict[str, str | None]
    """The driver's versions of what the bits of a result depend on; the node's must be equal."""


def versions() -> dict[str, str | None]:
    """Return the versions of this process."""
    return {package: installed_version(package) for package in ("mmrec", "torch", "numpy")}


class StopFlag:
    """A file in the folder of the run by which the driver asks all nodes to stop.

    The file exists during the whole run, and its content is the flag: opening a file shows its
    newest content even on a network file system, which may hide a new file for a minute.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stop"
        self._next_read = 0.0
        self._is_set = False

    def create(self) -> None:
        """Write the file with the flag unset.

        Raises:
            DataError: the file cannot be written.
        """
        self._write("")

    def set(self) -> None:
        """Ask the workers to stop.

        Raises:
            DataError: the file cannot be written.
        """
        self._write("stop")

    def remove(self) -> None:
        """Delete the file when no worker reads it any more."""
        self._path.unlink(missing_ok=True)

    @property
    def exists(self) -> bool:
        """Whether this node has access to the file."""
        return self._path.exists()

    def __call__(self) -> bool:
        """Return whether the flag is set; cheap enough to be called after every step."""
        now = time.monotonic()
        if now >= self._next_read:
            self._next_read = now + _PAUSE
            try:
                self._is_set = self._path.read_text() != ""
            except OSError:
                self._is_set = False
        return self._is_set

    def _write(self, content: str) -> None:
        try:
            self._path.write_text(content)
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}") from error


def work(
    run: RunSetup, request: TrialRequest, send: Callable[[Epochs], None]
) -> tuple[TrialRecord | None, str]:
    """Run a trial.

    Returns:
        The record, or None if the trial was asked to stop; and why this node cannot run any trial,
        empty if it can.
    """
    stop = StopFlag(run.setup.folder)
    try:
        _check(run, stop)
        return _worker(run).run(request, _Reporter(send), stop), ""
    except Interrupted:
        return None, ""
    except MmrecError as error:
        return None, f"node {platform.node()}: {error}"


_workers: dict[str, Worker] = {}
"""The worker of the last run that this process worked for."""


def _worker(run: RunSetup) -> Worker:
    if run.run not in _workers:
        _workers.clear()
        worker = Worker.set_up(run.setup)
        if run.setup.gpu >= 0 and worker.workbench.device.type == "cpu":
            raise DataError("has a GPU for the trial, but torch finds no CUDA device")
        _workers[run.run] = worker
    return _workers[run.run]


def _check(run: RunSetup, flag: StopFlag) -> None:
    folder = run.setup.folder
    if not flag.exists:
        raise DataError(
            f"{folder}: this folder of the run does not exist here; results must be on storage "
            "that all nodes share"
        )
    for name, here in versions().items():
        if here != run.versions[name]:
            raise DataError(
                f"has {name} {here}, the driver {run.versions[name]}; results would differ"
            )


class _Reporter:
    """Sends the epochs of a trial, at most a few messages a second."""

    def __init__(self, send: Callable[[Epochs], None]) -> None:
        self._send = send
        self._unsent: Epochs = []
        self._next = 0.0

    def __call__(self, epoch: int, loss: float, record: EpochRecord | None) -> None:
        self._unsent.append((epoch, loss, None if record is None else asdict(record)))
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PAUSE
            self._send(self._unsent)
            self._unsent = []
