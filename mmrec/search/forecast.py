"""What the trials of an experiment are going to need, beside what there is.

from mmrec.config import read_experiment
from mmrec.search import make_forecast

make_forecast(read_experiment("config.yml")).models[0].estimate.largest.memory
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from mmrec.config import Execution, Loaded
from mmrec.errors import TrialError
from mmrec.models import DataShape
from mmrec.search.datasets import measure_data
from mmrec.search.estimate import Memory, ModelEstimate, estimate_plan
from mmrec.search.execution import threads_of_trial
from mmrec.search.memory import available_memory, gibibytes
from mmrec.search.plan import Plan, make_plan
from mmrec.search.probe import Probe, probe
from mmrec.training import resolve_device

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class ModelForecast:
    """What the trials of one entry of ``models`` need."""

    estimate: ModelEstimate
    probe: Probe | None = None
    """What a short run of the largest point has measured."""
    failure: str | None = None
    """Why there is no short run though one was asked for."""

    @property
    def seconds(self) -> float | None:
        """Return what all trials take, each point at the speed of the short run; None without."""
        if self.probe is None:
            return None
        return self.estimate.of_all([self.probe.seconds(point) for point in self.estimate.points])

    @property
    def peak(self) -> Memory | None:
        """Return the memory of the largest point: measured, else estimated."""
        measured = self.probe
        if measured is not None and measured.host_bytes is not None:
            return Memory(measured.host_bytes, measured.device_bytes)
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
        probing: also measure a short run of each model's largest point.

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
    free = available_memory(_CPU), available_memory(device) if device.type == "cuda" else None
    warnings = [fallback] if fallback else []
    for model in models:
        warnings += _warnings(model, plan.experiment.execution, free, probing=probing)
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
    try:
        return ModelForecast(estimate, probe(loaded, number, estimate.largest, threads))
    except TrialError as error:
        return ModelForecast(estimate, failure=str(error))


def _warnings(
    model: ModelForecast,
    execution: Execution,
    free: tuple[int | None, int | None],
    *,
    probing: bool,
) -> Iterator[str]:
    """Yield what does not fit, and what is not known."""
    name = model.estimate.name
    if model.failure is not None:
        yield f"{name}: {model.failure}"
    peak = model.peak
    if peak is None:
        hint = "" if probing else "; --probe measures it"
        yield f"{name}: its memory is not known, for its class has no footprint(){hint}"
        return
    n_workers = min(execution.workers, model.estimate.n_trials)
    n_devices = len(set(execution.devices or (0,)))
    on_a_device = -(-n_workers // n_devices)
    asked = (("memory", peak.host, n_workers), ("GPU memory", peak.device, on_a_device))
    for (what, needed, times), there in zip(asked, free, strict=True):
        if needed is not None and there is not None and needed * times > there:
            side = f" for each of {times} trials side by side" if times > 1 else ""
            there_is = f"but {gibibytes(there)} are free"
            yield f"{name}: needs {gibibytes(needed)} of {what}{side}, {there_is}"
