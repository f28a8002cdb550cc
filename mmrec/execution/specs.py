"""Make the trials of a plan: hyper-parameters, data, evaluation and selection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from mmrec.config import Experiment
from mmrec.data import Dataset
from mmrec.errors import ConfigError, listing
from mmrec.evaluation import Evaluator, Ids, find_metric, on_hits
from mmrec.execution.trial import TrialSpec
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values
from mmrec.runs.identity import trial_id
from mmrec.search.pruning import Pruning, Thresholds
from mmrec.training.cold import ColdProtocol
from mmrec.training.early_stopping import EarlyStopping
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
        ConfigError: a metric needs longer lists.
        DataError: a held-out split has no relevant item, or a file of a metric does not fit.
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
        identifier = trial_id(self._experiment, model, config, dataset.fingerprint)
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


def _make_protocols(plan: Plan, dataset: Dataset) -> list[EvaluationProtocol]:
    """Return the protocol of each model on one fold."""
    evaluators = _make_evaluators(plan, dataset)
    cold = _make_cold_protocol(plan, dataset)
    return [
        _make_protocol(plan.experiment, model, dataset, *evaluators, cold) for model in plan.models
    ]


def _make_cold_protocol(plan: Plan, dataset: Dataset) -> ColdProtocol | None:
    settings = plan.experiment.evaluation
    if dataset.cold_items is None:
        return None
    return ColdProtocol.of(
        dataset.train,
        dataset.cold_items,
        metrics=on_hits(plan.metrics),
        cutoffs=settings.cutoffs,
        relevance_threshold=settings.relevance_threshold,
        top_k=plan.experiment.top_k,
    )


def _make_evaluators(plan: Plan, dataset: Dataset) -> tuple[Evaluator, Evaluator]:
    """Return the evaluators of validation and test; without a validation split, one for both."""
    settings = plan.experiment.evaluation
    _require_complete_lists(plan, dataset)
    make = partial(
        Evaluator,
        metrics=plan.metrics,
        cutoffs=settings.cutoffs,
        relevance_threshold=settings.relevance_threshold,
        complex_metrics=plan.complex_metrics,
        ids=Ids(dataset.users, dataset.items),
    )
    test = make(dataset.train, dataset.test)
    if dataset.validation is None:
        return test, test
    return make(dataset.train, dataset.validation), test


def _require_complete_lists(plan: Plan, dataset: Dataset) -> None:
    top_k = plan.experiment.top_k
    complete = [name for name in plan.metrics if find_metric(name).complete]
    if complete and top_k < dataset.n_items:
        raise ConfigError(
            f"experiment.top_k: found {top_k}; {listing(complete)} needs lists of all items: set "
            f"top_k to their number, {dataset.n_items}, or use LAUC instead"
        )


def _make_protocol(
    experiment: Experiment,
    model: ModelPlan,
    dataset: Dataset,
    validation: Evaluator,
    test: Evaluator,
    cold: ColdProtocol | None,
) -> EvaluationProtocol:
    return EvaluationProtocol(
        train=dataset.train,
        validation=validation,
        test=test,
        top_k=experiment.top_k,
        objective=model.objective,
        validation_rate=model.meta.validation_rate,
        early_stopping=_early_stopping(model),
        cold=cold if model.recommender.ranks_cold_items() else None,
    )


def _early_stopping(model: ModelPlan) -> EarlyStopping | None:
    settings = model.early_stopping
    if settings is None:
        return None
    monitored = model.objective_of(model.monitor)
    if settings.mode != "auto":
        monitored = replace(monitored, higher_is_better=settings.mode == "max")
    return EarlyStopping(
        patience=settings.patience,
        objective=monitored,
        min_delta=settings.min_delta,
        rel_delta=settings.rel_delta,
        baseline=settings.baseline,
    )
