"""The tracker ``wandb``: a run of Weights & Biases for each trial, in a group for the run.

Nothing is sent unless the variable ``WANDB_MODE`` is ``online``: the files are in the folder
``tracking/wandb`` of the run, and ``wandb sync`` uploads them.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrec.files import append_line, path_errors
from mmrec.installation import install_hint
from mmrec.runs.journal import StartedTrial
from mmrec.tracking.environment import environment
from mmrec.tracking.run import Point, StartedRun, TrackedTrial
from mmrec.tracking.tracker import LiveTracker, live_tracker

if TYPE_CHECKING:
    import wandb

_QUIET = {"WANDB_ERROR_REPORTING": "false"}
"""Its own reports about errors would be sent even offline."""


@live_tracker("wandb", package="wandb", install=install_hint("wandb"))
class WandbTracker(LiveTracker):
    """Writes a run for each trial; its id is that of the trial and the folder of the run."""

    def __init__(self, run: StartedRun, folder: Path) -> None:
        super().__init__(run, folder)
        self._mode = os.environ.get("WANDB_MODE", "offline")
        self._runs: dict[str, wandb.Run] = {}
        """The open runs, by name of the trial."""
        self._ended = folder / "wandb" / "ended.txt"
        """The ids of the runs of trials that ended, which later sessions leave as they are."""
        with path_errors(self._ended):
            text = self._ended.read_text() if self._ended.exists() else ""
        self._known = set(text.split())
        self._ended.parent.mkdir(parents=True, exist_ok=True)

    def begin(self, trial: StartedTrial) -> None:
        """Open the run of a trial, with its hyper-parameters."""
        run_id = self._id(trial.trial_id)
        if run_id in self._known:
            return
        with _isolated():
            import wandb

            open_run = self._runs.pop(trial.name, None)
            if open_run is not None:  # the trial is written again
                open_run.finish()
            for earlier in (self.folder / "wandb").glob(f"offline-run-*-{run_id}"):
                shutil.rmtree(earlier, ignore_errors=True)
            self._runs[trial.name] = wandb.init(
                project=os.environ.get("WANDB_PROJECT") or self.run.dataset,
                group=self.run.folder.name,
                job_type=trial.model,
                name=trial.name,
                id=run_id,
                resume="allow" if self._mode == "online" else None,
                config=trial.parameters,
                settings=wandb.Settings(**self._settings()),
            )

    def add(self, trial: StartedTrial, points: Sequence[Point]) -> None:
        """Log the values of epochs; the number of an epoch is the step."""
        run = self._runs.get(trial.name)
        if run is None:  # an earlier session wrote it
            return
        for epoch, of_epoch in groupby(points, key=lambda point: point.epoch):
            if epoch >= run.step:  # not of an earlier session, which a server has
                run.log({point.tag: point.value for point in of_epoch}, step=epoch)

    def end(self, trial: TrackedTrial) -> None:
        """Put the values of the best epoch into the summary, and close the run."""
        record = trial.record
        summary: dict[str, Any] = {f"best/{point.tag}": point.value for point in trial.best}
        summary |= {"best_epoch": record.best_epoch, "seconds": record.seconds}
        summary |= {"status": record.status, "error": record.error}
        run = self._runs.pop(record.name, None)
        if run is None:
            return
        with _isolated():
            run.summary.update({k: value for k, value in summary.items() if value is not None})
            run.finish(exit_code=1 if record.status == "failed" else 0)
        append_line(self._ended, self._id(record.trial_id))

    def close(self) -> None:
        """Close the runs of trials that have not ended, and end the process of the package."""
        with _isolated():
            import wandb

            for run in self._runs.values():
                run.finish(exit_code=1)
            self._runs = {}
            wandb.teardown()

    def _id(self, trial_id: str) -> str:
        return f"{trial_id}-{self.run.folder.name.removeprefix('run_')}"

    def _settings(self) -> Mapping[str, Any]:
        """Return settings with which nothing but what is logged is kept."""
        return {
            "mode": self._mode,
            "root_dir": str(self.folder),
            "console": "off",
            "silent": True,
            "disable_git": True,
            "disable_code": True,
            "save_code": False,
            "x_disable_stats": True,
            "x_disable_meta": True,
            "x_disable_machine_info": True,
            "x_save_requirements": False,
            "reinit": "create_new",
        }


@contextmanager
def _isolated() -> Iterator[None]:
    """Undo what the package changes in this process."""
    hook = sys.excepthook
    try:
        with environment(_QUIET):
            yield
    finally:
        sys.excepthook = hook
