"""A short run of one trial, in a process of its own: what estimates are held against."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmrec.config import Loaded, read_experiment
from mmrec.data import Dataset
from mmrec.errors import MmrecError, TrialError
from mmrec.execution.specs import Order, SpecMaker
from mmrec.execution.trial import TrialSpec
from mmrec.models import Model, ModelConfig, Recommender
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.search.estimate import PointEstimate
from mmrec.search.memory import PeakMemory
from mmrec.training.allocator import keep_freed_memory
from mmrec.training.determinism import deterministic, resolve_device
from mmrec.training.seeding import seed_for
from mmrec.training.trainer import Interrupted, Trainer

MAX_STEPS = 8
"""Steps that are taken, all of the first epoch."""


@dataclass(frozen=True)
class Probe:
    """What a short run of a point has measured: seconds, and bytes at the peak."""

    point: PointEstimate
    data_s: float
    """Reading the splits and the features."""
    build_s: float
    first_step_s: float
    """The first step of an epoch, where LATTICE builds its item graph; 0 without training."""
    step_s: float
    """Another step."""
    evaluation_s: float
    host_bytes: int | None
    """None where the system does not tell."""
    device_bytes: int | None
    """None on a CPU."""

    def seconds(self, point: PointEstimate) -> float:
        """Return what a trial takes at these speeds, if it is not stopped early."""
        return (
            self.build_s
            + point.epochs * self.first_step_s
            + (point.steps - point.epochs) * self.step_s
            + point.evaluations * self.evaluation_s
        )


def probe(loaded: Loaded, model: int, point: PointEstimate, threads: int) -> Probe:
    """Build the recommender of a point, take a few steps and evaluate it once.

    Nothing is written but the cache of features.

    Args:
        loaded: the experiment.
        model: number of the model in its plan.
        point: which hyper-parameters.
        threads: of torch.

    Raises:
        DataError: the data cannot be used.
        TrialError: the short run failed, or its process was killed.
    """
    context = multiprocessing.get_context("spawn")
    order = Order(model, 0, point.values)
    steps = point.steps // point.epochs if point.epochs else 0
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        experiment, base_dir = loaded.document.data, loaded.frame.base_dir
        course = (min(MAX_STEPS, steps), min(2, point.evaluations))
        ended = pool.submit(_measure, experiment, base_dir, order, course, threads)
        try:
            return Probe(point, **ended.result())
        except BrokenProcessPool:
            raise TrialError("the process of the short run was killed; out of memory?") from None
        except MmrecError:
            raise
        except Exception as error:  # whatever a model does
            raise TrialError(f"the short run failed: {type(error).__name__}: {error}") from None


def _measure(
    experiment: dict[str, Any],
    base_dir: Path,
    order: Order,
    course: tuple[int, int],
    threads: int,
) -> dict[str, Any]:
    """Be the process: read everything anew, as the worker of a run does."""
    plan = make_plan(read_experiment(experiment, base_dir))
    device, _ = resolve_device(plan.experiment.gpu)
    memory = PeakMemory(torch.device("cpu")), PeakMemory(device)
    clock = _Clock(device)
    datasets = load_datasets(plan)
    spec = SpecMaker(plan, datasets).make(order)
    dataset = datasets[spec.fold]
    data_s = clock.lap()
    n_steps, n_kept = course
    with deterministic(device, threads), keep_freed_memory():
        torch.manual_seed(seed_for(spec.config.seed, "init"))
        recommender = spec.recommender(spec.config, dataset)  # type: ignore[call-arg]
        build_s = clock.lap()
        steps = _train(recommender, spec, dataset, device, n_steps, clock.lap)
        clock.lap()
        with torch.no_grad():
            spec.protocol.evaluate(recommender, device, loss=0.0)
        if isinstance(recommender, Model):  # as long trainings hold the best state and a better one
            kept = [_copy(recommender) for _ in range(n_kept)]
            del kept
        evaluation_s = clock.lap()
    first, *others = steps or [0.0]
    return {
        "data_s": data_s,
        "build_s": build_s,
        "first_step_s": first,
        "step_s": sum(others) / len(others) if others else first,
        "evaluation_s": evaluation_s,
        "host_bytes": memory[0].read(),
        "device_bytes": memory[1].read() if device.type == "cuda" else None,
    }


def _train(
    recommender: Recommender,
    spec: TrialSpec,
    dataset: Dataset,
    device: torch.device,
    n_steps: int,
    lap: Callable[[], float],
) -> list[float]:
    """Take the first steps of the first epoch and return the seconds of each."""
    if not isinstance(recommender, Model):
        return []
    assert isinstance(spec.config, ModelConfig)
    if n_steps == 0:  # weights of an earlier run are evaluated
        recommender.to(device).eval()
        return []
    trainer = Trainer(recommender, spec.config, dataset, spec.protocol, device)
    laps: list[float] = []

    def stop() -> bool:
        laps.append(lap())
        return len(laps) >= n_steps

    lap()
    with suppress(Interrupted):
        trainer.run(stop=stop)
    recommender.eval()
    return laps


def _copy(model: Model) -> dict[str, torch.Tensor]:
    return {k: v.detach().to("cpu", copy=True) for k, v in model.state_dict().items()}


class _Clock:
    """Tells the seconds since it was asked last, the device's work included."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last = time.perf_counter()

    def lap(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        passed, self._last = now - self._last, now
        return passed
