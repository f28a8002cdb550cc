"""What the trials of an experiment are going to need, beside what there is.

from mmrec.config import read_experiment
from mmrec.search import make_forecast

make_forecast(read_experiment("config.yml")).models[0].estimate.largest.memory
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mmrec.config import Loaded
from mmrec.errors import TrialError
from mmrec.execution.workbench import threads_of_trial
from mmrec.models import DataShape
from mmrec.planning.datasets import measure_data
from mmrec.planning.plan import Plan, make_plan
from mmrec.search.cost import Cost
from mmrec.search.estimate import Memory, ModelEstimate, PointEstimate, estimate_plan
from mmrec.search.memory import available_memory
from mmrec.search.probe import Probe, probe
from mmrec.text import gibibytes
from mmrec.training.determinism import resolve_device

_CPU = torch.device("cpu")


MAX_PROBES = 8
"""Short runs of a model, at most."""


@dataclass(frozen=True)
class ModelForecast:
    """What the trials of one entry of ``models`` need."""

    estimate: ModelEstimate
    probes: tuple[Probe, ...] = ()
    """What short runs have measured: of the largest point, then of those that cost otherwise."""
    failures: tuple[str, ...] = ()
    """Why there is no short run of a point though one was tried."""

    @property
    def seconds(self) -> float | None:
        """Return what all trials take if none is stopped early; None without a short run.

        A point that costs what none of the measured ones does takes a mean of these, the nearer
        ones for more.
        """
        if not self.probes:
            return None
        by_cost = {run.point.cost: run for run in self.probes}
        costs = self.estimate.costs
        return self.estimate.expected(
            [
                sum(
                    share * by_cost[cost].seconds(point)
                    for cost, share in costs.weights(point.cost, by_cost).items()
                )
                for point in self.estimate.points
            ]
        )

    @property
    def peak(self) -> Memory | None:
        """Return the memory of the largest point: measured, else estimated."""
        for run in self.probes:
            if run.point is self.estimate.largest and run.host_bytes is not None:
                return Memory(run.host_bytes, run.device_bytes)
        return self.estimate.largest.memory


@dataclass(frozen=True)
class Forecast:
    """What all models of an experiment need, and what there is."""

    dataset: str
    shape: DataShape
    device: str
    n_workers: int
    available_host: int | None
    """Bytes; None where the system does not tell."""
    available_device: int | None
    """Bytes; None on the CPU."""
    models: tuple[ModelForecast, ...]
    warnings: tuple[str, ...]


def make_forecast(loaded: Loaded, *, probing: bool = False) -> Forecast:
    """Say what an experiment is going to need; nothing is trained but, if wanted, a few steps.

    Args:
        loaded: the experiment as it was read.
        probing: also measure short runs of each model's largest point, and of up to
            :data:`MAX_PROBES` in all that cost otherwise.

    Raises:
        ConfigError: the experiment is wrong; the message lists every problem.
        DataError: a split or the first vector of a loader cannot be used.
    """
    plan = make_plan(loaded)
    device, fallback = resolve_device(plan.experiment.gpu)
    shape = measure_data(plan)
    models = tuple(
        _forecast(loaded, plan, number, estimate) if probing else ModelForecast(estimate)
        for number, estimate in enumerate(estimate_plan(plan, shape, device.type))
    )
    execution = plan.experiment.execution
    n_devices = len(set(execution.devices or (0,)))
    free = free_memory(device)
    warnings = [fallback] if fallback else []
    for model in models:
        warnings += _unknown(model, probing=probing)
        warnings += what_does_not_fit(model, execution.workers, n_devices, free)
    return Forecast(
        dataset=plan.experiment.dataset,
        shape=shape,
        device="the CPU" if device.type == "cpu" else str(device),
        n_workers=plan.experiment.execution.workers,
        available_host=free[0],
        available_device=free[1],
        models=models,
        warnings=tuple(warnings),
    )


def _forecast(loaded: Loaded, plan: Plan, number: int, estimate: ModelEstimate) -> ModelForecast:
    execution = plan.experiment.execution
    threads = threads_of_trial(execution, execution.workers)
    costs = estimate.costs
    probes, failures = [], []
    for point in points_to_probe(estimate):
        try:
            probes.append(probe(loaded, number, point, threads))
        except TrialError as error:
            failures.append(f"{told}: {error}" if (told := costs.told(point.cost)) else str(error))
    return ModelForecast(estimate, tuple(probes), tuple(failures))


def points_to_probe(estimate: ModelEstimate) -> list[PointEstimate]:
    """Return points that cost differently, the largest first; not more than :data:`MAX_PROBES`."""
    stand_in: dict[Cost, PointEstimate] = {}
    for point in (estimate.largest, *estimate.points):
        stand_in.setdefault(point.cost, point)
    chosen = estimate.costs.spread_out(estimate.largest.cost, MAX_PROBES)
    return [stand_in[cost] for cost in chosen]


def _unknown(model: ModelForecast, *, probing: bool) -> Iterator[str]:
    name = model.estimate.name
    yield from (f"{name}: {failure}" for failure in model.failures)
    if model.peak is None:
        hint = "" if probing else "; --probe measures it"
        yield f"{name}: its memory is not known, for its class has no footprint(){hint}"


def free_memory(device: torch.device) -> tuple[int | None, int | None]:
    """Return the bytes that are free on the host, and on the device if that is a GPU."""
    return available_memory(_CPU), available_memory(device) if device.type == "cuda" else None


def what_does_not_fit(
    model: ModelForecast,
    n_workers: int,
    n_devices: int,
    free: tuple[int | None, int | None],
) -> Iterator[str]:
    """Yield a sentence for each memory that the trials of a model need more of than there is.

    Args:
        model: what they need.
        n_workers: trials that run side by side.
        n_devices: that they are shared out to.
        free: see :func:`free_memory`.
    """
    if model.peak is None:
        return
    n_trials = min(n_workers, model.estimate.n_trials)
    on_a_device = -(-n_trials // n_devices)
    asked = (("memory", model.peak.host, n_trials), ("GPU memory", model.peak.device, on_a_device))
    for (what, needed, times), there in zip(asked, free, strict=True):
        if needed is not None and there is not None and needed * times > there:
            side = f" for each of {times} trials side by side" if times > 1 else ""
            there_is = f"but {gibibytes(there)} are free"
            yield f"{model.estimate.name}: needs {gibibytes(needed)} of {what}{side}, {there_is}"
