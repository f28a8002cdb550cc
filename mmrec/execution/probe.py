"""Short trials in a separate process, which measure what whole trials will cost."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from mmrec.config import Loaded, read_experiment
from mmrec.data import Interactions, Sampler
from mmrec.data.sampling import Samples
from mmrec.errors import MmrecError
from mmrec.execution.memory import PeakMemory
from mmrec.execution.spawning import DeathWatch, start_process
from mmrec.execution.specs import SpecMaker, TrialRequest
from mmrec.execution.trial import TrialSpec
from mmrec.execution.workbench import Workbench
from mmrec.models import Model, ModelConfig
from mmrec.planning.counts import TrialCounts
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.planning.points import Values
from mmrec.runs.folder import RunFolder
from mmrec.training.determinism import resolve_device

_STEPS, _EPOCHS = 2, 2
"""Of a short trial."""

_SHORT_S = 10.0
"""If the first short trial of a process takes less, it is run again and the second one counts: the
first one also pays for what a process does only once."""


@dataclass(frozen=True)
class Measured:
    """Seconds of the parts of a trial."""

    fixed_s: float
    """Building the model and, at the end, writing the results."""
    first_step_s: float
    """The first step of an epoch with the preparation of the epoch; 0 without training."""
    step_s: float
    """Another step."""
    evaluation_s: float

    def seconds(self, counts: TrialCounts) -> float:
        """Return the duration of a whole trial."""
        return (
            self.fixed_s
            + counts.epochs * self.first_step_s
            + (counts.steps - counts.epochs) * self.step_s
            + (counts.evaluations * self.evaluation_s if counts.epochs else 0.0)
        )


@dataclass(frozen=True)
class Probe:
    """What one process measured."""

    startup_s: float
    """Starting Python, importing the libraries, loading the data, and what else a process does
    only once."""
    host_bytes: int | None
    """The peak memory of the process during the first point; None where it is not known."""
    device_bytes: int | None
    """The peak of the tensors on the GPU during the first point; None on a CPU."""
    points: tuple[Measured, ...]
    """One for each point that was measured, in order; the first one always is."""


@dataclass(frozen=True)
class ProbeFailure:
    """Why a probe has no result."""

    reason: str
    is_out_of_memory: bool


def probe(
    loaded: Loaded, model: int, points: Sequence[Values], threads: int, seconds: float = 0.0
) -> Probe | ProbeFailure:
    """Run short trials of some points in a new process: two epochs of two steps, both evaluated.

    Nothing is written but the cache of features.

    Args:
        loaded: the experiment.
        model: the number of the model in the plan.
        points: the hyper-parameters to measure. The first one is measured in any case, the others
            in turn while there is time.
        threads: of torch.
        seconds: time for the other points.
    """
    ours, theirs = Pipe()
    experiment, base_dir = loaded.document.data, loaded.base_dir
    watch, requested = DeathWatch(), time.time()
    process = start_prober(theirs)
    theirs.close()  # so that the death of the process closes the connection
    try:
        with contextlib.suppress(ConnectionError):  # it just died; reading the connection shows it
            ours.send((experiment, base_dir, model, points, threads, seconds, requested))
        result: Probe | ProbeFailure = ours.recv()
        process.wait()
    except (EOFError, ConnectionError):
        code = process.wait()
        return ProbeFailure(watch.reason(code), is_out_of_memory=watch.is_for_memory(code))
    finally:
        process.kill()
        ours.close()
    return result


def start_prober(connection: Connection[Any, Any]) -> subprocess.Popen[bytes]:
    """Start a process that reads what to measure from a connection."""
    return start_process("mmrec.execution.probe", connection)


def _failure(error: str) -> ProbeFailure:
    """Return the failure that a trial recorded."""
    # Only CUDA has a class for it: without memory on the host, torch raises a RuntimeError.
    signs = ("MemoryError", "OutOfMemoryError", "can't allocate memory", "not enough memory")
    if any(sign in error for sign in signs):
        return ProbeFailure(f"out of memory: {error}", is_out_of_memory=True)
    return ProbeFailure(error, is_out_of_memory=False)


def main(handle: int) -> None:
    """Run the new process: measure what a connection asks for, and send the result.

    Args:
        handle: file descriptor of the connection.
    """
    connection: Connection[Any, Any] = Connection(handle)
    _probe(connection, *connection.recv())


def _probe(
    sender: Connection[Any, Any],
    experiment: dict[str, Any],
    base_dir: Path,
    model: int,
    points: Sequence[Values],
    threads: int,
    seconds: float,
    requested: float,
) -> None:
    """Read the experiment as a worker does, and send a result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller, which ends this
    sys.stdout = sys.stderr  # the caller's output is no place for what a model prints
    logging.disable()
    try:
        with TemporaryDirectory() as folder:
            prober = _Prober(experiment, base_dir, model, threads, Path(folder))
            sender.send(prober.measure(points, seconds, time.time() - requested))
    except _TrialFailed as error:
        sender.send(_failure(str(error)))
    except (MmrecError, MemoryError) as error:
        sender.send(_failure(f"{type(error).__name__}: {error}"))


