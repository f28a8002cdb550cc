"""The tracker ``mlflow``: a run of MLflow with a nested run for each trial."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmrec.text import install_hint
from mmrec.tracking.run import TrackedRun, TrackedTrial
from mmrec.tracking.tracker import tracker

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # newer versions refuse folders without it
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a run sends nothing
}
_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_BATCH = 1000
"""The most values that MLflow accepts in one call."""


@tracker("mlflow", package="mlflow", install=install_hint("tracking"))
def write(run: TrackedRun, folder: Path) -> None:
    """Write the store ``tracking/mlruns``, replacing an earlier one.

    Raises:
        OSError: the store cannot be written.
        mlflow.exceptions.MlflowException: MLflow refuses a name or value.
    """
    target = folder / "mlruns"
    shutil.rmtree(target, ignore_errors=True)
    with _environment():
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=target.absolute().as_uri())
        experiment = client.create_experiment(run.dataset)
        start = int(1000 * run.started)
        tags = {"mmrec.run_folder": str(run.folder)}
        parent = client.create_run(
            experiment, start_time=start, tags=tags, run_name=run.folder.name
        ).info.run_id
        client.log_artifact(parent, str(run.report))
        for trial in run.trials:
            _write_trial(client, experiment, trial, start, {**tags, "mlflow.parentRunId": parent})
        seconds = max((trial.record.seconds for trial in run.trials), default=0.0)
        client.set_terminated(parent, "FINISHED", end_time=start + int(1000 * seconds))


def _write_trial(
    client: MlflowClient, experiment: str, trial: TrackedTrial, start: int, tags: dict[str, str]
) -> None:
    from mlflow.entities import Metric, Param

    record = trial.record
    own_tags = {"mmrec.model": record.model, "mmrec.status": record.status}
    if record.error is not None:
        own_tags["mmrec.error"] = record.error
    run_id = client.create_run(
        experiment, start_time=start, tags=tags | own_tags, run_name=record.name
    ).info.run_id
    parameters = [
        Param(name, value if isinstance(value, str) else json.dumps(value))
        for name, value in record.parameters.items()
    ]
    client.log_batch(run_id, params=parameters)
    values = [(point.tag, point) for point in trial.curves]
    values += [(f"best/{point.tag}", point) for point in trial.best]
    metrics = [Metric(_key(tag), point.value, start, point.epoch) for tag, point in values]
    for first in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[first : first + _BATCH])
    end = start + int(1000 * record.seconds)
    client.set_terminated(run_id, _STATUS[record.status], end_time=end)


def _key(tag: str) -> str:
    return tag.replace("@", "_at_")  # which MLflow refuses


@contextmanager
def _environment() -> Iterator[None]:
    """Set what MLflow reads from the environment, and restore it afterwards."""
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
