"""What a run is going to do, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mmrec.data import Dataset
from mmrec.planning.cold import cold_models, cold_sizes
from mmrec.planning.counts import ModelCounts
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.text import counted


@dataclass(frozen=True)
class Outline:
    """A plan with its data and its machine."""

    plan: Plan
    counts: Sequence[ModelCounts]
    """Steps and evaluations of each model."""
    datasets: Sequence[Dataset]
    """One for each fold."""
    widths: Mapping[str, int]
    """The number of values of an item, for each loader."""
    devices: Sequence[torch.device]
    """Of the workers, in turn."""
    workers: int
    """How many trials run at the same time."""
    threads: int
    """Of torch in a trial."""

    def lines(self) -> list[str]:
        """Return models and trials, data, devices and workers.

        Everything that changed the data is listed: filters, and items without a vector.
        """
        models = self.plan.models
        width = max(len(model.name) for model in models)
        names = ", ".join(dict.fromkeys(map(device_name, self.devices)))
        workers, threads = counted(self.workers, "worker"), counted(self.threads, "thread")
        return [
            f"{self.datasets[0].name}: {counted(self.plan.n_trials, 'trial')}",
            *(
                f"  {model.name:<{width}}  {_search(model, counts)}"
                for model, counts in zip(models, self.counts, strict=True)
            ),
            "data",
            *(f"  {line}" for line in _data(self.datasets, self.widths)),
            *(f"  {line}" for line in cold_models(self.plan)),
            f"on {names}, {workers}, {threads} for each trial",
        ]

    def as_plain(self) -> dict[str, Any]:
        """Return the same as plain data."""
        return {
            "dataset": self.datasets[0].name,
            "folds": [
                {
                    "fold": dataset.fold,
                    "users": dataset.n_users,
                    "items": dataset.n_items,
                    "interactions": {name: len(split) for name, split in dataset.splits.items()},
                    **_plain_cold_items(dataset),
                }
                for dataset in self.datasets
            ],
            "features": dict(self.widths),
            "devices": list(dict.fromkeys(map(str, self.devices))),
            "workers": self.workers,
            "threads": self.threads,
            "trials": self.plan.n_trials,
            "models": [
                {
                    "name": counts.name,
                    "searched": list(model.searched),
                    "trials": counts.n_trials,
                    "steps": counts.steps,
                    "evaluations": counts.evaluations,
                }
                for model, counts in zip(self.plan.models, self.counts, strict=True)
            ],
        }


def _plain_cold_items(dataset: Dataset) -> dict[str, Any]:
    cold = dataset.cold_items
    return {} if cold is None else {"cold_items": len(cold), "cold_test_rows": len(cold.test)}


def device_name(device: torch.device) -> str:
    """Return the name of a device for a reader."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return "the CPU"


def _search(model: ModelPlan, count: ModelCounts) -> str:
    text = counted(model.n_trials, "trial")
    if model.n_equal:
        text += f" ({counted(model.n_equal, 'equal point')} left out)"
    if model.searched:
        text += f", {model.meta.hyper_opt_alg} over {', '.join(model.searched)}"
    numbers = {"folds": model.n_folds, "seeds": len(model.seeds)}
    repeated = [f"{number} {name}" for name, number in numbers.items() if number > 1]
    if repeated:
        text += f", each point on {' and '.join(repeated)}"
    amounts = [counted(count.steps, "step")] if count.steps else []
    amounts.append(counted(count.evaluations, "evaluation"))
    is_at_most = model.early_stopping is not None or model.meta.pruner != "none"
    at_most = "at most " if is_at_most or model.points is None else ""
    return f"{text}; {at_most}{' and '.join(amounts)}; selected by {model.select_by}"


def _data(datasets: Sequence[Dataset], widths: Mapping[str, int]) -> list[str]:
    """Return what is left of the data and why; what the folds have in common appears once."""
    first = datasets[0]
    lines = [str(step) for step in first.report.steps]
    for dataset in datasets:
        fold = f"fold {dataset.fold}: " if len(datasets) > 1 else ""
        lines.append(fold + _sizes(dataset))
        lines += [fold + line for line in cold_sizes(dataset)]
        if dataset is first:
            lines += [f"{loader}: {width:,} values per item" for loader, width in widths.items()]
        report = dataset.report.lines()
        lines += report if dataset is first else [line for line in report if line not in lines]
    return lines


def _sizes(dataset: Dataset) -> str:
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    return f"{dataset.n_users:,} users, {dataset.n_items:,} items; interactions: {sizes}"
