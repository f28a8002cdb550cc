"""Running a plan: every trial, one after the other, each recorded as it ends."""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol as Interface

import torch

from mmrec.config import Experiment
from mmrec.data import Dataset, FloatArray
from mmrec.errors import MmrecError
from mmrec.evaluation import Evaluator, parse_figure_name
from mmrec.files import write_atomically
from mmrec.search.model_plan import ModelPlan
from mmrec.search.plan import Plan
from mmrec.search.store import TrialRecord, TrialStore
from mmrec.search.trial import (
    TrialSpec,
    failed_record,
    finished_record,
    lists_as_tsv,
    run_trial,
    save_weights,
    trial_id,
)
from mmrec.training import LOSS, EarlyStopping, EpochRecord, Outcome, Protocol

logger = logging.getLogger(__name__)


class Observer(Interface):
    """Is told how a run goes on; a progress bar, for example."""

    def trial_started(self, spec: TrialSpec, number: int, total: int) -> None:
        """A trial begins, the ``number``-th of ``total``, counted from 1."""

    def epoch_ended(
        self, spec: TrialSpec, epoch: int, loss: float, record: EpochRecord | None
    ) -> None:
        """An epoch ended; ``record`` is there if it was evaluated."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended, finished or failed."""


@dataclass(eq=False)
class Study:
    """All trials of one model."""

    plan: ModelPlan
    records: list[TrialRecord] = field(default_factory=list)
    best: TrialRecord | None = None
    """The finished trial with the best selected value, the first of equals."""
    best_per_user: dict[str, FloatArray] = field(default_factory=dict)
    """Test values of each user for the best trial, by label."""


def run_plan(
    plan: Plan, dataset: Dataset, device: torch.device, store: TrialStore, observer: Observer
) -> list[Study]:
    """Run all trials of a plan in order.

    A trial that fails is recorded and the others go on. Weights and lists are written, where the
    file asks for them, before the trial is recorded as finished.

    Raises:
        DataError: a result cannot be written.
    """
    evaluators = make_evaluators(plan, dataset)
    studies = []
    number = 0
    for model in plan.models:
        study = Study(model)
        studies.append(study)
        protocol = make_protocol(plan.experiment, model, dataset, *evaluators)
        best: EpochRecord | None = None
        for spec in make_specs(model, protocol, dataset):
            number += 1
            observer.trial_started(spec, number, plan.n_trials)
            record, outcome = _run(plan.experiment, model, spec, dataset, device, observer)
            store.append(record)
            study.records.append(record)
            observer.trial_ended(record)
            if outcome is not None and protocol.is_better(outcome.best.record, best):
                best = outcome.best.record
                study.best = record
                study.best_per_user = outcome.best.test_per_user
    return studies


def make_evaluators(plan: Plan, dataset: Dataset) -> tuple[Evaluator, Evaluator]:
    """Return the judges of validation and of test; without a validation split they are one."""
    settings = plan.experiment.evaluation
    judged_by = (plan.metrics, settings.cutoffs, settings.relevance_threshold)
    test = Evaluator(dataset.train, dataset.test, *judged_by)
    if dataset.validation is None:
        return test, test
    return Evaluator(dataset.train, dataset.validation, *judged_by), test


def make_protocol(
    experiment: Experiment,
    model: ModelPlan,
    dataset: Dataset,
    validation: Evaluator,
    test: Evaluator,
) -> Protocol:
    """Return how the trials of a model are evaluated, selected and stopped."""
    return Protocol(
        train=dataset.train,
        validation=validation,
        test=test,
        top_k=experiment.top_k,
        select_by=model.select_by,
        higher_is_better=_higher_is_better(model.select_by),
        validation_rate=model.meta.validation_rate,
        early_stopping=_early_stopping(model),
        monitor=model.monitor,
    )


def _early_stopping(model: ModelPlan) -> EarlyStopping | None:
    settings = model.early_stopping
    if settings is None:
        return None
    natural = "max" if _higher_is_better(model.monitor) else "min"
    return EarlyStopping(
        patience=settings.patience,
        mode=natural if settings.mode == "auto" else settings.mode,  # type: ignore[arg-type]
        min_delta=settings.min_delta,
        rel_delta=settings.rel_delta,
        baseline=settings.baseline,
    )


def _higher_is_better(label: str) -> bool:
    return label != LOSS and parse_figure_name(label)[0].higher_is_better


def make_specs(model: ModelPlan, protocol: Protocol, dataset: Dataset) -> list[TrialSpec]:
    """Return the trials of a model in order."""
    selection = {
        "validation_rate": model.meta.validation_rate,
        "select_by": model.select_by,
        "early_stopping": model.early_stopping and model.early_stopping.model_dump(mode="json"),
        "top_k": protocol.top_k,
    }
    specs = []
    for index, config in enumerate(model.configs):
        identity = trial_id(model.key, config, selection, dataset.fingerprint)
        name = f"{model.name}_{identity}"
        specs.append(
            TrialSpec(identity, name, model.key, index, model.recommender, config, protocol)
        )
    return specs


def weights_path(experiment: Experiment, name: str) -> Path:
    """Return where the weights of a trial are kept."""
    return experiment.path_output_rec_weight / name / f"best-weights-{name}.safetensors"


def lists_path(experiment: Experiment, record: TrialRecord) -> Path:
    """Return where the recommendation lists of a trial are kept."""
    return experiment.path_output_rec_result / f"{record.name}_it={record.best_epoch}.tsv"


def _run(
    experiment: Experiment,
    model: ModelPlan,
    spec: TrialSpec,
    dataset: Dataset,
    device: torch.device,
    observer: Observer,
) -> tuple[TrialRecord, Outcome | None]:
    weights = weights_path(experiment, spec.name)
    started = time.perf_counter()
    try:
        outcome = run_trial(
            spec,
            dataset,
            device,
            restore_from=weights if model.meta.restore else None,
            on_epoch=lambda *told: observer.epoch_ended(spec, *told),
        )
    except Exception as error:  # whatever a model does, the other trials go on
        logger.error("trial %s failed: %s", spec.name, error)
        if not isinstance(error, MmrecError):
            logger.debug("%s", traceback.format_exc())
        return failed_record(spec, error, time.perf_counter() - started), None
    record = finished_record(spec, outcome, dataset, time.perf_counter() - started)
    if model.meta.save_weights and outcome.best_state is not None and not model.meta.restore:
        save_weights(weights, outcome.best_state, record)
    if model.meta.save_recs:
        write_atomically(
            lists_path(experiment, record), lists_as_tsv(outcome.best.ranking, dataset)
        )
    return record, outcome
