"""A run that has not finished: what it is doing, or where it was interrupted.

Everything is read without the run's lock, so a running process is not disturbed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mmrec.data import Dataset
from mmrec.errors import DataError
from mmrec.files import parse_json, path_errors, read_bytes
from mmrec.planning.plan import Plan
from mmrec.runs.journal import EndedEpoch, Journal, StartedTrial, read_journal
from mmrec.runs.manifest import Origin, make_manifest
from mmrec.runs.manifest_shape import check_shape
from mmrec.runs.names import TRIALS, UNFINISHED
from mmrec.runs.process import is_running
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.sealed import unsealed, write_sealed
from mmrec.runs.study import Study
from mmrec.text import counted

State = Literal["running", "interrupted", "unknown"]


def write_unfinished(
    folder: Path,
    origin: Origin,
    plan: Plan,
    datasets: Sequence[Dataset],
    *,
    notes: Sequence[str],
    sessions: Sequence[Mapping[str, Any]],
) -> None:
    """Write what is known of a run before its first trial: a manifest without results.

    ``n_trials`` of a model is the number of planned trials, at most.

    Args:
        folder: of the run.
        origin: what the run was started from.
        plan: the experiment.
        datasets: what it is run on, fold by fold.
        notes: the warnings so far.
        sessions: earlier ones.

    Raises:
        WriteError: it cannot be written.
    """
    studies = [Study(model, []) for model in plan.models]
    manifest = make_manifest(
        *(origin, plan, datasets, studies, {}, {}),
        files={},
        notes=notes,
        sessions=sessions,
        ended="",
    )
    for model in plan.models:
        manifest["models"][model.name]["n_trials"] = model.n_trials
        manifest["seeds"]["models"][model.name] = list(model.seeds)
    write_sealed(folder / UNFINISHED, manifest)


@dataclass(frozen=True)
class RunningTrial:
    """A trial that has started and not ended."""

    trial: StartedTrial
    epochs: Mapping[int, EndedEpoch]
    """Those that have ended, by number."""


@dataclass(frozen=True, eq=False)
class UnfinishedRun:
    """A run without a manifest, as it is at this moment."""

    path: Path
    manifest: Mapping[str, Any]
    """See :func:`write_unfinished`."""
    records: Sequence[TrialRecord]
    """The trials that have ended, in the order of their end."""
    journal: Journal

    @classmethod
    def open(cls, path: Path) -> UnfinishedRun:
        """Read the folder of a run that has not finished.

        Raises:
            DataError: it is not the folder of such a run, or it is damaged.
        """
        with path_errors(path):
            exists = (path / UNFINISHED).exists()
        if not exists:
            raise DataError(
                f"{path}: the run has not finished, and it has no {UNFINISHED}; run its experiment "
                "again to resume it"
            )
        try:
            manifest = unsealed(parse_json(read_bytes(path / UNFINISHED)))
            check_shape(manifest)
        except (ValueError, OSError) as error:
            raise DataError(f"{path / UNFINISHED}: the run is damaged: {error}") from error
        return cls(path, manifest, TrialStore(path / TRIALS).read(), read_journal(path))

    @cached_property
    def state(self) -> State:
        """Whether its process is running; ``unknown`` for a process on another machine."""
        process = self.journal.process
        running = False if process is None else is_running(process)
        return "unknown" if running is None else "running" if running else "interrupted"

    @property
    def n_planned(self) -> int:
        """The number of trials, at most."""
        return sum(model["n_trials"] for model in self.manifest["models"].values())

    @property
    def n_ended(self) -> str:
        """How many trials have ended: ``3 of 9 trials``."""
        return f"{len(self.records):,} of {counted(self.n_planned, 'trial')}"

    @property
    def summary(self) -> str:
        """What the run is doing, after "the run": ``was interrupted after 3 of 9 trials``."""
        ended = self.n_ended
        if self.state == "running":
            return f"is running: {ended} have ended"
        if self.state == "unknown":
            assert self.journal.process is not None
            return (
                f"has not finished: {ended} have ended; its process is, or was, on "
                f"{self.journal.process.host}"
            )
        return f"was interrupted after {ended}"

    @property
    def started(self) -> list[RunningTrial]:
        """The trials that have started and not ended, in the order of their start.

        While the run is running, those of its session; else all, with the epochs that they had.
        """
        ended = {record.trial_id for record in self.records}
        of_session = self.journal.of_last_session if self.state == "running" else None
        return [
            RunningTrial(trial, dict(sorted(self.journal.epochs.get(trial_id, {}).items())))
            for trial_id, trial in self.journal.started.items()
            if trial_id not in ended and (of_session is None or trial_id in of_session)
        ]

    def count(self, key: str, status: str) -> int:
        """Return the number of ended trials of a model with a status.

        Args:
            key: of the model, see :attr:`mmrec.runs.records.TrialRecord.model`.
            status: ``finished``, ``pruned`` or ``failed``.
        """
        return sum(record.model == key and record.status == status for record in self.records)
