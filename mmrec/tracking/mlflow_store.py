"""The tracker ``mlflow``: a run of MLflow with a nested run for each trial."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmrec.installation import install_hint
from mmrec.runs.journal import StartedTrial
from mmrec.tracking.environment import environment
from mmrec.tracking.run import Point, StartedRun, TrackedRun, TrackedTrial
from mmrec.tracking.tracker import LiveTracker, live_tracker

_SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # newer versions refuse folders without it
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a run sends nothing
}
_STATUS = {"finished": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
_BATCH = 1000
"""The most values that MLflow accepts in one call."""


@live_tracker("mlflow", package="mlflow", install=install_hint("tracking"))
class MlflowTracker(LiveTracker):
    """Writes the store ``tracking/mlruns``, replacing an earlier one."""

    def __init__(self, run: StartedRun, folder: Path) -> None:
        super().__init__(run, folder)
        self._runs: dict[str, str] = {}
        """The ids of MLflow's runs of trials by name."""
        self._open: set[str] = set()
        self._start = int(1000 * run.started)
        self._tags = {"mmrec.run_folder": str(run.folder)}
        target = folder / "mlruns"
        shutil.rmtree(target, ignore_errors=True)
        (target / ".trash").mkdir(parents=True)  # MLflow only makes the folders of a new address
        with environment(_SETTINGS):
            from mlflow.tracking import MlflowClient

            self._client = MlflowClient(tracking_uri=target.absolute().as_uri())
            self._experiment = self._client.create_experiment(run.dataset)
            self._parent = self._create(run.folder.name, {})

    def begin(self, trial: StartedTrial) -> None:
        """Make the run of a trial, with its hyper-parameters."""
        from mlflow.entities import Param

        with environment(_SETTINGS):
            if trial.name in self._runs:
                self._client.delete_run(self._runs[trial.name])
                self._open.discard(self._runs[trial.name])
            tags = {"mmrec.model": trial.model, "mlflow.parentRunId": self._parent}
            run_id = self._runs[trial.name] = self._create(trial.name, tags)
            parameters = [
                Param(name, value if isinstance(value, str) else json.dumps(value))
                for name, value in trial.parameters.items()
            ]
            self._client.log_batch(run_id, params=parameters)

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        """Add the values of epochs."""
        self._log(trial.name, [(point.tag, point) for point in points])

    def end(self, trial: TrackedTrial) -> None:
        """Add the values of the best epoch and the status."""
        record = trial.record
        run_id = self._runs[record.name]
        self._log(record.name, [(f"best/{point.tag}", point) for point in trial.best])
        with environment(_SETTINGS):
            self._client.set_tag(run_id, "mmrec.status", record.status)
            if record.error is not None:
                self._client.set_tag(run_id, "mmrec.error", record.error)
            self._terminate(run_id, _STATUS[record.status], record.seconds)

    def finish(self, run: TrackedRun) -> None:
        """Add the report and the status of the whole run."""
        seconds = max((trial.record.seconds for trial in run.trials), default=0.0)
        with environment(_SETTINGS):
            self._client.log_artifact(self._parent, str(run.report))
            self._terminate(self._parent, "FINISHED", seconds)

    def close(self) -> None:
        """Mark what has not ended as killed."""
        with environment(_SETTINGS):
            for run_id in list(self._open):
                self._terminate(run_id, "KILLED", 0.0)

    def _create(self, name: str, tags: dict[str, str]) -> str:
        run_id: str = self._client.create_run(
            self._experiment, start_time=self._start, tags=self._tags | tags, run_name=name
        ).info.run_id
        self._open.add(run_id)
        return run_id

    def _terminate(self, run_id: str, status: str, seconds: float) -> None:
        end = self._start + int(1000 * seconds)
        self._client.set_terminated(run_id, status, end_time=end)
        self._open.discard(run_id)

    def _log(self, name: str, values: Sequence[tuple[str, Point]]) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(_key(tag), p.value, self._start, p.epoch) for tag, p in values]
        with environment(_SETTINGS):
            for first in range(0, len(metrics), _BATCH):
                batch = metrics[first : first + _BATCH]
                self._client.log_batch(self._runs[name], metrics=batch)


def _key(tag: str) -> str:
    return tag.replace("@", "_at_")  # which MLflow refuses
