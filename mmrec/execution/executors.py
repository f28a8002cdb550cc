"""Executors: where the trials of a run are executed.

Every executor runs the same code on the same data with the same number of threads, and a trial
draws from its own seed. The bits of a result do not depend on the executor.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import torch

from mmrec.config import Experiment, Loaded
from mmrec.data import Dataset
from mmrec.errors import ConfigError
from mmrec.execution.specs import TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.execution.workbench import Workbench
from mmrec.execution.worker import WorkerSetup
from mmrec.planning.model_plan import ModelPlan
from mmrec.registry import Registry
from mmrec.runs.folder import RunFolder
from mmrec.runs.records import TrialRecord
from mmrec.training.determinism import resolve_device
from mmrec.training.protocol import EpochRecord


@dataclass(frozen=True, eq=False)
class Task:
    """A trial to run."""

    model: ModelPlan
    spec: TrialSpec
    request: TrialRequest
    """The same trial as plain data."""


class Queue:
    """The trials that wait to be run, ordered by model and then by their position in its search.

    The queue may grow during a run: the next batch of a search is added when the last trial of the
    current batch has ended.

    Attributes:
        expected: how many trials the run adds in total, at most.
    """

    def __init__(self) -> None:
        self.expected = 0
        self._tasks: list[Task] = []

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, tasks: Iterable[Task]) -> None:
        """Add trials."""
        self._tasks += tasks
        self._tasks.sort(key=lambda task: (task.request.model, task.request.index), reverse=True)

    def take(self) -> Task:
        """Remove and return the next trial."""
        return self._tasks.pop()


class Observer(Protocol):
    """Receives the progress of a run; a progress bar, for example."""

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial starts, the ``number``-th of ``total``, counted from 1."""

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended; ``record`` is None if it was not evaluated."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended, finished or failed."""


@dataclass(frozen=True, eq=False)
class RunContext:
    """What an executor knows of the run whose trials it executes."""

    experiment: Experiment
    datasets: Sequence[Dataset]
    """One for each fold."""
    setup: WorkerSetup
    """How a process of its own reads the same experiment."""
    n_workers: int
    """How many trials run at the same time, at most."""
    observer: Observer
    stop: Callable[[], bool]
    """Whether the run was asked to stop."""

    def workbench(self, device: torch.device) -> Workbench:
        """Return what executes trials in this process.

        Args:
            device: of the trials.
        """
        check = self.setup.check(self.setup.inputs.states, self.datasets)
        folder = RunFolder(self.setup.folder)
        return Workbench(self.experiment, self.datasets, device, self.setup.threads, folder, check)


OPTIONAL_KEYS = ("address", "cpus_per_trial", "gpus_per_trial", "devices")
"""The keys of ``execution`` that only some executors use."""


class Executor(ABC):
    """Executes the trials of one run.

    A subclass registered with :func:`executor` is chosen by its name,
    ``execution: {backend: NAME}``. Packages register executors by an entry point in the group
    ``mmrec.executors``.

    Args:
        run: the run.
    """

    keys: ClassVar[frozenset[str]] = frozenset()
    """Which of :data:`OPTIONAL_KEYS` the executor uses; an experiment that sets another one is
    refused."""

    def __init__(self, run: RunContext) -> None:
        self.context = run

    @classmethod
    def check(cls, loaded: Loaded) -> None:
        """Add what prevents the executor from running an experiment to its problems.

        Args:
            loaded: the experiment; its ``execution`` is valid, other keys need not be.
        """
        assert loaded.execution is not None
        for key in OPTIONAL_KEYS:
            value = getattr(loaded.execution, key)
            if value and key not in cls.keys:
                loaded.problems.add(
                    ("experiment", "execution", key),
                    f"found {value!r}, which 'backend: {loaded.execution.backend}' does not use; "
                    "remove this key, or choose another backend",
                )

    @classmethod
    def devices(cls, experiment: Experiment) -> tuple[list[torch.device], list[str]]:
        """Return the devices that the workers use in turn, and notes about them for the user."""
        resolved = [resolve_device(gpu) for gpu in experiment.gpus]
        fallbacks = dict.fromkeys(fallback for _, fallback in resolved if fallback)
        return [device for device, _ in resolved], list(fallbacks)

    @abstractmethod
    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends, in any order, until the queue is empty.

        Raises:
            DataError: a result cannot be written, or a worker cannot read the experiment.
            Interrupted: the run was asked to stop.
        """


EXECUTORS: Registry[type[Executor]] = Registry("executor", package="mmrec.execution")
"""The executors by name."""

E = TypeVar("E", bound=type[Executor])


def executor(name: str) -> Callable[[E], E]:
    """Register an :class:`Executor` under a name for ``execution: {backend: NAME}``."""

    def register(definition: E) -> E:
        EXECUTORS.add(name, definition, definition)
        return definition

    return register


def check_executor(loaded: Loaded) -> None:
    """Add what is wrong with the ``execution`` of an experiment to its problems."""
    if loaded.execution is None:  # its own keys are invalid, which is reported already
        return
    try:
        chosen = EXECUTORS.find(loaded.execution.backend)
    except ConfigError as error:
        loaded.problems.add(("experiment", "execution", "backend"), str(error))
    else:
        chosen.check(loaded)
