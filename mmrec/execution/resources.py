"""The executor, workers, devices and threads of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.execution.executors import EXECUTORS, Executor
from mmrec.execution.workbench import threads_of_trial


@dataclass(frozen=True)
class Resources:
    """Where the trials of a run are executed."""

    executor: type[Executor]
    workers: int
    """How many trials run at the same time."""
    devices: list[torch.device]
    """Of the workers, in turn."""
    threads: int
    """Of torch in a trial."""
    notes: list[str]
    """About the devices, for the user."""

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        dataset: Dataset,
        widths: Mapping[str, int],
        workers: int | None = None,
    ) -> Resources:
        """Find them.

        Args:
            experiment: with the executor and its devices.
            dataset: with or without its features.
            widths: of the features, by loader.
            workers: how many trials run at the same time; by default that of the experiment.
        """
        execution = experiment.execution
        workers = workers or execution.workers
        executor = EXECUTORS.find(execution.backend)
        devices, notes = executor.devices(experiment)
        threads = threads_of_trial(execution, workers, dataset, widths)
        return cls(executor, workers, devices, threads, notes)
