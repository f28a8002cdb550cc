"""The files that a run was started with, and whether they are still the same before each trial.

The size, the times and the place of each file are compared first. Only if they differ, the content
is read again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mmrec.config import read_experiment
from mmrec.data import Dataset
from mmrec.errors import DataError, MmrecError, listing
from mmrec.features import Loader
from mmrec.features.detached import mapped_file
from mmrec.features.ids import ID_SUFFIXES
from mmrec.models import RecommendationFile
from mmrec.models.external_code import source_files
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import Plan, make_plan
from mmrec.runs.environment import PACKAGE, source_versions
from mmrec.runs.identity import RunIdentity

logger = logging.getLogger(__name__)

MOST_FILES = 128
"""Of a folder with more files of vectors, only the folder itself is compared before each trial."""

States = Mapping[str, tuple[int, ...] | None]
"""Size, times and place of each file, by its path; None if there is none."""


@dataclass(frozen=True)
class FileStates:
    """The state of the files that an experiment reads, without their contents."""

    code: States
    """The models of mmrec, the folders of its code, and the external models."""
    data: States
    """The splits, the vectors, and the files that metrics and models read."""
    versions: Mapping[str, str]
    """The versions of the code when the experiment was read: reading the data can take minutes."""

    @classmethod
    def of(cls, plan: Plan) -> FileStates:
        """Return the state of the files of an experiment; to be asked before the data are read."""
        versions = source_versions(plan.experiment.external_models_path)
        return cls(_states(_code_paths(plan)), _states(_data_paths(plan)), versions)

    def now(self) -> FileStates:
        """Return the state of the same files now, with the same versions."""
        return FileStates(_states(self.code), _states(self.data), self.versions)


@dataclass(frozen=True)
class RunInputs:
    """What a run was started with, as plain data that worker processes receive."""

    identity: RunIdentity
    states: FileStates
    """Before the data were read."""

    @classmethod
    def of(cls, plan: Plan, datasets: Sequence[Dataset], states: FileStates) -> RunInputs:
        """Return what a run is started with.

        Args:
            plan: the experiment.
            datasets: what was read, fold by fold.
            states: of the files, before the data were read.
        """
        return cls(RunIdentity.of(plan, datasets, states.versions), states)


class InputCheck:
    """Refuses to run a trial once a file of its run has changed.

    Args:
        document: the experiment as it was written.
        base_dir: where its relative paths start.
        folder: of the run.
        identity: what the run was started with.
        states: of the files, before this process read them.
        datasets: what this process has read.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        base_dir: Path,
        folder: Path,
        identity: RunIdentity,
        states: FileStates,
        datasets: Sequence[Dataset],
    ) -> None:
        self._document, self._base_dir, self._folder = document, base_dir, folder
        self._identity = identity
        self._states = states
        self._datasets = datasets
        self._packs = _states(_packs(datasets))

    @property
    def code(self) -> Mapping[str, str]:
        """The versions of the sources that the run was started with, by name."""
        return self._identity.code

    def before_trial(self) -> None:
        """Compare the files with those that the run was started with.

        Raises:
            DataError: the content of a file has changed.
        """
        packs = _states(self._packs)
        if packs != self._packs:
            self._check_packs(packs)
            self._packs = packs
        now = self._states.now()
        if now != self._states:
            self._compare(now)
            self._states = now

    def at_start(self, plan: Plan, begun: FileStates) -> None:
        """Compare what a worker has read with what the run was started with.

        Args:
            plan: of the worker.
            begun: the state of the files when the run was started.

        Raises:
            DataError: the worker has read other data or other code.
        """
        now = RunIdentity.of(plan, self._datasets, self._states.versions)
        if now != self._identity:
            code = self._identity.changed_code(now)
            paths = _differing(begun.data, self._states.data)
            raise self._refusal(code or paths or ["the data"], code=bool(code))

    def _compare(self, now: FileStates) -> None:
        """Read again what looks different."""
        code = _differing(self._states.code, now.code)
        data = _differing(self._states.data, now.data)
        try:
            if code:
                self._compare_code(code)
            if data and not self._is_as_read():
                raise self._refusal(data, code=False)
        except (MmrecError, OSError) as error:
            if isinstance(error, _ChangedError):
                raise
            raise self._refusal(code or data, code=bool(code), error=error) from error
        logger.info("written again with the same content: %s", listing([*code, *data]))

    def _compare_code(self, paths: Sequence[str]) -> None:
        external = read_experiment(dict(self._document), self._base_dir).external_models_path
        found = RunIdentity(self._identity.experiment, source_versions(external, reread=True))
        names = self._identity.changed_code(found)
        if names:
            raise self._refusal(names, code=True)

    def _is_as_read(self) -> bool:
        plan = make_plan(read_experiment(dict(self._document), self._base_dir))
        return RunIdentity.of(plan, load_datasets(plan)).experiment == self._identity.experiment

    def _check_packs(self, now: States) -> None:
        """Compare the vectors that are mapped with their digests."""
        then = [dataset.fingerprint for dataset in self._datasets]
        if then != [dataset.view(dataset.features).fingerprint for dataset in self._datasets]:
            raise self._refusal(_differing(self._packs, now), code=False)

    def _refusal(
        self, what: Iterable[str], *, code: bool, error: Exception | None = None
    ) -> _ChangedError:
        return _ChangedError(
            f"{listing(what)}: changed since the run was started{f' ({error})' if error else ''}, "
            f"so its other trials would use other {'code' if code else 'data'}. The trials that "
            f"have ended are kept in {self._folder}: restore what changed and run the same "
            "experiment again to resume it. With what changed, the same command starts a new run"
        )


class _ChangedError(DataError):
    """A file of a run has changed."""


def _states(paths: Iterable[str]) -> States:
    return {path: _state(path) for path in paths}


def _state(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - half the time of Path.stat
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _differing(one: States, other: States) -> list[str]:
    return [path for path in one if one[path] != other.get(path)]


def _code_paths(plan: Plan) -> Iterator[str]:
    yield from map(str, sorted((PACKAGE / "models").rglob("*.py")))
    yield from (str(path) for path in sorted(PACKAGE.rglob("*")) if _has_code(path))
    external = plan.experiment.external_models_path
    if external is None:
        return
    yield str(external)
    folder, files = source_files(external)
    yield from map(str, files)
    if folder is not None:
        yield str(folder)


def _has_code(path: Path) -> bool:
    return path.is_dir() and path.name != "__pycache__"


def _data_paths(plan: Plan) -> Iterator[str]:
    for fold in plan.folds:
        yield from map(str, fold.paths.values())
    for loader in plan.loaders:
        yield from map(str, _paths_of(loader))
    for metric in plan.complex_metrics:
        yield from (str(file.path) for file in metric.files().values())
    for model in plan.models:
        if model.recommender is RecommendationFile:
            yield str(model.space.constants["file"])


def _paths_of(loader: Loader) -> Iterator[Path]:
    path = loader.path
    yield path
    if not path.is_dir():
        yield from (path.with_name(path.stem + suffix) for suffix in ID_SUFFIXES)
        return
    found = list(islice(path.rglob("*"), MOST_FILES + 1))
    yield from found if len(found) <= MOST_FILES else filter(Path.is_dir, found)


def _packs(datasets: Sequence[Dataset]) -> Iterator[str]:
    for dataset in datasets:
        for matrix in dataset.features.values():
            path = mapped_file(matrix)
            if path is not None:
                yield str(path)
