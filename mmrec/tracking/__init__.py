"""Handing a run on to other tools: a table of curves, TensorBoard, MLflow.

All is written at the end of a run, by the process that leads it, from the records of the trials
alone: tracking cannot change a result, and works with every executor and after an interruption.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmrec.config import Experiment, Problems, Tracker
from mmrec.errors import DataError, MmrecError
from mmrec.reporting.results import Results
from mmrec.runs.study import Study
from mmrec.text import install_hint
from mmrec.tracking.run import TrackedRun, tracked_trials

_MODULES: dict[Tracker, str] = {
    "csv": "csv_table",
    "mlflow": "mlflow_store",
    "tensorboard": "tensorboard_events",
}
_PACKAGES: dict[Tracker, str] = {"mlflow": "mlflow", "tensorboard": "tensorboard"}


def check_trackers(experiment: Experiment, problems: Problems) -> None:
    """Refuse an experiment that is tracked by a package that is not installed.

    Raises:
        ConfigError: one is not; the message names the extra that has it.
    """
    for place, name in enumerate(experiment.tracking):
        package = _PACKAGES.get(name)
        if package is not None and find_spec(package) is None:
            problems.add(
                ("experiment", "tracking", place),
                f"{name!r} needs a package that is not installed: {install_hint('tracking')}",
            )
    problems.raise_if_any()


def write_tracking(
    manifest: Mapping[str, Any],
    experiment: Experiment,
    studies: Sequence[Study],
    results: Results,
) -> None:
    """Write what ``tracking`` asks for into the folder ``tracking`` of a run.

    Args:
        manifest: what :func:`~mmrec.reporting.make_manifest` returns.
        experiment: says which trackers are asked for.
        studies: the trials of every model.
        results: of the run.

    Raises:
        DataError: a tracker failed; the message says how to go on.
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


def _write(name: Tracker, run: TrackedRun, folder: Path) -> None:
    try:
        importlib.import_module(f"{__name__}.{_MODULES[name]}").write(run, folder)
    except MmrecError:
        raise
    except Exception as error:  # whatever another tool does
        raise DataError(
            f"{run.folder}: tracking by {name} failed: {type(error).__name__}: {error}. All trials "
            f"have ended: run the experiment again, with or without {name}, to write the rest"
        ) from error
