"""What an experiment will cost, estimated from short trials of each model."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import torch

from mmrec.config import Loaded
from mmrec.execution.probe import Measured, Probe, ProbeFailure, probe
from mmrec.memory import available_memory
from mmrec.planning.counts import ModelCounts, workload
from mmrec.planning.model_plan import ModelPlan
from mmrec.planning.plan import Plan
from mmrec.planning.points import Values
from mmrec.text import gibibytes

SECONDS = 30.0
"""Time for the short trials of a model beyond those of its smallest and its largest point."""

REPORT_S, REPORT_OF_MODEL_S = 1.5, 0.8
"""The time of the report, which no short trial measures: importing matplotlib, then the figures of
each model. It was measured on one core of an AMD EPYC."""


@dataclass(frozen=True)
class ModelEstimate:
    """What the trials of one entry of ``models`` cost."""

    name: str
    n_trials: int
    smallest: Values
    largest: Values
    n_sizes: int
    """Points that differ in more than real numbers, seeds and epochs."""
    n_measured: int
    """Of these, how many were measured."""
    seconds: float | None
    """Of all trials, one after the other, if none stops early; None if no probe succeeded."""
    probes: tuple[Probe, ...]
    """Of the largest point, then of the smallest one if that has another size."""
    failures: Mapping[str, ProbeFailure] = field(default_factory=dict)
    """By ``largest`` and ``smallest``."""

    @property
    def startup_s(self) -> float:
        """Start of a process with its data."""
        return max((found.startup_s for found in self.probes), default=0.0)

    @property
    def host_bytes(self) -> int | None:
        """The largest measured peak on the host."""
        return max((p.host_bytes for p in self.probes if p.host_bytes is not None), default=None)

    @property
    def device_bytes(self) -> int | None:
        """The largest measured peak on the GPU."""
        peaks = [p.device_bytes for p in self.probes if p.device_bytes is not None]
        return max(peaks, default=None)


def estimate_model(
    loaded: Loaded, plan: Plan, number: int, counts: ModelCounts, n_users: int, threads: int
) -> ModelEstimate:
    """Measure short trials of one model of a plan and estimate the time of all its trials.

    The size of a point is the product of its whole-number hyper-parameters, each plus one, without
    ``epochs`` and ``seed``; the length of a list is such a number too, and a ``batch_size`` of -1
    is the number of users. The largest and the smallest point are measured in a process each. The
    process of the smallest one then measures other points in random order, for up to
    :data:`SECONDS`. Points that were not measured count with the mean time of an epoch.

    Args:
        loaded: the experiment.
        plan: of the experiment.
        number: of the model in the plan.
        counts: of the same model.
        n_users: of the data.
        threads: of torch in a trial.
    """
    model = plan.models[number]
    points = {_workload(model, point.values): point.values for point in counts.points}
    sizes = {key: _size(model, values, n_users) for key, values in points.items()}
    smallest, *others, largest = sorted(points, key=sizes.__getitem__) * (
        1 if len(points) > 1 else 2
    )
    random.Random(0).shuffle(others)
    requests = {"largest": [largest]}
    if smallest != largest:
        requests["smallest"] = [smallest, *others]
    measured: dict[str, Measured] = {}
    probes, failures = [], {}
    for name, keys in requests.items():
        found = probe(loaded, number, [points[key] for key in keys], threads, SECONDS)
        if isinstance(found, ProbeFailure):
            failures[name] = found
            continue
        probes.append(found)
        measured |= dict(zip(keys, found.points, strict=False))  # there was time for the first ones
    return ModelEstimate(
        name=model.name,
        n_trials=counts.n_trials,
        smallest=points[smallest],
        largest=points[largest],
        n_sizes=len(points),
        n_measured=len(measured),
        seconds=_seconds(model, counts, measured) if measured else None,
        probes=tuple(probes),
        failures=failures,
    )


def _seconds(model: ModelPlan, counts: ModelCounts, measured: Mapping[str, Measured]) -> float:
    """Return the time of all trials; an epoch of unknown size takes the mean time of the others."""
    epochs = [sum(max(1, trial.epochs) for trial in point.trials) for point in counts.points]
    known: dict[int, float] = {}
    for number, point in enumerate(counts.points):
        found = measured.get(_workload(model, point.values))
        if found is not None:
            known[number] = sum(found.seconds(trial) for trial in point.trials)
    of_an_epoch = fmean(seconds / epochs[number] for number, seconds in known.items())
    total = sum(known.get(number, n * of_an_epoch) for number, n in enumerate(epochs))
    return total * counts.n_seeds * counts.n_points / len(counts.points)


def _workload(model: ModelPlan, values: Values) -> str:
    """Return a text that is equal for points whose steps and evaluations take equally long."""
    return repr(workload(model.recommender.Config.model_validate(values)))


def _size(model: ModelPlan, values: Values, n_users: int) -> int:
    hyperparameters = workload(model.recommender.Config.model_validate(values))
    if hyperparameters.get("batch_size") == -1:
        hyperparameters["batch_size"] = n_users
    return math.prod(map(_factor, hyperparameters.values()))


def _factor(value: object) -> int:
    if isinstance(value, tuple | list):
        return math.prod(map(_factor, value)) * (1 + len(value))
    return 1 + abs(value) if isinstance(value, int) and not isinstance(value, bool) else 1


@dataclass(frozen=True)
class PlanEstimate:
    """What a whole run costs, and what does not fit."""

    models: Sequence[ModelEstimate]
    devices: Sequence[torch.device]
    """Of the workers, in turn."""
    workers: int
    """How many trials run at the same time."""

    @property
    def seconds(self) -> float | None:
        """The time of the run; None if that of a model is not known.

        The run starts and loads its data, and so do its workers if there are several. These share
        the trials evenly, and at the end the report is written.
        """
        seconds = [model.seconds for model in self.models]
        known = [s for s in seconds if s is not None]
        if len(known) < len(seconds):
            return None
        workers = min(self.workers, sum(model.n_trials for model in self.models))
        startup = max(model.startup_s for model in self.models)
        report = REPORT_S + REPORT_OF_MODEL_S * len(known)
        return startup * (1 if self.workers == 1 else 2) + sum(known) / workers + report

    def warnings(self) -> Iterator[str]:
        """Yield a warning for each failed probe, and for each memory that is too small."""
        free = available_memory(torch.device("cpu"))
        on_gpu = self.devices[0].type == "cuda"
        free_on_gpu = available_memory(self.devices[0]) if on_gpu else None
        for model in self.models:
            for point, failure in model.failures.items():
                yield f"{model.name}: the probe of the {point} point failed: {failure.reason}"
            n_trials = min(self.workers, model.n_trials)
            n_on_gpu = -(-n_trials // len(set(self.devices)))
            yield from _shortage(model.name, "memory", model.host_bytes, n_trials, free)
            yield from _shortage(
                model.name, "GPU memory", model.device_bytes, n_on_gpu, free_on_gpu
            )


def _shortage(
    name: str, what: str, needed: int | None, n_trials: int, free: int | None
) -> Iterator[str]:
    if needed is not None and free is not None and needed * n_trials > free:
        each = f" for each of {n_trials} trials at the same time" if n_trials > 1 else ""
        yield (
            f"{name}: a trial needs {gibibytes(needed)} of {what}{each}, but "
            f"{gibibytes(free)} are free"
        )
