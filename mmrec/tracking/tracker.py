"""Trackers by name: what they are called for, and which an experiment may list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, TypeVar

from mmrec.config import Loaded
from mmrec.errors import ConfigError
from mmrec.registry import Registry
from mmrec.runs.journal import StartedTrial
from mmrec.tracking.run import Point, StartedRun, TrackedRun, TrackedTrial

Write = Callable[[TrackedRun, Path], None]
"""Writes a finished run into the folder ``tracking`` of the run."""
_W = TypeVar("_W", bound=Write)


class LiveTracker:
    """Writes a run while it goes on. It is called in the main process, by one thread.

    Every session of a run makes a new one, which gets the trials and epochs of earlier sessions
    again: it replaces what was written of them, so nothing is there twice.

    Args:
        run: the run.
        folder: the folder ``tracking`` of the run, which may not exist yet.
    """

    def __init__(self, run: StartedRun, folder: Path) -> None:
        self.run, self.folder = run, folder

    def begin(self, trial: StartedTrial) -> None:
        """A trial starts. What was written of the same trial is replaced."""

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        """Some epochs of a trial have ended; ``points`` are in the order of the epochs."""

    def end(self, trial: TrackedTrial) -> None:
        """A trial has ended, and all its points were added."""

    def finish(self, run: TrackedRun) -> None:
        """The run has finished."""

    def close(self) -> None:
        """The session ends, whether the run has finished or not. It may be called twice."""


_L = TypeVar("_L", bound=type[LiveTracker])


class Tracker(NamedTuple):
    """A registered tracker."""

    make: Callable[[StartedRun, Path], LiveTracker]
    package: str | None
    """The package that it imports, if mmrec does not depend on it."""
    install: str
    """How to install the package."""


TRACKERS: Registry[Tracker] = Registry("tracker", package="mmrec.tracking")


def tracker(
    name: str, *, package: str | None = None, install: str | None = None
) -> Callable[[_W], _W]:
    """Register a function as the tracker of a name.

    The function takes a :class:`TrackedRun` and the folder to write into, which it creates. It is
    called at the end of the run, and again if the run is resumed after it failed, so it replaces
    what it wrote before.

    Args:
        name: as in the experiment's ``tracking``.
        package: a package that the function imports. An experiment that lists the tracker is
            refused before training if the package is not installed.
        install: how to install the package; by default with pip.

    Raises:
        ConfigError: another tracker has the name.
    """

    def register(write: _W) -> _W:
        def make(run: StartedRun, folder: Path) -> LiveTracker:
            return _AtTheEnd(run, folder, write)

        TRACKERS.add(name, Tracker(make, package, install or f"pip install {package}"), write)
        return write

    return register


def live_tracker(
    name: str, *, package: str | None = None, install: str | None = None
) -> Callable[[_L], _L]:
    """Register a :class:`LiveTracker` under a name.

    Args:
        name: see :func:`tracker`.
        package: see :func:`tracker`.
        install: see :func:`tracker`.

    Raises:
        ConfigError: another tracker has the name.
    """

    def register(kind: _L) -> _L:
        made = Tracker(kind, package, install or f"pip install {package}")
        TRACKERS.add(name, made, kind)  # type: ignore[arg-type]
        return kind

    return register


class _AtTheEnd(LiveTracker):
    """Calls a function with the finished run."""

    def __init__(self, run: StartedRun, folder: Path, write: Write) -> None:
        super().__init__(run, folder)
        self._write = write

    def finish(self, run: TrackedRun) -> None:
        self._write(run, self.folder)


def check_trackers(loaded: Loaded) -> None:
    """Add unknown trackers and trackers whose package is not installed to the problems."""
    if loaded.experiment is None:
        return
    for place, name in enumerate(loaded.experiment.tracking):
        problem = _problem(name)
        if problem is not None:
            loaded.problems.add(("experiment", "tracking", place), problem)


def _problem(name: str) -> str | None:
    try:
        _, package, install = TRACKERS.find(name)
    except ConfigError as error:
        return str(error)
    found = None if package is None else find_spec(package)
    if package is None or (found is not None and found.origin is not None):
        return None  # a folder named as the package, which Python would import, has no origin
    return f"{name!r} needs the package {package!r}, which is not installed: {install}"
