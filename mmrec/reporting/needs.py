"""What a run is going to need, as far as it is known before its first trial."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch

from mmrec.data import Dataset
from mmrec.models import DataShape
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.reporting.experience import Expectation, Experience
from mmrec.runs.manifest import Origin, all_fingerprint
from mmrec.runs.records import TrialRecord
from mmrec.search.estimate import ModelEstimate, estimate_plan
from mmrec.search.forecast import ModelForecast, free_memory, what_does_not_fit
from mmrec.text import gibibytes, span, spoken

logger = logging.getLogger(__name__)


def needs(
    plan: Plan,
    datasets: Sequence[Dataset],
    devices: Sequence[torch.device],
    n_workers: int,
    performance: Path,
    ended: Sequence[TrialRecord],
    origin: Origin,
) -> list[str]:
    """Return memory, steps, evaluations and time of each model, and what does not fit.

    Nothing is built or measured: sizes are computed, and times are those of earlier trials that
    cost as much. Whatever goes wrong here is a line in the log, for the run itself needs none of
    it.

    Args:
        plan: what is run.
        datasets: on what, one for each fold.
        devices: of the workers, in turn.
        n_workers: how many trials run side by side.
        performance: the folder of all runs.
        ended: trials that an earlier session of the run has ended.
        origin: says on what machine.
    """
    try:
        shape = DataShape.of(max(datasets, key=lambda data: len(data.train)))
        estimates = estimate_plan(plan, shape, devices[0].type)
        environment = origin.surroundings["environment"]
        experience = Experience(plan, performance, ended, all_fingerprint(datasets), environment)
        expected = [
            None if plan.experiment.execution.backend == "ray" else experience.expect(model, told)
            for model, told in zip(plan.models, estimates, strict=True)
        ]
        width = max(len(model.name) for model in plan.models)
        told = [
            f"{model.name:<{width}}  {_needs_of(model, estimate, seconds)}"
            for model, estimate, seconds in zip(plan.models, estimates, expected, strict=True)
        ]
        free, n_devices = free_memory(devices[0]), len(set(devices))
        lacking = (
            f"not enough: {line}"
            for estimate in estimates
            for line in what_does_not_fit(ModelForecast(estimate), n_workers, n_devices, free)
        )
        return [*told, _time(plan, expected, n_workers), *lacking]
    except Exception as error:  # a model's own footprint(), or a damaged folder beside this one
        logger.info("what the run needs is not known: %s: %s", type(error).__name__, error)
        return []


def _needs_of(model: ModelPlan, estimate: ModelEstimate, expected: Expectation | None) -> str:
    sizes = [m for m in (estimate.smallest.memory, estimate.largest.memory) if m is not None]
    told = []
    if sizes:
        told.append(f"{span(gibibytes(size.host) for size in sizes)} of memory for a trial")
        if sizes[0].device is not None:
            told.append(f"{span(gibibytes(size.device) for size in sizes)} on the GPU")
    at_most = model.early_stopping is not None or model.meta.pruner != "none"
    steps, evaluations = estimate.steps, estimate.evaluations
    counts = [f"{steps:,} steps"] if steps else []
    counts.append(f"{evaluations:,} evaluation{'' if evaluations == 1 else 's'}")
    told.append(("at most " if at_most else "") + " and ".join(counts))
    if expected is not None:
        told.append(f"about {spoken(expected.seconds)}")
    return "; ".join(told)


def _time(plan: Plan, expected: Sequence[Expectation | None], n_workers: int) -> str:
    """Return the time of all trials with its source, or how to learn it."""
    known = [one for one in expected if one is not None]
    if len(known) < len(expected):
        names = [m.name for m, one in zip(plan.models, expected, strict=True) if one is None]
        of = f" for {', '.join(names)}" if known else ""
        return (
            f"time not known{of}: no earlier run here had such trials; the first epochs will tell, "
            "or mmrec plan --probe"
        )
    side = min(n_workers, plan.n_trials)
    seconds = sum(one.seconds for one in known) / side
    runs = dict.fromkeys(run for one in known for run in one.runs)
    beside = f", {side} trials side by side" if side > 1 else ""
    return f"about {spoken(seconds)} in all{beside}, going by the trials of {', '.join(runs)}"
