"""Notes for the user on an experiment that is valid, but perhaps not what was meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mmrec.config.distributions import Distribution
from mmrec.data import Dataset
from mmrec.evaluation.metric_files import GroupFile
from mmrec.planning.plan import Plan
from mmrec.planning.points import sample_points
from mmrec.text import counted

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
    yield from _neighbours_beyond_the_data(plan, datasets)
    yield from search_notes(plan)


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
    """Yield notes on the searches of an experiment."""
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
        if model.n_equal:
            yield (
                f"{model.key}: {counted(model.n_equal, 'point')} left out, because they equal "
                f"other points; {counted(len(model.points or ()), 'point')} remain"
            )
        if model.meta.hyper_opt_alg == "grid" and model.is_drawn:
            yield (
                f"{model.key}: the points of a distribution are not on a grid; they are drawn at "
                "random"
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
