"""Make the trials of a plan: hyper-parameters, data, evaluation and selection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from mmrec.config import Choice, Experiment
from mmrec.data import Dataset
from mmrec.evaluation import Evaluator
from mmrec.execution.trial import TrialSpec, trial_id
from mmrec.files import sha256
from mmrec.models import RecommendationFile, RecommendationFileConfig, source_digests
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values
from mmrec.runs.environment import installed_version
from mmrec.search.pruning import Pruning, Thresholds
from mmrec.training.early_stopping import EarlyStopping
from mmrec.training.objective import Objective
from mmrec.training.protocol import EvaluationProtocol


@dataclass(frozen=True)
class TrialRequest:
    """A trial to run, as plain data that can be sent to another process."""

    model: int
    """Index of the model in the plan."""
    index: int
    """Position in the model's search, from 0."""
    values: Values
    """The hyper-parameters as written in the file, not yet validated by the model."""
    thresholds: Thresholds = field(default_factory=dict)
    """Validation figures below which the trial is pruned, by epoch."""
    fold: int = 0
    """Index of the fold to run on."""


class SpecMaker:
    """Makes the specifications of the trials of a plan.

    Args:
        plan: the experiment.
        datasets: its data, one for each fold.

    Raises:
        DataError: a held-out split has no relevant item.
    """

    def __init__(self, plan: Plan, datasets: Sequence[Dataset]) -> None:
        self._models, self._experiment = plan.models, plan.experiment
        self._datasets = datasets
        self._protocols = [_make_protocols(plan, dataset) for dataset in datasets]

    def make(self, request: TrialRequest) -> TrialSpec:
        """Return the requested trial; the same in every process."""
        model, dataset = self._models[request.model], self._datasets[request.fold]
        protocol = self._protocols[request.fold][request.model]
        config = model.recommender.Config.model_validate(request.values)
        facts = _selection(self._experiment, model)
        if isinstance(config, RecommendationFileConfig):
            facts["file"] = sha256(config.file.read_bytes())
        identifier = trial_id(model.key, config, facts, dataset.fingerprint)
        return TrialSpec(
            trial_id=identifier,
            name=f"{model.name}_{identifier}",
            model=model.key,
            index=request.index,
            recommender=model.recommender,
            config=config,
            protocol=protocol,
            fold=request.fold,
            fold_name=dataset.fold,
            pruning=Pruning(model.objective, request.thresholds) if request.thresholds else None,
        )


def identity(plan: Plan, datasets: Sequence[Dataset]) -> str:
    """Return a digest that is equal for runs of the same searches under the same evaluation.

    It covers everything that the trials depend on, so an unfinished run with the same digest can
    be resumed. With another version of mmrec or after an edit of the user's models, a resumed run
    would mix the results of two programs.
    """
    facts = {
        "mmrec": installed_version("mmrec"),
        "models": [_search_facts(plan.experiment, model) for model in plan.models],
        "evaluation": plan.experiment.evaluation.model_dump(mode="json"),
        "data": [dataset.fingerprint for dataset in datasets],
        "external_models": source_digests(plan.experiment.external_models_path),
    }
    return sha256(json.dumps(facts, sort_keys=True, default=str).encode())


def _search_facts(experiment: Experiment, model: ModelPlan) -> dict[str, Any]:
    fields_of_config = model.recommender.Config.model_fields.items()
    facts: dict[str, Any] = {
        "key": model.key,
        "name": model.name,
        "constants": dict(model.space.constants),
        "dimensions": [
            (name, axis.options if isinstance(axis, Choice) else str(axis))
            for name, axis in model.space.dimensions.items()
        ],
        "defaults": {name: _plain(f.default) for name, f in fields_of_config},
        "algorithm": model.meta.hyper_opt_alg,
        "n_points": model.n_points,
        "seeds": model.seeds,
        "restore": model.meta.restore,
        "selection": _selection(experiment, model),
    }
    if model.is_drawn:
        facts["random_seed"] = model.random_seed
    if model.points is None or model.meta.pruner != "none":
        facts["batch"] = model.meta.hyper_batch
    if model.points is None:  # another version may propose different points
        facts["optuna"] = version("optuna")
    if model.recommender is RecommendationFile:
        facts["file"] = sha256(Path(model.space.constants["file"]).read_bytes())
    return facts


def _plain(value: object) -> Any:  # noqa: ANN401
    return to_jsonable_python(value, fallback=lambda other: type(other).__name__)


def _selection(experiment: Experiment, model: ModelPlan) -> dict[str, Any]:
    """Return what the best epoch of a trial depends on in addition to its hyper-parameters."""
    stopping = model.early_stopping
    facts: dict[str, Any] = {
        "validation_rate": model.meta.validation_rate,
        "select_by": model.select_by,
        "early_stopping": stopping and stopping.model_dump(mode="json"),
        "top_k": experiment.top_k,
    }
    if experiment.evaluation.relevance_threshold:
        facts["relevance_threshold"] = experiment.evaluation.relevance_threshold
    if model.meta.pruner != "none":
        facts["pruner"] = model.meta.pruner
    return facts


def _make_protocols(plan: Plan, dataset: Dataset) -> list[EvaluationProtocol]:
    """Return the protocol of each model on one fold."""
    evaluators = _make_evaluators(plan, dataset)
    return [_make_protocol(plan.experiment, model, dataset, *evaluators) for model in plan.models]


def _make_evaluators(plan: Plan, dataset: Dataset) -> tuple[Evaluator, Evaluator]:
    """Return the evaluators of validation and test; without a validation split, one for both."""
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
) -> EvaluationProtocol:
    return EvaluationProtocol(
        train=dataset.train,
        validation=validation,
        test=test,
        top_k=experiment.top_k,
        objective=model.objective,
        validation_rate=model.meta.validation_rate,
        early_stopping=_early_stopping(model),
    )


def _early_stopping(model: ModelPlan) -> EarlyStopping | None:
    settings = model.early_stopping
    if settings is None:
        return None
    monitored = Objective.of(model.monitor)
    if settings.mode != "auto":
        monitored = replace(monitored, higher_is_better=settings.mode == "max")
    return EarlyStopping(
        patience=settings.patience,
        objective=monitored,
        min_delta=settings.min_delta,
        rel_delta=settings.rel_delta,
        baseline=settings.baseline,
    )
