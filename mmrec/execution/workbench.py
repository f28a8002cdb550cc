"""Execute one trial: run it, describe it, write what is kept of it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from mmrec.config import Execution, Experiment
from mmrec.data import Dataset
from mmrec.errors import MmrecError, WriteError
from mmrec.evaluation import GroupEvaluator
from mmrec.execution.memory import PeakMemory
from mmrec.execution.trial import TrialSpec, failed_record, finished_record, run_trial
from mmrec.files import is_file
from mmrec.interruption import Interrupted
from mmrec.planning.model_plan import ModelPlan
from mmrec.runs.environment import source_versions, versions_of
from mmrec.runs.example_users import ExampleLists, example_lists, example_users
from mmrec.runs.folder import RunFolder
from mmrec.runs.inputs import InputCheck
from mmrec.runs.lists import lists_as_tsv, lists_path
from mmrec.runs.records import TrialRecord
from mmrec.runs.weights import Weights, find_weights, load_weights, weights_path
from mmrec.training.trainer import OnEpoch, Outcome

logger = logging.getLogger(__name__)

_SMALL = 1 << 22
"""Values of features and embeddings below which one thread is quicker than two, or as quick."""

_USUAL_FACTORS = 64
"""Width of the embeddings in most experiments."""


@dataclass(frozen=True, eq=False)
class Workbench:
    """Everything that a trial needs in addition to its own settings."""

    experiment: Experiment
    datasets: Sequence[Dataset]
    """One for each fold."""
    device: torch.device
    threads: int
    """Threads of torch while a trial runs."""
    folder: RunFolder | None
    """Of the run; None writes and logs nothing."""
    inputs: InputCheck | None = None
    """Compares the files of the run before each trial; None for a trial outside a run."""

    def execute(
        self,
        model: ModelPlan,
        spec: TrialSpec,
        on_epoch: OnEpoch | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> TrialRecord:
        """Run a trial to its end; a failure is described, not raised.

        What is kept of the trial is on the disk when this returns.

        Args:
            model: of the trial.
            spec: the trial.
            on_epoch: called after each epoch.
            stop: called after each step; when it returns True, the state is saved to the trial's
                checkpoint and training ends.

        Raises:
            DataError: a file that the run was started with has changed.
            WriteError: a result cannot be written.
            Interrupted: ``stop`` returned True.
        """
        if self.inputs is not None:
            self.inputs.before_trial()
        memory = PeakMemory(self.device)
        started = time.perf_counter()
        try:
            outcome = self._run(model, spec, on_epoch, stop)
            lists = None
            if model.meta.save_recs:
                lists = lists_as_tsv(outcome.best.ranking, self.datasets[spec.fold])
            record = finished_record(
                spec,
                outcome,
                lists=lists,
                seconds=time.perf_counter() - started,
                groups=self._groups(spec).evaluate(outcome.best.ranking),
                peak_bytes=memory.read(),
                example_lists=self._example_lists(spec, outcome),
            )
            if self.folder is not None:
                code = versions_of(self._code, model.key)
                record = self.folder.keep(record, outcome, lists, self.experiment, model.meta, code)
        except (Interrupted, WriteError):
            raise
        except Exception as error:  # whatever a model does, the other trials continue
            if self.folder is not None and not isinstance(error, MmrecError):
                logger.info("trial %s failed: %s", spec.name, traceback.format_exc())
            return failed_record(spec, error, time.perf_counter() - started)
        return record

    def _run(
        self,
        model: ModelPlan,
        spec: TrialSpec,
        on_epoch: OnEpoch | None,
        stop: Callable[[], bool],
    ) -> Outcome:
        rate = self.experiment.execution.checkpoint_rate
        return run_trial(
            spec,
            self.datasets[spec.fold],
            self.device,
            threads=self.threads,
            restore=partial(self._weights, model, spec) if model.meta.restore else None,
            checkpoint=self.folder.checkpoint(spec.name, rate) if self.folder else None,
            on_epoch=on_epoch,
            stop=stop,
        )

    def _weights(self, model: ModelPlan, spec: TrialSpec) -> Weights:
        path = find_weights(self.experiment, model.key, spec.name)
        return load_weights(self.experiment, model.key, path)

    @property
    def _code(self) -> Mapping[str, str]:
        if self.inputs is not None:
            return self.inputs.code
        return source_versions(self.experiment.external_models_path)

    def _example_lists(self, spec: TrialSpec, outcome: Outcome) -> ExampleLists:
        """Return the lists of the example users; only the first fold has any."""
        if spec.fold:
            return {}
        return example_lists(outcome.best.ranking, self.datasets[0], self._example_users)

    @cached_property
    def _example_users(self) -> list[int]:
        return example_users(self.experiment, self.datasets[0])

    def _groups(self, spec: TrialSpec) -> GroupEvaluator:
        """Return what computes the test figures of groups of items on the fold of a trial."""
        known = self._groups_by_fold
        if spec.fold not in known:
            known[spec.fold] = GroupEvaluator(spec.protocol.test)
        return known[spec.fold]

    @cached_property
    def _groups_by_fold(self) -> dict[int, GroupEvaluator]:
        return {}


def threads_of_trial(
    execution: Execution, n_workers: int, dataset: Dataset, widths: Mapping[str, int]
) -> int:
    """Return the threads of a trial: those of the file, else what its data can occupy.

    The operations on small data end before a second thread has started, and next to other
    processes the threads wait for each other most of the time: small data get one thread. Larger
    data get the machine's divided by the workers.

    Args:
        execution: the key of the experiment file.
        n_workers: trials that run at the same time.
        dataset: with or without its features.
        widths: of the features, by loader.
    """
    given = execution.threads or execution.cpus_per_trial
    if given:
        return given
    n_values = dataset.n_items * sum(widths.values())
    n_values += _USUAL_FACTORS * (dataset.n_users + dataset.n_items)
    return 1 if n_values < _SMALL else max(1, torch.get_num_threads() // n_workers)


def unsaved(
    experiment: Experiment, models: Sequence[ModelPlan], ended: Sequence[TrialRecord]
) -> Iterator[str]:
    """Yield notes on trials that ended before their weights or lists were asked for."""
    for model in models:
        records = [r for r in ended if r.model == model.key and r.status != "failed"]
        weights = [r for r in records if r.weights_sha256 and not model.meta.restore]
        asked = {
            "save_weights": model.meta.save_weights
            and sum(not is_file(weights_path(experiment, r)) for r in weights),
            "save_recs": model.meta.save_recs
            and sum(not is_file(lists_path(experiment, r)) for r in records),
        }
        for key, n_missing in asked.items():
            if n_missing:
                yield (
                    f"{model.key}: {n_missing} of its trials ended before {key} was set, so their "
                    "files are missing; --fresh runs them again"
                )
