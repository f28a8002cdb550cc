"""Running the trials of a plan, each recorded as it ends, those that have ended left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmrec.data import FloatArray
from mmrec.search.executors import Executor
from mmrec.search.model_plan import ModelPlan
from mmrec.search.plan import Plan
from mmrec.search.run_folder import RunFolder
from mmrec.search.store import TrialRecord
from mmrec.search.trial import TrialSpec
from mmrec.training import EpochRecord


@dataclass(frozen=True, eq=False)
class Study:
    """All trials of one model."""

    plan: ModelPlan
    records: list[TrialRecord]
    """In the order of the search, whenever they ended."""
    best: TrialRecord | None = None
    """The finished trial with the best selected value, the first of equals."""
    best_per_user: dict[str, FloatArray] = field(default_factory=dict)
    """Test values of each user for the best trial, by label."""


def run_plan(
    plan: Plan, specs: list[list[TrialSpec]], folder: RunFolder, executor: Executor
) -> list[Study]:
    """Run what has not ended yet, and return the trials of every model.

    A trial that fails is recorded and the others go on.

    Raises:
        DataError: a result cannot be written.
        Interrupted: the executor was asked to stop.
    """
    records = {record.trial_id: record for record in folder.trials.read()}
    pending = [
        (model, spec)
        for model, trials in zip(plan.models, specs, strict=True)
        for spec in trials
        if spec.trial_id not in records
    ]
    for record in executor.run(pending):
        folder.trials.append(record)
        records[record.trial_id] = record
        folder.checkpoint(record.name, None).remove()
    return [
        _study(model, trials, [records[spec.trial_id] for spec in trials], folder)
        for model, trials in zip(plan.models, specs, strict=True)
    ]


def _study(
    model: ModelPlan, specs: list[TrialSpec], records: list[TrialRecord], folder: RunFolder
) -> Study:
    best: TrialRecord | None = None
    best_epoch: EpochRecord | None = None
    for spec, record in zip(specs, records, strict=True):
        epoch = _best_epoch(record)
        if epoch is not None and spec.protocol.is_better(epoch, best_epoch):
            best, best_epoch = record, epoch
    return Study(model, records, best, folder.per_user(best.name) if best else {})


def _best_epoch(record: TrialRecord) -> EpochRecord | None:
    return next(
        (EpochRecord(**epoch) for epoch in record.history if epoch["epoch"] == record.best_epoch),
        None,
    )
