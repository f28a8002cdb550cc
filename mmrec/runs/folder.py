"""The folder of one run: what has ended, what is under way, and who works in it."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmrec.config import Experiment, ModelMeta
from mmrec.data import FloatArray
from mmrec.errors import DataError, TrialError, WriteError
from mmrec.files import write_atomically
from mmrec.models import source_digests
from mmrec.models.external import PREFIX
from mmrec.runs.environment import installed_version
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.training.checkpoint import Checkpoint
from mmrec.training.trainer import Outcome

logger = logging.getLogger(__name__)

_IDENTITY = "identity.json"
_MANIFEST = "manifest.json"


class RunFolder:
    """A folder ``run_<time>``; it is finished once it has a manifest.

    Get one from :meth:`open`, which goes on with an unfinished run of the same experiment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trials = TrialStore(path / "trials.jsonl")
        self._lock = FileLock(path / "run.lock")

    @classmethod
    def open(
        cls, performance: Path, identity: str, started: datetime, *, fresh: bool = False
    ) -> RunFolder:
        """Return the unfinished run of an experiment, or a new one, locked for this process.

        The lock is the operating system's: it goes with the process that holds it, however that
        ends.

        Args:
            performance: the folder that holds the runs.
            identity: what is equal for runs of the same experiment on the same data.
            started: names a new folder.
            fresh: make a new one in any case; an unfinished one stays as it is.

        Raises:
            DataError: another process is at work on the experiment, or no folder can be made.
        """
        if not fresh:
            for path in sorted(performance.glob("run_*"), reverse=True):
                if cls._identity_of(path) == identity and not (path / _MANIFEST).exists():
                    folder = cls(path)
                    folder._acquire()
                    logger.info("going on with %s", path)
                    return folder
        folder = cls(_make_folder(performance, started))
        folder._acquire()
        try:
            write_atomically(folder.path / _IDENTITY, json.dumps({"identity": identity}) + "\n")
        except WriteError:  # nobody would go on with it
            folder.release()
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        return folder

    @staticmethod
    def _identity_of(path: Path) -> str | None:
        try:
            identity: str = json.loads((path / _IDENTITY).read_text())["identity"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return identity

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Let other processes at the folder."""
        with contextlib.suppress(OSError):  # checkpoints of unfinished trials stay
            (self.path / "checkpoints").rmdir()
        self._lock.release()

    @property
    def stamp(self) -> str:
        """Date and time of the run's start, as they stand in the names of its files."""
        return self.path.name.removeprefix("run_")

    def checkpoint(self, name: str, rate: int | None) -> Checkpoint:
        """Return where the state of an unfinished trial is kept."""
        return Checkpoint(self.path / "checkpoints" / f"{name}.pt", rate, time.monotonic)

    def keep(
        self,
        record: TrialRecord,
        outcome: Outcome,
        lists: str,
        experiment: Experiment,
        meta: ModelMeta,
    ) -> None:
        """Write what is kept of a finished trial.

        These are its test values of each user, for tests of significance, and its weights and
        recommendation lists if the model's ``meta`` asks for them.

        Args:
            record: the trial.
            outcome: its best epoch and weights.
            lists: the text of its recommendation lists.
            experiment: has the folders.
            meta: of the model.

        Raises:
            WriteError: a file cannot be written.
        """
        if meta.save_weights and outcome.best_state is not None and not meta.restore:
            code = _code(experiment, record.model)
            _save_weights(weights_path(experiment, record.name), outcome.best_state, record, code)
        if meta.save_recs:
            write_atomically(lists_path(experiment, record), lists)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **outcome.test_per_user)
        write_atomically(self._per_user_path(record.name), buffer.getvalue())

    def per_user(self, name: str) -> dict[str, FloatArray]:
        """Return the test values of each user that were kept of a trial, {label: [U]}."""
        content = io.BytesIO(self._per_user_path(name).read_bytes())
        with np.load(content, allow_pickle=False) as archive:
            return dict(archive)

    def _per_user_path(self, name: str) -> Path:
        return self.path / "per_user" / f"{name}.npz"


def _make_folder(performance: Path, started: datetime) -> Path:
    """Make a folder that no other run has, also when two start in the same second."""
    stamp = started.strftime("%Y_%m_%d_%H_%M_%S")
    for attempt in range(1, 1000):
        folder = performance / f"run_{stamp}{'' if attempt == 1 else f'_{attempt}'}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if not performance.is_dir():
                raise DataError(f"{performance}: is not a folder") from None
        except OSError as error:
            raise DataError(f"{folder}: cannot be made: {error.strerror or error}") from error
        else:
            return folder
    raise DataError(f"{performance}: a thousand runs have started in this second")


def weights_path(experiment: Experiment, name: str) -> Path:
    """Return where the weights of a trial are kept."""
    return experiment.path_output_rec_weight / name / f"best-weights-{name}.safetensors"


def lists_path(experiment: Experiment, record: TrialRecord) -> Path:
    """Return where the recommendation lists of a trial are kept."""
    return experiment.path_output_rec_result / f"{record.name}_it={record.best_epoch}.tsv"


def _code(experiment: Experiment, model: str) -> dict[str, str]:
    """Return the version of mmrec, and the digests of the files of an external model."""
    external = experiment.external_models_path if model.startswith(PREFIX) else None
    return {"mmrec": installed_version("mmrec") or ""} | source_digests(external)


def _save_weights(
    path: Path, state: Mapping[str, Tensor], record: TrialRecord, code: Mapping[str, str]
) -> None:
    """Write a model's best state as safetensors, with the trial's facts as metadata."""
    facts = {
        "code": code,
        "trial_id": record.trial_id,
        "best_epoch": record.best_epoch,
        "parameters": record.parameters,
    }
    # One key alone: safetensors writes several in an order that changes from file to file.
    metadata = {"mmrec": json.dumps(facts)}
    write_atomically(path, save({k: v.contiguous() for k, v in state.items()}, metadata=metadata))


def changed_code(experiment: Experiment, model: str, name: str) -> list[str]:
    """Return what differs between the code that trained the weights of a trial and this code.

    These are names: ``mmrec`` for its version, and files of the external models. Without weights,
    or if their code is not known, nothing is returned.
    """
    try:
        with safe_open(weights_path(experiment, name), framework="pt") as file:
            then = json.loads((file.metadata() or {}).get("mmrec", "{}")).get("code")
    except (SafetensorError, OSError, ValueError):
        return []
    now = _code(experiment, model)
    names = dict.fromkeys([*(then or now), *now])
    return [key for key in names if then and then.get(key) != now.get(key)]


def load_weights(path: Path) -> tuple[dict[str, Tensor], int]:
    """Read the weights of a trial: the state and its epoch.

    Raises:
        TrialError: there is no such file, or it is damaged.
    """
    if not path.is_file():
        raise TrialError(
            f"restore: no weights at {path}; train the same trial once with save_weights: True"
        )
    try:
        with safe_open(path, framework="pt") as file:
            epoch = json.loads((file.metadata() or {}).get("mmrec", "{}")).get("best_epoch", 0)
            return {name: file.get_tensor(name) for name in file.keys()}, epoch  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise TrialError(f"restore: {path} cannot be read as weights: {error}") from error
