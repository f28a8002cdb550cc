"""How trials are handed out: executors by name, the loop over a pool, and scripts of any kind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import assert_contains
from hypothesis import given
from hypothesis import strategies as st
from tiny_experiment import settings

from mmrec.config import Loaded
from mmrec.errors import ConfigError, DataError
from mmrec.execution.driver import (
    TRIES,
    Driver,
    EpochEnded,
    Event,
    TrialEnded,
    WorkerEnded,
    WorkerRefused,
)
from mmrec.execution.executors import EXECUTORS, Executor, Queue, Task, executor
from mmrec.execution.specs import TrialRequest
from mmrec.experiment import check_experiment, run_experiment
from mmrec.interruption import Interrupted
from mmrec.runs.records import TrialRecord


def test_an_unknown_executor_is_a_problem_of_its_key_among_the_others(experiment_file):
    path = experiment_file({"MostPob": {}}, execution={"backend": "rai"}, top_k=0)
    with pytest.raises(ConfigError) as refused:
        check_experiment(path)
    keys = [line.split(": ")[1] for line in str(refused.value).splitlines()]
    assert set(keys) >= {"experiment.execution.backend", "experiment.top_k"}
    message = next(line for line in str(refused.value).splitlines() if "backend" in line)
    assert_contains(message, ["'rai' (did you mean 'ray'?)", "accepted: ", "processes"])


def test_an_executor_of_ones_own_checks_and_runs_the_trials(experiment_file):
    with EXECUTORS.isolated():

        @executor("backwards")
        class Backwards(Executor):
            keys = frozenset({"address"})

            @classmethod
            def check(cls, loaded: Loaded) -> None:
                super().check(loaded)
                if loaded.execution.address is None:
                    loaded.problems.add(("experiment", "execution"), "an address, please")

            def run(self, queue: Queue) -> Iterator[TrialRecord]:
                tasks = [queue.take() for _ in range(len(queue))]
                for task in reversed(tasks):
                    yield record_of(task, error=f"trial {task.request.index}")

        execution: dict[str, Any] = {"backend": "backwards"}
        models = {"LightGCNM": settings(lr=[0.01, 0.02])}
        with pytest.raises(ConfigError, match="an address, please"):
            run_experiment(experiment_file(models, execution=execution), progress=False)
        execution |= {"address": "auto"}
        results = run_experiment(experiment_file(models, execution=execution), progress=False)
        assert results.trials["error"].tolist() == ["trial 0", "trial 1"]


def record_of(task: Task, error: str = "as scripted") -> TrialRecord:
    spec = task.spec
    return TrialRecord(
        trial_id=spec.trial_id,
        name=spec.name,
        model=spec.model,
        index=spec.index,
        parameters=spec.parameters,
        status="failed",
        error=error,
    )


SCRIPT = """
from mmrec import run_experiment

