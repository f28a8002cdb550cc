"""What a run is going to do, in a few lines for whoever has started it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mmrec.data import Dataset
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan


def outline(
    plan: Plan,
    datasets: Sequence[Dataset],
    devices: Sequence[torch.device],
    *,
    workers: int,
    threads: int,
    needs: Sequence[str],
    folder: Path,
    n_ended: int,
) -> str:
    """Return the plan of a run: models and trials, data, machine, and where the results go.

    All that has changed the data is in it: what filters and missing vectors have left of them.

    Args:
        plan: what is run.
        datasets: on what, one for each fold.
        devices: of the workers, in turn.
        workers: how many trials run side by side.
        threads: of torch for a trial.
        needs: what :func:`mmrec.reporting.needs.needs` returns.
        folder: of the run.
        n_ended: trials that an earlier session of the run has ended.
    """
    lines = [f"{datasets[0].name}: {_counted(plan.n_trials, 'trial')}"]
    width = max(len(model.name) for model in plan.models)
    lines += [f"  {model.name:<{width}}  {_search(model)}" for model in plan.models]
    lines += ["data", *(f"  {line}" for line in _data(datasets))]
    if needs:
        lines += ["needs", *(f"  {line}" for line in needs)]
    names = ", ".join(dict.fromkeys(_device(device) for device in devices))
    side = "" if workers == 1 else f", {workers} trials side by side"
    lines.append(f"on {names}, {_counted(threads, 'thread')} for a trial{side}")
    lines.append(f"results go to {folder}")
    if n_ended:
        lines.append(f"going on: {n_ended:,} of {plan.n_trials:,} trials have ended before")
    return "\n".join(lines)


def _search(model: ModelPlan) -> str:
    told = _counted(model.n_trials, "trial")
    if model.searched:
        told += f", {model.meta.hyper_opt_alg} over {', '.join(model.searched)}"
    if len(model.seeds) > 1:
        told += f", each point on {len(model.seeds)} seeds"
    if model.n_folds > 1:
        told += f", each on {model.n_folds} folds"
    return f"{told}; selected by {model.select_by}"


def _data(datasets: Sequence[Dataset]) -> list[str]:
    """Return what is left of the data and why; what folds have in common is told once."""
    first = datasets[0]
    lines = [str(step) for step in first.report.steps]
    for dataset in datasets:
        fold = f"fold {dataset.fold}: " if len(datasets) > 1 else ""
        lines.append(fold + _sizes(dataset))
        if dataset is first:
            lines += [
                f"{loader}: {matrix.shape[1]:,} values for each item"
                for loader, matrix in dataset.features.items()
            ]
        told = dataset.report.lines()
        lines += told if dataset is first else [line for line in told if line not in lines]
    return lines


def _sizes(dataset: Dataset) -> str:
    held_out = 0 if dataset.validation is None else len(dataset.validation)
    return (
        f"{dataset.n_users:,} users, {dataset.n_items:,} items; interactions: "
        f"{len(dataset.train):,} train, {held_out:,} validation, {len(dataset.test):,} test"
    )


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return "the CPU"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
