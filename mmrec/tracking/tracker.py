"""Trackers by name, and writing a run with those that an experiment lists.

Trackers are called at the end of a run, in the main process, with the records of the trials.
Tracking therefore changes no result, works with every executor and covers resumed runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mmrec.config import Experiment, Loaded
from mmrec.errors import ConfigError, DataError, MmrecError
from mmrec.registry import Registry
from mmrec.reporting.results import Results
from mmrec.runs.study import Study
from mmrec.tracking.run import TrackedRun, tracked_trials

Write = Callable[[TrackedRun, Path], None]
"""Writes a run into the folder ``tracking`` of the run."""
_W = TypeVar("_W", bound=Write)


class Tracker(NamedTuple):
    """A registered tracker."""

    write: Write
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
    called again if the run is resumed after it failed, so it replaces what it wrote before.

    Args:
        name: as in the experiment's ``tracking``.
        package: a package that the function imports. An experiment that lists the tracker is
            refused before training if the package is not installed.
        install: how to install the package; by default with pip.

    Raises:
        ConfigError: another tracker has the name.
    """

    def register(write: _W) -> _W:
        TRACKERS.add(name, Tracker(write, package, install or f"pip install {package}"), write)
        return write

    return register


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
    if package is None or find_spec(package) is not None:
        return None
    return f"{name!r} needs the package {package!r}, which is not installed: {install}"


def write_tracking(
    manifest: Mapping[str, Any],
    experiment: Experiment,
    studies: Sequence[Study],
    results: Results,
) -> None:
    """Write a run with every tracker that the experiment lists.

    Args:
        manifest: of the run.
        experiment: lists the trackers.
        studies: the trials of every model.
        results: of the run.

    Raises:
        DataError: a tracker failed; the message says how to continue.
    """
    run = TrackedRun(
        folder=results.folder,
        dataset=experiment.dataset,
        started=datetime.fromisoformat(manifest["started"]).timestamp(),
        report=results.report,
        trials=tracked_trials(studies, manifest["protocol"]["selected_on"]),
    )
    for name in experiment.tracking:
        _write(name, run, results.folder / "tracking")


def _write(name: str, run: TrackedRun, folder: Path) -> None:
    try:
        TRACKERS.find(name).write(run, folder)
    except MmrecError:
        raise
    except Exception as error:  # trackers call packages that raise any type
        raise DataError(
            f"{run.folder}: the tracker {name!r} failed: {type(error).__name__}: {error}. All "
            f"trials have ended. Run the experiment again, with or without {name!r}; no trial is "
            "repeated"
        ) from error
