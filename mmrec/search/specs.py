"""The trials of a plan on a data set: what each is to do, and how it is judged."""

from __future__ import annotations

import json

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.evaluation import Evaluator, parse_figure_name
from mmrec.files import sha256
from mmrec.models import RecommendationFileConfig
from mmrec.search.model_plan import ModelPlan
from mmrec.search.plan import Plan
from mmrec.search.trial import TrialSpec, trial_id
from mmrec.training import LOSS, EarlyStopping, Protocol


def make_specs(plan: Plan, dataset: Dataset) -> list[list[TrialSpec]]:
    """Return the trials of every model of a plan, in order.

    Raises:
        DataError: a held-out split has no relevant item.
    """
    evaluators = _make_evaluators(plan, dataset)
    specs = []
    for model in plan.models:
        protocol = _make_protocol(plan.experiment, model, dataset, *evaluators)
        specs.append(_make_model_specs(model, protocol, dataset))
    return specs


def identity(plan: Plan, specs: list[list[TrialSpec]]) -> str:
    """Return a digest that is equal for runs of the same trials under the same evaluation."""
    facts = {
        "trials": [spec.trial_id for model in specs for spec in model],
        "evaluation": plan.experiment.evaluation.model_dump(mode="json"),
    }
    return sha256(json.dumps(facts, sort_keys=True).encode())


def _make_evaluators(plan: Plan, dataset: Dataset) -> tuple[Evaluator, Evaluator]:
    """Return the judges of validation and of test; without a validation split they are one."""
    settings = plan.experiment.evaluation
    judged_by = (plan.metrics, settings.cutoffs, settings.relevance_threshold)
    test = Evaluator(dataset.train, dataset.test, *judged_by)
    if dataset.validation is None:
        return test, test
    return Evaluator(dataset.train, dataset.validation, *judged_by), test


def _make_protocol(
    experiment: Experiment,
    model: ModelPlan,
    dataset: Dataset,
    validation: Evaluator,
    test: Evaluator,
) -> Protocol:
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
    mode = settings.mode
    if mode == "auto":
        mode = "max" if _higher_is_better(model.monitor) else "min"
    return EarlyStopping(
        patience=settings.patience,
        mode=mode,
        min_delta=settings.min_delta,
        rel_delta=settings.rel_delta,
        baseline=settings.baseline,
    )


def _higher_is_better(label: str) -> bool:
    return label != LOSS and parse_figure_name(label)[0].higher_is_better


def _make_model_specs(model: ModelPlan, protocol: Protocol, dataset: Dataset) -> list[TrialSpec]:
    selection = {
        "validation_rate": model.meta.validation_rate,
        "select_by": model.select_by,
        "early_stopping": model.early_stopping and model.early_stopping.model_dump(mode="json"),
        "top_k": protocol.top_k,
    }
    specs = []
    for index, config in enumerate(model.configs):
        facts = dict(selection)
        if isinstance(config, RecommendationFileConfig):
            facts["file"] = sha256(config.file.read_bytes())
        identifier = trial_id(model.key, config, facts, dataset.fingerprint)
        specs.append(
            TrialSpec(
                trial_id=identifier,
                name=f"{model.name}_{identifier}",
                model=model.key,
                index=index,
                recommender=model.recommender,
                config=config,
                protocol=protocol,
            )
        )
    return specs
