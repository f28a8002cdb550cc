"""The folder of one run: its trials, checkpoints and values of users, and its lock."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from mmrec.config import Experiment, ModelMeta
from mmrec.data import FloatArray
from mmrec.errors import DataError, WriteError, listing
from mmrec.files import (
    is_file,
    path_errors,
    read_bytes,
    sha256,
    sha256_of_file,
    write_atomically,
)
from mmrec.runs.environment import code_digest
from mmrec.runs.identity import RunIdentity
from mmrec.runs.lists import save_lists
from mmrec.runs.names import EXAMPLES, FEATURES, IDENTITY, JOURNAL, MANIFEST, TRIALS, UNFINISHED
from mmrec.runs.new_folder import make_folder
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.weights import save_weights
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.trainer import Outcome

logger = logging.getLogger(__name__)

PARTIAL = "partial"
"""The folder of the report on an unfinished run."""


class RunFolder:
    """A folder ``run_<time>``; the run is finished once it has a manifest.

    Get one from :meth:`open`, which resumes an unfinished run of the same experiment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trials = TrialStore(path / TRIALS)
        self.damaged = path / "damaged"
        """Where damaged files are kept."""
        self._lock = FileLock(path / "run.lock")

    @classmethod
    def open(
        cls, performance: Path, identity: RunIdentity, started: datetime, *, fresh: bool = False
    ) -> RunFolder:
        """Return the unfinished run of an experiment, or a new one, locked for this process.

        An unfinished run of other code is not resumed, since its tables would mix results of two
        versions; a warning says so. The operating system releases the lock when the process ends.

        Args:
            performance: the folder that contains the runs.
            identity: of the experiment.
            started: names a new folder.
            fresh: start a new run in any case; an unfinished run stays as it is.

        Raises:
            DataError: another process is running the experiment, or no folder can be made.
        """
        stale = []
        for path, found in () if fresh else _unfinished(performance):
            if found.experiment != identity.experiment:
                continue
            if found.code != identity.code:
                stale.append((path, found))
                continue
            folder = cls(path)
            folder._acquire()
            if folder.is_finished:  # by another process, since the runs were listed
                folder.release()
                continue
            logger.info("resuming %s", path)
            return folder
        folder = cls._make(performance, identity, started)
        for path, found in stale:
            logger.warning(
                "%s is an unfinished run of this experiment, but %s changed since it was started; "
                "starting a new run",
                *(path, listing(found.changed_code(identity))),
            )
        return folder

    @classmethod
    def _make(cls, performance: Path, identity: RunIdentity, started: datetime) -> RunFolder:
        folder = cls(make_folder(performance, started))
        folder._acquire()
        try:
            write_atomically(folder.path / IDENTITY, identity.to_json() + "\n")
        except WriteError:  # nothing to resume
            folder.release()
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        return folder

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DataError(
                f"{self.path}: another process is running this experiment; wait for it, or start "
                "a run of its own with --fresh"
            ) from None
        except OSError as error:
            raise DataError(f"{self.path}: cannot be locked: {error}") from error

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the lock of the folder."""
        self.remove_leftovers()
        with contextlib.suppress(OSError):  # checkpoints of unfinished trials stay
            (self.path / "checkpoints").rmdir()
        self._lock.release()

    def remove_leftovers(self, ended: Sequence[str] = ()) -> None:
        """Remove temporary files of killed processes, and checkpoints of trials that have ended.

        Args:
            ended: the names of these trials.
        """
        checkpoints = self.path / "checkpoints"
        found = [checkpoints / f"{name}.pt" for name in ended]
        for folder in (self.path, checkpoints, self.path / "per_user"):
            found += folder.glob(".*")
        found += self.path.parent.glob(f".*_{self.stamp}.tsv.*")  # of Elliot's tables
        for path in found:
            with contextlib.suppress(OSError):
                path.unlink()

    def remove_unfinished(self) -> None:
        """Remove what only an unfinished run has, once the manifest is written."""
        for name in (UNFINISHED, JOURNAL):
            with contextlib.suppress(OSError):
                (self.path / name).unlink()
        shutil.rmtree(self.path / PARTIAL, ignore_errors=True)

    @property
    def stamp(self) -> str:
        """The date and time of the run's start, as in the names of its files."""
        return self.path.name.removeprefix("run_")

    @property
    def is_finished(self) -> bool:
        """Whether the run has ended."""
        return (self.path / MANIFEST).exists()

    @property
    def identity(self) -> RunIdentity | None:
        """The identity of the experiment; None if it is missing or damaged."""
        return _identity_of(self.path)

    def require_identity(self) -> None:
        """Require that the folder is still there, so that the run can be resumed and read.

        Raises:
            DataError: it was deleted or moved.
        """
        if not is_file(self.path / IDENTITY):
            raise DataError(
                f"{self.path / IDENTITY}: deleted or moved while the run was going on, so its "
                "results cannot be completed; the same experiment starts a new run"
            )

    def checkpoint(self, name: str, rate: int | None) -> Checkpoint:
        """Return the checkpoint of an unfinished trial."""
        identity = self.identity
        owner = name if identity is None else f"{name} {code_digest(identity.code)}"
        path = self.path / "checkpoints" / f"{name}.pt"
        return Checkpoint(path, rate, time.monotonic, owner)

    def keep(
        self,
        record: TrialRecord,
        outcome: Outcome,
        lists: str | None,
        experiment: Experiment,
        meta: ModelMeta,
        code: Mapping[str, str],
    ) -> TrialRecord:
        """Write what is kept of a finished trial; return its record with names and digests of it.

        These are its test values of each user, for tests of significance, and its weights and
        recommendation lists if asked for.

        Args:
            record: the trial.
            outcome: its best epoch and weights.
            lists: the text of its recommendation lists; None to keep none.
            experiment: has the folders.
            meta: of the model.
            code: the versions of the sources of the model, by name.

        Raises:
            WriteError: a file cannot be written.
        """
        if meta.save_weights and outcome.best_state is not None and not meta.restore:
            record = save_weights(experiment, record, outcome.best_state, code)
        if lists is not None:
            record = save_lists(experiment, record, lists, code)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **outcome.test_per_user)
        content = buffer.getvalue()
        write_atomically(self.per_user_path(record.name), content)
        return replace(record, per_user_sha256=sha256(content))

    def per_user(self, record: TrialRecord) -> dict[str, FloatArray]:
        """Return the test values of each user that were kept of a trial, {label: [U]}.

        Raises:
            DataError: they are missing or damaged.
        """
        path = self.per_user_path(record.name)
        damaged = f"{self.path}: the run is damaged: the users' values of {record.name}"
        try:
            content = read_bytes(path)
        except OSError as error:
            raise DataError(f"{damaged} cannot be read: {error}") from error
        if record.per_user_sha256 not in (None, sha256(content)):
            raise DataError(f"{damaged} do not have their digest: {path}")
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                values = dict(archive)
        except Exception as error:  # numpy and zlib raise half a dozen kinds
            raise DataError(f"{damaged} cannot be read: {path}: {error}") from error
        if not all(x.ndim == 1 and x.dtype.kind == "f" for x in values.values()):
            raise DataError(f"{damaged} are not one number for each user: {path}")
        return values

    def means_per_user(self, point: Sequence[TrialRecord]) -> dict[str, FloatArray]:
        """Return the mean over the seeds of the test values of each user, {label: [U]}.

        Each fold has its own users; the values are those of the fold of the first trial.

        Args:
            point: the trials of a point; all have finished.

        Raises:
            DataError: values are missing or damaged.
        """
        trials = [trial for trial in point if trial.fold == point[0].fold]
        trials.sort(key=lambda trial: trial.parameters.get("seed", 0))
        kept = [self.per_user(trial) for trial in trials]
        common = [label for label in kept[0] if all(label in values for values in kept)]
        return {label: np.mean([values[label] for values in kept], axis=0) for label in common}

    def per_user_path(self, name: str) -> Path:
        """Return the file of the test values of each user of a trial."""
        return self.path / "per_user" / f"{name}.npz"

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of the files of the run that its report is made from, by name."""
        paths = [self.path / name for name in (TRIALS, FEATURES, EXAMPLES)]
        return {path.name: sha256_of_file(path) for path in paths if is_file(path)}


def _unfinished(performance: Path) -> list[tuple[Path, RunIdentity]]:
    """Return the unfinished runs in a folder and their identities, the latest first."""
    with path_errors(performance):
        paths = sorted(performance.glob("run_*"), reverse=True)
        found = [(p, _identity_of(p)) for p in paths if not (p / MANIFEST).exists()]
    return [(path, identity) for path, identity in found if identity is not None]


def _identity_of(path: Path) -> RunIdentity | None:
    try:
        text = read_bytes(path / IDENTITY).decode(errors="replace")
    except OSError:
        return None  # not the folder of a run
    identity = RunIdentity.parse(text)
    if identity is None:
        logger.warning("%s is damaged, so its run is not resumed", path / IDENTITY)
    return identity
