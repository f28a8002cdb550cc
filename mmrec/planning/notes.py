"""Notes for the user on an experiment that is valid, but perhaps not what was meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mmrec.config.distributions import Distribution
from mmrec.config.meta import ModelMeta
from mmrec.data import Dataset
from mmrec.errors import listing
from mmrec.evaluation.metric_files import GroupFile
from mmrec.models import Model, ModelConfig
from mmrec.planning.plan import Plan
from mmrec.planning.points import sample_points
from mmrec.text import counted

_OF_EPOCHS = ("validation_rate", "save_weights", "restore", "pruner")
"""Keys of ``meta`` that only matter to models that are trained in epochs."""
_DEFAULT = {key: ModelMeta.model_fields[key].default for key in _OF_EPOCHS}
_NEIGHBOURS = ("top_k", "knn_k", "neighborhood", "neighbors")
"""Hyper-parameters that are numbers of neighbours: items, and of ``neighbors`` users or items."""


def plan_notes(plan: Plan, datasets: Sequence[Dataset]) -> Iterator[str]:
    """Yield notes on keys without effect, on the splits and on the searches.

    Args:
        plan: the experiment.
        datasets: its data, one for each fold.
    """
    strategy = plan.experiment.data_config.strategy
    for key in ("prefiltering", "splitting"):
        if getattr(plan.experiment, key) and strategy != "dataset":
            yield (
                f"{key} has no effect, as in Elliot: with the strategy '{strategy}' the splits are "
                "used as they are"
            )
    if datasets[0].validation is None:
        yield (
            "there is no validation split: epochs and trials are selected on the test split, so "
            "the test figures are too good"
        )
    yield from dict.fromkeys(
        f"fold {dataset.fold}: {warning}" if dataset.fold else warning
        for dataset in datasets
        for warning in dataset.report.warnings
    )
    yield from _without_group(plan, datasets[0])
    yield from _lists_beyond_the_data(plan, datasets)
    yield from _neighbours_beyond_the_data(plan, datasets)
    yield from search_notes(plan)


def _lists_beyond_the_data(plan: Plan, datasets: Sequence[Dataset]) -> Iterator[str]:
    """Yield a note on lists that are longer than the number of items."""
    n_items = max(dataset.n_items for dataset in datasets)
    if plan.experiment.top_k > n_items:
        yield (
            f"top_k is {plan.experiment.top_k:,}, but there are only {n_items:,} items: lists "
            "contain all candidates of a user"
        )


def _neighbours_beyond_the_data(plan: Plan, datasets: Sequence[Dataset]) -> Iterator[str]:
    """Yield a note on each model with more neighbours than there are others in the data."""
    n_items = min(dataset.n_items for dataset in datasets)
    n_users = min(dataset.n_users for dataset in datasets)
    for model in plan.models:
        fields = model.recommender.Config.model_fields
        points = sample_points(model.space)
        for name in [name for name in _NEIGHBOURS if name in fields]:
            written = [point.get(name, fields[name].default) for point in points]
            values = [value for value in written if isinstance(value, int)]
            n = max(n_items, n_users) if name == "neighbors" else n_items
            what = "users or items" if name == "neighbors" else "items"
            if max(values, default=0) >= n:
                yield (
                    f"{model.key}: {name} is {max(values):,}, but there are only {n:,} {what}: "
                    "all others are neighbours"
                )


def search_notes(plan: Plan) -> Iterator[str]:
    """Yield notes on the searches of an experiment, and on keys of models without effect."""
    yield from _without_effect(plan)
    yield from _evaluations(plan)
    for model in plan.models:
        for name, dimension in model.space.dimensions.items():
            if isinstance(dimension, Distribution) and dimension.looks_real:
                low, high = dimension.arguments[:2]
                yield (
                    f"{model.key}.{name}: the bounds of {dimension} are natural logarithms, so "
                    f"values are between exp({low:g}) = {math.exp(low):.4g} and exp({high:g}) = "
                    f"{math.exp(high):.4g}; for values between {low:g} and {high:g}, write "
                    f"'{name}: {{log_uniform: [{low:g}, {high:g}]}}'"
                )
        if "seed" in model.space.dimensions:
            yield (
                f"{model.key}.seed is searched, so the best seed is selected; meta.seeds compares "
                "points by their means over seeds"
            )
        if model.n_equal:
            yield (
                f"{model.key}: {counted(model.n_equal, 'point')} left out, because they equal "
                f"other points; {counted(len(model.points or ()), 'point')} "
                f"remain{'s' if len(model.points or ()) == 1 else ''}"
            )
        limit = model.meta.hyper_max_evals
        if not model.is_drawn and limit is not None and limit < model.space.size:
            yield (
                f"{model.key}: hyper_max_evals is {limit:,}, so only the first {limit:,} of "
                f"{model.space.size:,} points of the grid are tried; 'hyper_opt_alg: rand' draws "
                "them from all"
            )
        if model.meta.hyper_opt_alg == "grid" and model.is_drawn:
            yield (
                f"{model.key}: the points of a distribution are not on a grid; they are drawn at "
                "random"
            )


def _without_effect(plan: Plan) -> Iterator[str]:
    """Yield a note on keys of models that are set, but have no effect."""
    untrained: dict[str, list[str]] = {}
    for model in plan.models:
        meta = model.meta
        if not issubclass(model.recommender, Model):
            keys = [f"meta.{key}" for key in _OF_EPOCHS if getattr(meta, key) != _DEFAULT[key]]
            keys += ["early_stopping"] if model.early_stopping else []
            for key in keys:
                untrained.setdefault(key, []).append(model.key)
        if meta.optimize_internal_loss and meta.validation_metric is not None:
            yield (
                f"{model.key}: meta.validation_metric has no effect: meta.optimize_internal_loss "
                "selects by the loss"
            )
        has_batches = meta.pruner != "none" or meta.hyper_opt_alg == "tpe"
        if "hyper_batch" in meta.model_fields_set and not has_batches:
            yield f"{model.key}: meta.hyper_batch has no effect without 'tpe' or a pruner"
    for names in dict.fromkeys(map(tuple, untrained.values())):
        keys = [key for key, models in untrained.items() if tuple(models) == names]
        yield (
            f"{listing(keys)}: no effect on {listing(dict.fromkeys(names))}, not trained in epochs"
        )


def _evaluations(plan: Plan) -> Iterator[str]:
    """Yield notes on epochs that are not evaluated, and on early stopping that cannot stop well."""
    for model in plan.models:
        configs = map(model.recommender.Config.model_validate, sample_points(model.space))
        epochs = [config.epochs for config in configs if isinstance(config, ModelConfig)]
        rate, stopping = model.meta.validation_rate, model.early_stopping
        unevaluated = [number for number in epochs if number % rate]
        if unevaluated and not model.meta.restore:
            yield (
                f"{model.key}: epochs is {unevaluated[0]:,}, no multiple of validation_rate, "
                f"{rate}: the epochs after the last evaluation have no effect"
            )
        if not epochs or stopping is None:
            continue
        most = max(epochs) // rate
        if stopping.patience >= most:
            yield (
                f"{model.key}: early_stopping has no effect: patience is {stopping.patience:,}, "
                f"and a trial has at most {counted(most, 'evaluation')}"
            )
        mode = "max" if model.objective_of(model.monitor).higher_is_better else "min"
        if stopping.mode not in ("auto", mode):
            yield (
                f"{model.key}: early_stopping.mode is {stopping.mode}, so training stops when "
                f"{model.monitor} gets better; did you mean {mode}?"
            )


def _without_group(plan: Plan, dataset: Dataset) -> Iterator[str]:
    """Yield a note on each file of groups that lacks users or items."""
    files = [file for metric in plan.complex_metrics for file in metric.files().values()]
    groups = {(file.path, file.of): file for file in files if isinstance(file, GroupFile)}
    for file in groups.values():
        ids = (dataset.users if file.of == "user" else dataset.items).ids
        n_absent = sum(name not in file.values for name in ids)
        if n_absent:
            yield f"{file.path}: {n_absent:,} of {len(ids):,} {file.of}s are in no group"