class _TrialFailed(Exception):
    """A short trial failed."""


class _Prober:
    def __init__(
        self, experiment: dict[str, Any], base_dir: Path, model: int, threads: int, folder: Path
    ) -> None:
        torch.set_num_threads(threads)
        plan = make_plan(read_experiment(experiment, base_dir))
        datasets = load_datasets(plan)
        self._number, self._model = model, plan.models[model]
        self._specs = SpecMaker(plan, datasets)
        self._device, _ = resolve_device(plan.experiment.gpus[0])
        outputs = {"path_output_rec_result": folder}
        if not self._model.meta.restore:  # else the weights are read from there
            outputs["path_output_rec_weight"] = folder
        settings = plan.experiment.model_copy(update=outputs)
        self._workbench = Workbench(settings, datasets, self._device, threads, RunFolder(folder))

    def measure(self, points: Sequence[Values], seconds: float, startup_s: float) -> Probe:
        on_gpu = self._device.type == "cuda"
        host = PeakMemory(torch.device("cpu"))
        started = self._now()
        measured, peak = self._short_trial(points[0])
        took = self._now() - started
        if took < _SHORT_S:
            measured, second_peak = self._short_trial(points[0])
            startup_s += max(0.0, 2 * took - (self._now() - started))
            peak = None if peak is None or second_peak is None else max(peak, second_peak)
        host_bytes = host.read() if on_gpu else peak
        found = [measured]
        end = self._now() + seconds
        for point in points[1:]:
            if self._now() >= end:
                break
            found.append(self._short_trial(point)[0])
        return Probe(startup_s, host_bytes, peak if on_gpu else None, tuple(found))

    def _short_trial(self, point: Values) -> tuple[Measured, int | None]:
        """Return the times of a short trial, and its peak memory on the device."""
        spec = _shortened(self._specs.make(TrialRequest(self._number, 0, point)))
        steps: list[float] = []
        epochs: list[float] = []

        def stop() -> bool:
            steps.append(self._now())
            return False

        start = self._now()
        record = self._workbench.execute(
            self._model, spec, on_epoch=lambda *_: epochs.append(self._now()), stop=stop
        )
        end = self._now()
        if record.status == "failed":
            raise _TrialFailed(record.error)
        if not epochs:  # nothing was trained
            return Measured(end - start, 0.0, 0.0, 0.0), record.peak_bytes
        later = [seconds for seconds in steps if seconds > epochs[0]]
        first_step = later[0] - epochs[0]
        measured = Measured(
            fixed_s=max(0.0, steps[0] - start - first_step) + end - epochs[-1],
            first_step_s=first_step,
            step_s=later[1] - later[0] if len(later) > 1 else first_step,
            evaluation_s=epochs[-1] - later[-1],
        )
        return measured, record.peak_bytes

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


def _shortened(spec: TrialSpec) -> TrialSpec:
    """Return the same trial with few epochs of few steps, each of them evaluated."""
    if not issubclass(spec.recommender, Model):
        return spec
    return replace(
        spec,
        recommender=_with_few_steps(spec.recommender),
        config=spec.config.model_copy(update={"epochs": _EPOCHS}),
        protocol=replace(spec.protocol, validation_rate=1, early_stopping=None),
    )


@cache
def _with_few_steps(model: type[Model]) -> type[Model]:
    def make_sampler(cls: type[Model], config: ModelConfig, train: Interactions) -> Sampler:
        return _FewSteps(model.make_sampler(config, train))

    return type(model.__name__, (model,), {"make_sampler": classmethod(make_sampler)})


class _FewSteps(Sampler):
    """Draws the epochs of another sampler and drops all but the first batches."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.batch_size = sampler.batch_size

    @property
    def n_samples(self) -> int:
        return min(self._sampler.n_samples, _STEPS * self.batch_size)

    def draw_epoch(self, rng: np.random.Generator) -> Samples:
        users, positives, negatives = self._sampler.draw_epoch(rng)
        n = self.n_samples
        return Samples(users[:n], positives[:n], None if negatives is None else negatives[:n])
