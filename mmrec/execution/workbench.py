"""Executing one trial: train, write what is to be kept, describe what has become of it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from mmrec.config import Execution, Experiment
from mmrec.data import Dataset
from mmrec.errors import MmrecError, WriteError
from mmrec.evaluation import GroupEvaluator
from mmrec.execution.memory import PeakMemory
from mmrec.execution.trial import TrialSpec, failed_record, finished_record, lists_as_tsv, run_trial
from mmrec.files import write_atomically
from mmrec.planning.model_plan import ModelPlan
from mmrec.runs.example_users import ShownLists, shown_lists, shown_users
from mmrec.runs.folder import RunFolder, lists_path, save_weights, weights_path
from mmrec.runs.records import TrialRecord
from mmrec.search.pruning import PruningProtocol
from mmrec.training.trainer import Interrupted, OnEpoch, Outcome

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Workbench:
    """Everything a trial needs beside its own settings."""

    experiment: Experiment
    datasets: Sequence[Dataset]
    """Of every fold."""
    device: torch.device
    threads: int
    """Threads of torch while a trial runs."""
    folder: RunFolder

    def execute(
        self,
        model: ModelPlan,
        spec: TrialSpec,
        on_epoch: OnEpoch | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> TrialRecord:
        """Run a trial to its end; a failure is described, not raised.

        Weights, lists and the users' values are on the disk when this returns.

        Raises:
            WriteError: a result cannot be written.
            Interrupted: ``stop`` said yes, and the state is in the trial's checkpoint.
        """
        weights = weights_path(self.experiment, spec.name)
        memory = PeakMemory(self.device)
        dataset = self.datasets[spec.fold]
        started = time.perf_counter()
        try:
            outcome = run_trial(
                spec,
                dataset,
                self.device,
                threads=self.threads,
                restore_from=weights if model.meta.restore else None,
                checkpoint=self.folder.checkpoint(
                    spec.name, self.experiment.execution.checkpoint_rate
                ),
                on_epoch=on_epoch,
                stop=stop,
            )
        except (Interrupted, WriteError):
            raise
        except Exception as error:  # whatever a model does, the other trials go on
            logger.error("trial %s failed: %s: %s", spec.name, type(error).__name__, error)
            if not isinstance(error, MmrecError):
                logger.info("%s", traceback.format_exc())
            return failed_record(spec, error, time.perf_counter() - started)
        lists = lists_as_tsv(outcome.best.ranking, dataset)
        record = finished_record(spec, outcome, lists, time.perf_counter() - started)
        groups = self._groups[spec.fold].evaluate(outcome.best.ranking)
        record = replace(
            record, groups=groups, peak_bytes=memory.read(), shown=self._shown(spec, outcome)
        )
        if isinstance(spec.protocol, PruningProtocol):
            epoch = spec.protocol.pruned_at(outcome.history)
            if epoch is not None:
                record = replace(record, status="pruned", pruned_at=epoch)
        if model.meta.save_weights and outcome.best_state is not None and not model.meta.restore:
            save_weights(weights, outcome.best_state, record)
        if model.meta.save_recs:
            write_atomically(lists_path(self.experiment, record), lists)
        self.folder.save_per_user(spec.name, outcome.best.test_per_user)
        return record

    def _shown(self, spec: TrialSpec, outcome: Outcome) -> ShownLists:
        """Return the lists of the users whom the report shows; they are those of the first fold."""
        if spec.fold:
            return {}
        return shown_lists(outcome.best.ranking, self.datasets[0], self._shown_users)

    @cached_property
    def _shown_users(self) -> list[int]:
        return shown_users(self.experiment, self.datasets[0])

    @cached_property
    def _groups(self) -> list[GroupEvaluator]:
        """Judge test lists by the popularity of their items; one for each fold."""
        evaluation = self.experiment.evaluation
        judged_by = evaluation.cutoffs, evaluation.relevance_threshold
        return [GroupEvaluator(data.train, data.test, *judged_by) for data in self.datasets]


def threads_of_trial(execution: Execution, n_workers: int) -> int:
    """Return the threads of torch in a trial: those the file says, or a share of the machine's."""
    return (
        execution.threads
        or execution.cpus_per_trial
        or max(1, torch.get_num_threads() // n_workers)
    )


def unsaved(
    experiment: Experiment, models: Sequence[ModelPlan], ended: Sequence[TrialRecord]
) -> Iterator[str]:
    """Yield what to say of trials that had ended before their weights or lists were asked for."""
    for model in models:
        records = [r for r in ended if r.model == model.key and r.status != "failed"]
        weights = [r for r in records if r.weights_sha256 and not model.meta.restore]
        asked = {
            "save_weights": model.meta.save_weights
            and sum(not weights_path(experiment, r.name).is_file() for r in weights),
            "save_recs": model.meta.save_recs
            and sum(not lists_path(experiment, r).is_file() for r in records),
        }
        for key, n_lacking in asked.items():
            if n_lacking:
                yield (
                    f"{model.key}: {n_lacking} of its trials had ended without {key}, and what it "
                    "asks for is not kept of them; --fresh runs them again"
                )
