"""Short trials in a separate process."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tiny_experiment import Write, settings

from mmrec.config import read_experiment
from mmrec.execution import probe as probing
from mmrec.execution import spawning
from mmrec.execution.probe import Measured, Probe, ProbeFailure, probe
from mmrec.planning.counts import TrialCounts
from mmrec.planning.plan import make_plan

EXTERNAL = """
import os
import signal
import torch
from mmrec.models import Recommender

class Fair(Recommender):
    def __init__(self, config, dataset):
        self.n_items = dataset.n_items
    def scorer(self):
        return lambda users: torch.zeros(len(users), self.n_items)

class Broken(Fair):
    def __init__(self, config, dataset):
        raise RuntimeError("no such luck")

class Killed(Fair):
    def __init__(self, config, dataset):
        os.kill(os.getpid(), signal.SIGKILL)

class Exits(Fair):
    def __init__(self, config, dataset):
        os._exit(7)

class TooLarge(Fair):
    def __init__(self, config, dataset):
        torch.empty(2**50)

class TooLong(Fair):
    def __init__(self, config, dataset):
        raise MemoryError
"""


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork instead of importing everything anew."""
    importlib.import_module("torch._dynamo")  # as the first optimiser of a process does, for long
    monkeypatch.setattr(probing, "start_prober", ForkedProber)


class ForkedProber:
    """A process with the methods of ``subprocess.Popen`` that :func:`probe` uses."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_measure, args=(connection,))
        self._process.start()

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def _measure(connection: Connection[Any, Any]) -> None:
    probing.main(os.dup(connection.fileno()))


def probed(path: Path, seconds: float = 0.0) -> Probe | ProbeFailure:
    loaded = read_experiment(path)
    return probe(loaded, 0, make_plan(loaded).models[0].points, 1, seconds)


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("batch_size", [16, -1])
def test_every_part_of_a_training_is_measured(experiment_file: Write, batch_size: int) -> None:
    values = settings(epochs=1, batch_size=batch_size, lr=[0.1, 0.2])
    path = experiment_file({"LATTICE": values})
    found = probed(path)
    assert isinstance(found, Probe)
    (measured,) = found.points
    parts = (measured.fixed_s, measured.first_step_s, measured.step_s, measured.evaluation_s)
    assert min(parts) > 0
    assert found.startup_s > 0
    assert found.host_bytes is None or found.host_bytes > 100e6
    assert found.device_bytes is None
    assert not (path.parents[1] / "results").exists()


def test_a_trial_is_the_sum_of_its_parts() -> None:
    measured = Measured(fixed_s=5.0, first_step_s=2.0, step_s=1.0, evaluation_s=3.0)
    assert measured.seconds(TrialCounts(epochs=10, steps=40, evaluations=4)) == 5 + 20 + 30 + 12
    assert Measured(5.0, 0.0, 0.0, 0.0).seconds(TrialCounts()) == 5


@pytest.mark.usefixtures("forked")
def test_other_points_are_measured_while_there_is_time(experiment_file: Write) -> None:
    path = experiment_file({"LightGCNM": settings(factors=[2, 4, 8])})
    found = probed(path, seconds=60.0)
    assert isinstance(found, Probe)
    assert len(found.points) == 3


@pytest.mark.usefixtures("forked")
def test_weights_that_are_restored_are_only_evaluated(experiment_file: Write) -> None:
    values = settings() | {"meta": {"restore": True}}
    found = probed(experiment_file({"LightGCNM": values}))
    assert isinstance(found, ProbeFailure)
    assert "no weights" in found.reason


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("name", "reason", "is_out_of_memory"),
    [
        ("Broken", "RuntimeError: no such luck", False),
        ("Exits", "exit code 7", False),
        ("Killed", "killed by SIGKILL", False),
        ("TooLarge", "allocate", True),
        ("TooLong", "MemoryError", True),
    ],
)
def test_failures_have_a_reason(
    experiment_file: Write, tmp_path: Path, name: str, reason: str, is_out_of_memory: bool
) -> None:
    (tmp_path / "own.py").write_text(EXTERNAL)
    found = probed(experiment_file({f"external.{name}": {}}, external_models_path="../own.py"))
    assert isinstance(found, ProbeFailure)
    assert reason in found.reason
    assert found.is_out_of_memory is is_out_of_memory
    assert ("out of memory" in found.reason) is is_out_of_memory


@pytest.mark.slow
def test_a_new_process_reads_the_experiment_itself(experiment_file: Write, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(EXTERNAL)
    found = probed(experiment_file({"external.Fair": {}}, external_models_path="../own.py"))
    assert isinstance(found, Probe)
    assert found.points[0].fixed_s > 0


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("counts", ["0", "1"])
def test_a_killed_process_was_out_of_memory_if_the_system_says_so(
    experiment_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: str
) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("pgfault 5\noom_kill 0\n")
    monkeypatch.setattr(spawning, "_VMSTAT", vmstat)
    kill = f"open({str(vmstat)!r}, 'w').write('pgfault 5\\noom_kill {counts}\\n')\n        os.kill("
    (tmp_path / "own.py").write_text(EXTERNAL.replace("os.kill(", kill))
    found = probed(experiment_file({"external.Killed": {}}, external_models_path="../own.py"))
    assert isinstance(found, ProbeFailure)
    assert "killed by SIGKILL" in found.reason
    assert found.is_out_of_memory is (counts == "1")
    assert ("out of memory?" in found.reason) is (counts == "1")


SCRIPT = """
from mmrec.config import read_experiment
from mmrec.execution.probe import probe
from mmrec.planning.plan import make_plan

loaded = read_experiment({path!r})
print(len(probe(loaded, 0, make_plan(loaded).models[0].points, 1).points))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["file", pytest.param("stdin", marks=pytest.mark.exhaustive)])
def test_a_script_without_a_guard_may_measure(
    experiment_file: Write, tmp_path: Path, how: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(path=str(experiment_file({"MostPop": {}}))))
    with script.open() as text:
        ended = subprocess.run(
            [sys.executable, "-" if how == "stdin" else script],
            stdin=text if how == "stdin" else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (0, "1\n"), ended.stderr