results = run_experiment({path!r}, workers=2, progress=False)
print(results.trials["status"].tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [pytest.param("file", marks=pytest.mark.exhaustive), "stdin"])
def test_a_script_without_a_guard_may_use_workers(experiment_file, tmp_path, how):
    path = experiment_file({"LightGCNM": settings(lr=[0.01, 0.02])}, execution={"threads": 1})
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(path=str(path)))
    with script.open() as text:
        ended = subprocess.run(
            [sys.executable, "-" if how == "stdin" else script],
            stdin=text if how == "stdin" else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=os.environ,
            timeout=300,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (0, "['finished', 'finished']\n"), ended.stderr


OWN_MODEL = """
from mmrec import run_experiment
from mmrec.errors import DataError
from mmrec.models import LightGCNM, register

@register("OfTheScript")
class OfTheScript(LightGCNM):
    pass

print(run_experiment({path!r}, workers=1, progress=False, fresh=True).trials["status"].tolist())
try:
    run_experiment({path!r}, workers=2, progress=False, fresh=True)
except DataError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_model_of_the_script_itself_is_named_if_workers_do_not_know_it(experiment_file, tmp_path):
    path = experiment_file({"LightGCNM": settings(lr=[0.01, 0.02])}, execution={"threads": 1})
    path.write_text(path.read_text().replace("LightGCNM:", "OfTheScript:"))
    ended = subprocess.run(
        [sys.executable, "-"],
        input=OWN_MODEL.format(path=str(path)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    first, *lines = ended.stdout.splitlines()
    assert first == "['finished', 'finished']", ended.stderr
    assert_contains("\n".join(lines), ["OfTheScript: defined in", "external_models_path"])


class ScriptedPool:
    """A pool whose trials do in turn what a script says."""

    def __init__(self, script: list[str], order: list[int]) -> None:
        self.script, self.order = list(script), list(order)
        self.running: dict[str, tuple[Task, list[Event]]] = {}
        self.most_running = 0
        self.starts: list[str] = []
        self.is_stopping = self.is_killed = False
        self.warnings: list[str] = []
        """What each trial warns of."""

    def start(self, task: Task) -> None:
        name = task.spec.trial_id
        kind = self.script.pop(0) if self.script else "ends"
        ends: dict[str, Event] = {
            "ends": TrialEnded(name, replace(record_of(task), warnings=self.warnings)),
            "dies": WorkerEnded(name, "exit code 1"),
            "refuses": WorkerRefused(name, "no such data"),
        }
        epochs = [EpochEnded(name, epoch, 0.5, None) for epoch in (1, 2, 2, 3)]
        assert name not in self.running
        self.running[name] = (task, [*epochs, ends[kind]])
        self.starts.append(name)
        self.most_running = max(self.most_running, len(self.running))

    def poll(self, seconds: float) -> Iterator[Event]:
        place = (self.order.pop(0) if self.order else 0) % len(self.running)
        name = list(self.running)[place]
        events = self.running[name][1]
        event = WorkerEnded(name, "stopped") if self.is_stopping else events.pop(0)
        if not isinstance(event, EpochEnded):
            del self.running[name]
        yield event

    def stop(self) -> None:
        self.is_stopping = True

    def kill(self) -> None:
        self.is_killed = True


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int, int]] = []
        self.epochs: list[tuple[str, int]] = []
        self.ended: list[str] = []

    def trial_started(self, spec: Any, number: int, total: int) -> None:
        self.started.append((spec.trial_id, number, total))

    def epoch_ended(self, spec: Any, epoch: int, loss: float, record: object) -> None:
        self.epochs.append((spec.trial_id, epoch))

    def trial_ended(self, record: TrialRecord) -> None:
        self.ended.append(record.trial_id)


def queue_of(n_trials: int) -> Queue:
    queue = Queue()
    facts = {"model": "M", "parameters": {}, "fold_name": ""}
    queue.add(
        Task(
            None,  # type: ignore[arg-type]
            SimpleNamespace(trial_id=f"t{n}", name=f"M_t{n}", index=n, **facts),  # type: ignore[arg-type]
            TrialRequest(0, n, {}),
        )
        for n in range(n_trials)
    )
    queue.expected = n_trials
    return queue


@given(
    n_trials=st.integers(0, 6),
    n_workers=st.integers(1, 4),
    script=st.lists(st.sampled_from(["ends", "dies"]), max_size=12),
    order=st.lists(st.integers(0, 5), max_size=40),
)
def test_every_trial_ends_once_whatever_its_workers_do(
    n_trials: int, n_workers: int, script: list[str], order: list[int]
) -> None:
    pool, observer = ScriptedPool(script, order), Recorder()
    records = list(Driver(pool, n_workers, observer, lambda: False).run(queue_of(n_trials)))
    names = {f"t{n}" for n in range(n_trials)}
    assert sorted(record.trial_id for record in records) == sorted(names) == sorted(observer.ended)
    assert pool.most_running <= n_workers
    assert pool.is_killed
    assert all(1 <= pool.starts.count(name) <= TRIES for name in names)
    died = {r.trial_id for r in records if (r.error or "").startswith("WorkerDied")}
    assert all(pool.starts.count(name) == TRIES for name in died)
    for name in names:  # an epoch is reported once per start
        tries = pool.starts.count(name)
        assert [e for n, e in observer.epochs if n == name] == [1, 2, 3] * tries


def test_warnings_of_models_in_other_processes_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = ScriptedPool([], [])
    pool.warnings.append("no effect")
    list(Driver(pool, 2, Recorder(), lambda: False).run(queue_of(2)))
    assert caplog.messages == ["no effect"] * 2


def test_a_run_that_is_asked_to_stop_lets_its_trials_end() -> None:
    pool, observer, calls = ScriptedPool([], []), Recorder(), []

    def stop() -> bool:
        calls.append(1)
        return len(calls) > 3

    with pytest.raises(Interrupted):
        list(Driver(pool, 2, observer, stop).run(queue_of(3)))
    assert (pool.is_stopping, pool.is_killed, pool.running) == (True, True, {})
    assert observer.ended == []


def test_a_worker_that_cannot_run_any_trial_ends_the_run() -> None:
    pool = ScriptedPool(["ends", "refuses"], [1] * 5)
    with pytest.raises(DataError, match="no such data"):
        list(Driver(pool, 2, Recorder(), lambda: False).run(queue_of(3)))
    assert (pool.is_stopping, pool.is_killed, pool.running) == (True, True, {})
