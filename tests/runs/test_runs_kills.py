"""Runs that are killed or stopped at random moments, then resumed: equal bits, no traceback.

A trial whose worker is killed twice is recorded as failed. ``MMREC_ATTACKS=100`` and ``-m ""`` set
the number of disturbed runs; a few always run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from run_bits import bits
from tiny_experiment import Write, experiment_writer, settings
from warm_processes import CONTEXT

from mmrec.cli import main
from mmrec.experiment import run_experiment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timed")]

N_ATTACKS = int(os.environ.get("MMREC_ATTACKS", "10"))
N_ALWAYS = 3
KEPT = {"save_recs": True, "save_weights": True}
MODELS = {
    "MostPop": {"meta": {"save_recs": True}},
    "LightGCNM": settings(epochs=40, lr=[0.01, 0.02, 0.03], meta=KEPT | {"validation_rate": 2}),
}
EXECUTION = {"threads": 1, "checkpoint_rate": 2}
STOPS = {
    "SIGKILL": [signal.SIGKILL],
    "SIGTERM": [signal.SIGTERM],
    "SIGINT": [signal.SIGINT],
    "two SIGINT": [signal.SIGINT, signal.SIGINT],
}
PATIENCE = 300.0
"""Seconds that a busy machine may take for what takes one or two."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """The bits of the run, and the seconds that it takes in a process of its own."""
    write = experiment_writer(tmp_path_factory.mktemp("undisturbed"))
    path = write(MODELS, execution=EXECUTION)
    process, folder = started(path, 1)
    since = time.monotonic()
    process.join(PATIENCE)
    assert process.exitcode == 0
    return bits(folder.parents[1]), time.monotonic() - since


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(n, marks=[] if n < N_ALWAYS else pytest.mark.exhaustive)
        for n in range(max(N_ALWAYS, N_ATTACKS))
    ],
)
def test_a_disturbed_run_ends_with_the_bits_of_an_undisturbed_one(
    experiment_file: Write, undisturbed: tuple[dict[str, str], float], number: int
) -> None:
    """Every third run has two workers, and in half of these it is a worker that is killed."""
    expected, seconds = undisturbed
    rng = np.random.default_rng(number)
    path = experiment_file(MODELS, execution=EXECUTION)
    workers = 2 if number % 3 == 2 else 1
    name = list(STOPS)[number % len(STOPS)]
    process, folder = started(path, workers)
    if workers == 2:
        wait_for(lambda: not process.is_alive() or (folder / "checkpoints").exists())
    time.sleep(rng.uniform(0, seconds))
    running = workers_of(process)
    if workers == 2 and rng.integers(2):
        name = "a worker"
        for worker in running[: rng.integers(1, 3)]:
            worker.kill()
    else:
        for again, stop in enumerate(STOPS[name]):
            time.sleep(again * rng.uniform(0, 0.3))
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, stop)
    process.join(PATIENCE)
    if name == "a worker" and process.exitcode == 1:  # both workers were killed with one trial
        failed = pd.read_table(folder / "trials.tsv").query("status == 'failed'")
        assert failed["error"].str.startswith("WorkerDied").tolist() == [True]
        return
    codes = {0, *(code for stop in STOPS.get(name, []) for code in (128 + stop, -stop))}
    assert process.exitcode in codes, path.with_suffix(".err").read_text()
    if not (folder / "manifest.json").exists():
        assert run_experiment(path, progress=False).folder == folder, name
    assert bits(folder.parents[1]) == expected, name
    _, alive = psutil.wait_procs(running, PATIENCE)
    assert alive == []
    said = path.with_suffix(".err").read_text()
    assert "Traceback" not in said, said
    assert left_over(folder.parents[1]) == [], name


def started(path: Path, workers: int) -> tuple[ForkServerProcess, Path]:
    """Start ``mmrec run``; return its process and the folder of the run, once there is one."""
    options = ["run", "--quiet", "--workers", str(workers), str(path)]
    process = CONTEXT.Process(target=_command, args=(options, path.with_suffix(".err")))
    process.start()
    performance = path.parents[1] / "results/tiny/performance"
    wait_for(lambda: not process.is_alive() or list(performance.glob("run_*/sessions.jsonl")))
    (folder,) = performance.glob("run_*")
    return process, folder


def _command(arguments: list[str], errors: Path) -> None:
    """Be the command, with its standard error in a file."""
    for stream, target in ((1, Path(os.devnull)), (2, errors)):
        os.dup2(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    sys.exit(main(arguments))


def workers_of(driver: ForkServerProcess) -> list[psutil.Process]:
    try:
        return [child for child in psutil.Process(driver.pid).children() if is_worker(child)]
    except psutil.Error:  # it has ended
        return []


def is_worker(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "mmrec.execution.worker" in str(process.cmdline())
    return False


def left_over(results: Path) -> list[Path]:
    """Temporary files, and checkpoints of trials that have ended."""
    files = [path for path in results.rglob("*") if path.is_file()]
    return [path for path in files if path.name.startswith(".") or path.suffix == ".pt"]


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)
