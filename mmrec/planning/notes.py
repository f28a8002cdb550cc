"""Notes for the user on an experiment that is valid, but perhaps not what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmrec.data import Dataset
from mmrec.evaluation.metric_files import GroupFile
from mmrec.planning.plan import Plan


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
    for model in plan.models:
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
