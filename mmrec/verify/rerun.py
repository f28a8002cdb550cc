"""Run the trials of a finished run again, and compare them epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from pydantic import ValidationError

from mmrec.data import Dataset
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.execution.workbench import Workbench
from mmrec.interruption import Interrupted
from mmrec.models import RecommendationFile
from mmrec.planning.plan import Plan
from mmrec.progress.display import Progress
from mmrec.runs.manifest_shape import first_problem
from mmrec.runs.records import TrialRecord
from mmrec.training.protocol import EpochRecord
from mmrec.verify.trials import Difference, entry_of, epoch_difference, first_difference, loss_of


@dataclass(frozen=True, eq=False)
class Rerun:
    """Runs single trials of a run again; nothing is written.

    Args:
        plan: the experiment of the run.
        datasets: its data, fold by fold, which have the fingerprints of the run's.
        device: where.
        threads: of torch while a trial runs; as many as in the run.
        is_moved: whether the data are in another index than in the run.
    """

    plan: Plan
    datasets: Sequence[Dataset]
    device: torch.device
    threads: int
    is_moved: bool

    def check(
        self, records: Sequence[TrialRecord], progress: Progress
    ) -> tuple[dict[str, Difference], list[str]]:
        """Run trials again, each up to the first epoch that differs.

        Returns:
            The first difference of each trial that has one, by the name of the trial, and a note
            on each trial that cannot be run again.
        """
        maker = SpecMaker(self.plan, self.datasets)
        differences, notes = {}, []
        for number, record in enumerate(records, 1):
            if record.worker_died:
                notes.append(f"{record.name}: not run again because its process had died")
                continue
            spec = self._spec(maker, record)
            if isinstance(spec, TrialSpec):
                progress.trial_started(spec, number, len(records))
                found = self._run(spec, record, progress)
            else:
                found = spec
            if found is not None:
                differences[record.name] = found
        return differences, notes

    def _spec(self, maker: SpecMaker, record: TrialRecord) -> TrialSpec | Difference:
        """Return the trial of a record, or why the experiment does not have it."""
        indices = [
            index
            for index, model in enumerate(self.plan.models)
            if record.name == f"{model.name}_{record.trial_id}" and record.model == model.key
        ]
        if not indices:
            return Difference(None, "model", "", record.model, "not in the experiment")
        model, values = self.plan.models[indices[0]], record.parameters
        if model.recommender is RecommendationFile and self.is_moved:
            values = record.parameters | {"file": model.space.constants["file"]}
        folds = [dataset.fold for dataset in self.datasets]
        if record.fold not in folds:
            return Difference(None, "fold", "", record.fold or "none", "not in the data")
        fold = folds.index(record.fold)
        try:
            spec = maker.make(TrialRequest(indices[0], record.index, values, fold=fold))
        except ValidationError as error:
            return Difference(None, "parameters", "", "accepted", first_problem(error))
        if spec.trial_id != record.trial_id and values is record.parameters:
            return Difference(None, "parameters", "trial_id", record.trial_id, spec.trial_id)
        return spec

    def _run(self, spec: TrialSpec, record: TrialRecord, progress: Progress) -> Difference | None:
        model = next(model for model in self.plan.models if model.key == spec.model)
        try:
            now = self._workbench.execute(model, spec, _watch(spec, record, progress))
        except _Decided as decided:
            progress.trial_ended(record)
            return decided.difference
        progress.trial_ended(now)
        return first_difference(record, now)

    @cached_property
    def _workbench(self) -> Workbench:
        experiment = self.plan.experiment
        return Workbench(experiment, self.datasets, self.device, self.threads, folder=None)


class _Decided(Interrupted):
    """The rest of a trial need not be run."""

    def __init__(self, difference: Difference | None) -> None:
        super().__init__()
        self.difference = difference


def _watch(
    spec: TrialSpec, record: TrialRecord, progress: Progress
) -> Callable[[int, float, EpochRecord | None], None]:
    """Return a function that compares each epoch with the record's as soon as it ends.

    A pruned trial ends at the record's last epoch, since other trials decided that.
    """

    def compare(epoch: int, loss: float, evaluated: EpochRecord | None) -> None:
        progress.epoch_ended(spec, epoch, loss, evaluated)
        if record.status == "failed":  # its record has no epochs
            return
        entry = None if evaluated is None else vars(evaluated)
        found = epoch_difference(
            epoch, (loss_of(record, epoch), loss), (entry_of(record, epoch), entry)
        )
        if found is not None or (record.status == "pruned" and epoch == len(record.losses)):
            raise _Decided(found)

    return compare
