"""The executor ``ray``: one task of a Ray cluster for each trial, on any node that has room for it.

The driver sends trials as plain data and receives records, as with processes. The node that runs a
trial writes its files, so the folders of the results are on storage that all nodes share.
"""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from mmrec.config import Experiment, Loaded
from mmrec.execution.driver import (
    Driver,
    EpochEnded,
    Event,
    TrialEnded,
    WorkerEnded,
    WorkerRefused,
)
from mmrec.execution.executors import Executor, Queue, Task, executor
from mmrec.execution.ray.cluster import Share, connected
from mmrec.execution.ray.worker import Epochs, RunSetup, StopFlag, versions, work
from mmrec.execution.specs import TrialRequest
from mmrec.execution.worker import WorkerSetup
from mmrec.installation import install_hint
from mmrec.runs.records import TrialRecord
from mmrec.training.determinism import resolve_device
from mmrec.training.protocol import EpochRecord


@executor("ray")
class RayExecutor(Executor):
    """Runs trials as tasks of a Ray cluster, or of a Ray that is started on this machine."""

    keys = frozenset({"address", "cpus_per_trial", "gpus_per_trial"})

    @classmethod
    def check(cls, loaded: Loaded) -> None:
        """Require Ray, and a share of a GPU if and only if the trials use one."""
        super().check(loaded)
        path = ("experiment", "execution")
        if importlib.util.find_spec("ray") is None:
            loaded.problems.add((*path, "backend"), f"Ray is not installed: {install_hint('ray')}")
        if loaded.experiment is None:
            return
        gpu, share = loaded.experiment.gpu, loaded.experiment.execution.gpus_per_trial
        if (gpu >= 0) != (share > 0):
            loaded.problems.add(
                path,
                f"found gpu: {gpu} with gpus_per_trial: {share:g}; accepted with 'backend: ray': "
                "gpu: -1 for the CPU, or gpu: 0 with gpus_per_trial above 0",
            )

    @classmethod
    def devices(cls, experiment: Experiment) -> tuple[list[torch.device], list[str]]:
        """Return this machine's device; the nodes may have others."""
        execution = experiment.execution
        notes = [
            "trials run on nodes of a Ray cluster; the environment in the manifest is that of the "
            "machine that started the run"
        ]
        elsewhere = execution.address is not None or execution.gpus_per_trial > 0
        return [resolve_device(experiment.gpu)[0]], notes if elsewhere else []

    def run(self, queue: Queue) -> Iterator[TrialRecord]:
        """Yield the record of each trial as it ends.

        Raises:
            DataError: a result cannot be written, a node cannot run the trials, or there is no
                cluster at the address.
            Interrupted: the run was asked to stop.
        """
        if not len(queue):
            return
        run, execution = self.context, self.context.experiment.execution
        share = Share(execution.cpus_per_trial or run.setup.threads, execution.gpus_per_trial)
        # A task sees only the GPU that Ray reserves for it.
        setup = replace(run.setup, gpu=0 if run.experiment.gpu >= 0 else -1)
        with connected(execution.address, share, min(run.n_workers, queue.expected)):
            pool = RayPool(setup, share)
            yield from Driver(pool, run.n_workers, run.observer, run.stop).run(queue)


class RayPool:
    """The trials that run on the cluster.

    Ray does not retry them: it would start one that does not fit into the memory of a node again
    and again, whatever ``max_retries`` says.

    Args:
        setup: what a worker needs to start.
        share: what is reserved for a trial.
    """

    def __init__(self, setup: WorkerSetup, share: Share) -> None:
        import ray
        from ray.util.queue import Queue as Messages

        self._ray = ray
        self._run = RunSetup(uuid.uuid4().hex, setup, versions())
        self._work = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            max_retries=0,
            scheduling_strategy="SPREAD",
        )(_work)
        self._messages = Messages(actor_options={"num_cpus": 0})
        self._message = self._messages.actor.get.remote()
        self._trials: dict[Any, str] = {}
        """The trial_id of each running task."""
        self._stop_flag = StopFlag(setup.folder)
        self._stop_flag.create()

    def start(self, task: Task) -> None:
        """Give a trial to the cluster."""
        reference = self._work.options(name=task.spec.name).remote(
            self._run, task.request, task.spec.trial_id, self._messages.actor
        )
        self._trials[reference] = task.spec.trial_id

    def poll(self, seconds: float) -> Iterator[Event]:
        """Yield what happened to the running trials."""
        references = [*self._trials, *([self._message] if self._message else [])]
        ready, _ = self._ray.wait(references, timeout=seconds)
        for reference in ready:
            if reference == self._message:
                yield from self._read_message()
            else:
                yield from self._end(self._trials.pop(reference), reference)

    def stop(self) -> None:
        """Ask all nodes to save the state of their trials."""
        self._stop_flag.set()

    def kill(self) -> None:
        """Cancel the tasks that still run, and remove what the pool made."""
        try:
            for reference in self._trials:
                self._ray.cancel(reference, force=True)
        finally:
            self._stop_flag.remove()
            self._messages.shutdown(force=True)

    def _end(self, trial_id: str, reference: Any) -> Iterator[Event]:  # noqa: ANN401
        """Yield the epochs of a trial that ended, some perhaps for the second time, and its end."""
        errors = self._ray.exceptions
        reason = "it was asked to stop"
        try:
            record, refusal = self._ray.get(reference)
        except errors.OutOfMemoryError:
            reason = "killed by Ray because its node ran out of memory"
        except (errors.NodeDiedError, errors.ObjectLostError):
            reason = "its node is gone"
        except errors.WorkerCrashedError:
            reason = "its process ended unexpectedly"
        except errors.RayError as error:
            yield WorkerRefused(trial_id, f"Ray cannot run a trial: {error}")
            return
        else:
            if refusal:
                yield WorkerRefused(trial_id, refusal)
                return
            if isinstance(record, TrialRecord):
                evaluated = {entry["epoch"]: entry for entry in record.history}
                losses = enumerate(record.losses, start=1)
                epochs = [(epoch, loss, evaluated.get(epoch)) for epoch, loss in losses]
                yield from _events(trial_id, epochs)
                yield TrialEnded(trial_id, record)
                return
        yield WorkerEnded(trial_id, reason)

    def _read_message(self) -> Iterator[Event]:
        """Yield epochs of a trial; if messages cannot be sent, they are known when it ends."""
        try:
            trial_id, epochs = self._ray.get(self._message)
        except self._ray.exceptions.RayError:
            self._message = None
            return
        self._message = self._messages.actor.get.remote()
        if trial_id in self._trials.values():
            yield from _events(trial_id, epochs)


def _events(trial_id: str, epochs: Epochs) -> Iterator[Event]:
    for epoch, loss, evaluation in epochs:
        record = None if evaluation is None else EpochRecord(**evaluation)
        yield EpochEnded(trial_id, epoch, loss, record)


def _work(
    run: RunSetup,
    request: TrialRequest,
    trial_id: str,
    messages: Any,  # noqa: ANN401
) -> tuple[TrialRecord | None, str]:
    """Run one trial as a Ray task."""
    return work(run, request, lambda epochs: messages.put_nowait.remote((trial_id, epochs)))
