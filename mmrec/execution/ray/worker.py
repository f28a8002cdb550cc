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
from mmrec.execution.specs import Order
from mmrec.execution.worker import Assignment, Desk
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord
from mmrec.training.trainer import Interrupted

PAUSE = 0.2
"""Seconds between two looks at the switch, and between two messages about epochs."""

Epochs = list[tuple[int, float, dict[str, Any] | None]]
"""Epochs that have ended, as plain data: number, loss, and the evaluation if there is one."""


@dataclass(frozen=True)
class Errand:
    """What all trials of a run have in common."""

    run: str
    """Differs for every run; a worker process sets up its desk once for each."""
    assignment: Assignment
    versions: dict[str, str]
    """Of what the bits of a result depend on; the worker's must be the same."""


def versions() -> dict[str, str]:
    """Return the versions of this process."""
    return {
        "mmrec": metadata.version("mmrec"),
        "torch": str(torch.__version__),  # with its build, such as +cpu
        "numpy": np.__version__,
    }


class Switch:
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


def work(errand: Errand, order: Order, send: Callable[[Epochs], None]) -> TrialRecord | str:
    """Run a trial; return its record, or why the whole run cannot go on."""
    stop = Switch(errand.assignment.folder)
    try:
        _check(errand, stop)
        return _desk(errand).run(order, _Reporter(send), stop)
    except Interrupted:
        return "asked to stop"
    except MmrecError as error:
        return f"node {platform.node()}: {error}"


_desks: dict[str, Desk] = {}
"""The desk of the last run that this process has worked for."""


def _desk(errand: Errand) -> Desk:
    if errand.run not in _desks:
        _desks.clear()
        desk = Desk.set_up(errand.assignment)
        if errand.assignment.gpu >= 0 and desk.workbench.device.type == "cpu":
            raise DataError("has a GPU for the trial, but torch sees no CUDA device")
        _desks[errand.run] = desk
    return _desks[errand.run]


def _check(errand: Errand, switch: Switch) -> None:
    folder = errand.assignment.folder
    if not switch.is_there:
        raise DataError(
            f"{folder}: the folder of the run is not there; results have to be on storage that "
            "all nodes share"
        )
    for name, here in versions().items():
        if here != errand.versions[name]:
            raise DataError(
                f"has {name} {here}, the driver {errand.versions[name]}; results would differ"
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
