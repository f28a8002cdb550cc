"""Trials on a Ray cluster: two nodes of this machine, each with one CPU."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from helpers import assert_contains
from stopping import command
from tiny_experiment import Write, experiment_writer, settings

from mmrec.config import read_experiment
from mmrec.errors import ConfigError, DataError
from mmrec.execution.ray.cluster import Share, _check_room
from mmrec.execution.ray.worker import RunSetup, StopFlag, versions, work
from mmrec.execution.specs import TrialRequest
from mmrec.execution.worker import WorkerSetup
from mmrec.experiment import check_experiment, run_experiment
from mmrec.planning.datasets import load_datasets
from mmrec.planning.plan import make_plan
from mmrec.progress.display import Progress
from mmrec.reporting.results import Results
from mmrec.runs.identity import RunIdentity
from mmrec.runs.inputs import FileStates, RunInputs
from mmrec.runs.records import TrialStore

pytestmark = pytest.mark.xdist_group("timed")

KEPT = {"save_recs": True, "save_weights": True}
MEMORY = {"object_store_memory": 80 * 2**20}
WATCHED = """
import os, pathlib, signal, time
from mmrec.models import LightGCNM

HERE = pathlib.Path(__file__).parent

class Watched(LightGCNM):
    def begin_epoch(self, epoch, rng):
        name = HERE / f"lr_{self.config.lr}"
        with name.open("a") as epochs:
            epochs.write(f"{epoch}\\n")
        if epoch == 4 and not (HERE / "go").exists():
            import ray
            node = ray.get_runtime_context().get_node_id()
            (HERE / f"node_{self.config.lr}").write_text(f"{node} {os.getpid()}")
        while epoch == 4 and (HERE / "wait").exists():
            time.sleep(0.02)
        if epoch > 4 and not (HERE / "go").exists():
            time.sleep(0.02)

class Deadly(LightGCNM):
    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        if config.lr > 0.5:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def run(path: Path, **options: Any) -> Results:
    return run_experiment(path, progress=False, **options)


def digests(results: Results) -> pd.DataFrame:
    return results.trials[["trial", "best_epoch", "nDCG@5", "weights_sha256", "lists_sha256"]]


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200}
    head = {"num_cpus": 1, "include_dashboard": False, "_system_config": quick, **MEMORY}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    cluster.shutdown()


@pytest.fixture
def second(cluster) -> Any:
    """The node beside the head."""
    for node in cluster.worker_nodes:
        return node
    return cluster.add_node(num_cpus=1, **MEMORY)


def watching(write: Write) -> Callable[..., Path]:
    """Return what writes an experiment on ``external.Watched``."""
    (write().parent / "mine.py").write_text(WATCHED)

    def write_watched(**execution: Any) -> Path:
        return write(
            {"external.Watched": settings(epochs=30, lr=[0.01, 0.02], meta=KEPT)},
            external_models_path="mine.py",
            execution={"threads": 1, "checkpoint_rate": 1, **execution},
        )

    return write_watched


@pytest.fixture
def watched(experiment_file: Write) -> Callable[..., Path]:
    return watching(experiment_file)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What a serial run of ``external.Watched`` comes to."""
    path = watching(experiment_writer(tmp_path_factory.mktemp("serial")))()
    (path.parent / "go").touch()
    return digests(run(path))


def epochs_of(path: Path, lr: float) -> list[int]:
    return [int(line) for line in (path.parent / f"lr_{lr}").read_text().split()]


def started(path: Path) -> dict[str, str]:
    """The processes that have come to the fourth epoch, by node."""
    return dict(
        file.read_text().split() for file in path.parent.glob("node_*") if file.stat().st_size
    )


def interrupt(path: Path, send: Callable[[], None]) -> None:
    """Send a signal when both trials wait in their fourth epoch; let them go on once reported."""
    performance = path.parents[1] / "results/tiny/performance"
    try:
        wait_for(lambda: len(list(path.parent.glob("node_*"))) == 2)
        send()
        wait_for(lambda: any(f.read_text() == "stop" for f in performance.glob("run_*/stop")))
    finally:
        (path.parent / "wait").unlink()


def on_ray(cluster: Any, **more: Any) -> dict[str, Any]:
    return {"threads": 1, "backend": "ray", "address": cluster.address, "workers": 2, **more}


def check_store(results: Results) -> None:
    """No trial is lost or repeated."""
    names = [record.name for record in TrialStore(results.folder / "trials.jsonl").read()]
    assert sorted(names) == sorted(results.trials["trial"])


@pytest.mark.exhaustive
def test_a_cluster_gives_the_bits_of_a_serial_run(experiment_file, cluster, second, monkeypatch):
    models = {
        "LightGCNM": settings(epochs=6, lr=[0.01, 0.02], meta=KEPT),
        "LATTICE": settings(epochs=6, top_k=4, l_m=[0.3, 0.7], meta=KEPT),
        "MostPop": {},
    }
    shown = {"users": 2}
    alone = run(experiment_file(models, execution={"threads": 1}, report=shown))
    reported: dict[str, list[int]] = {}
    monkeypatch.setattr(
        Progress,
        "epoch_ended",
        lambda self, spec, epoch, loss, record: reported.setdefault(spec.name, []).append(epoch),
    )
    beside = run(experiment_file(models, execution=on_ray(cluster), report=shown))
    pd.testing.assert_frame_equal(digests(alone), digests(beside))
    check_store(beside)
    lists = [
        {
            record.name: record.example_lists
            for record in TrialStore(x.folder / "trials.jsonl").read()
        }
        for x in (alone, beside)
    ]
    assert lists[0] == lists[1]
    assert all(len(users) == 2 for users in lists[0].values())
    assert list(reported.values()) == [[1, 2, 3, 4, 5, 6]] * 4
    assert not (beside.folder / "stop").exists()


@pytest.mark.exhaustive
def test_a_resumed_run_has_the_same_bits(watched, expected, cluster, second):
    path = watched(**on_ray(cluster))
    (path.parent / "wait").touch()
    interrupter = threading.Thread(
        target=interrupt, args=(path, lambda: os.kill(os.getpid(), signal.SIGTERM))
    )
    interrupter.start()
    with pytest.raises(KeyboardInterrupt, match="0 of 2 trials") as stopped:
        run(path, fresh=True)
    interrupter.join()
    assert stopped.value.signal == signal.SIGTERM
    (path.parent / "go").touch()
    resumed = run(path)
    pd.testing.assert_frame_equal(digests(resumed), expected)
    check_store(resumed)
    for lr in (0.01, 0.02):  # the epoch that was interrupted is finished, not begun again
        epochs = epochs_of(path, lr)
        assert len(epochs) - len(set(epochs)) <= 1
        assert sorted(set(epochs)) == list(range(1, 31))


@pytest.mark.exhaustive
def test_a_trial_that_kills_its_worker_fails_and_ray_is_left_as_it_was(watched, cluster):
    import ray

    path = watched()
    experiment = read_experiment(path).document.data
    experiment["experiment"] |= {
        "models": {"external.Deadly": settings(lr=[0.01, 0.9, 0.02]), "MostPop": {}},
        "execution": {"threads": 1, "backend": "ray"},
    }
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    handler = signal.getsignal(signal.SIGTERM)
    try:
        results = run_experiment(experiment, base_dir=path.parent, progress=False)
        assert ray.is_initialized()
        assert len(ray.nodes()) >= 1
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        ray.shutdown()
    assert results.trials["status"].tolist() == ["finished", "failed", "finished", "finished"]
    error = results.trials["error"][1]
    assert error.startswith("WorkerDied: ")
    assert "2 times" in error
    check_store(results)


@pytest.mark.exhaustive
def test_a_node_that_disappears_costs_only_time(watched, expected, cluster, second):
    path = watched(**on_ray(cluster))
    (path.parent / "wait").touch()

    def remove() -> None:
        try:
            wait_for(lambda: len(started(path)) == 2)
            cluster.remove_node(second, allow_graceful=False)
            wait_for(lambda: not Path(f"/proc/{started(path)[second.node_id]}").exists())
        finally:
            (path.parent / "wait").unlink()

    remover = threading.Thread(target=remove)
    remover.start()
    results = run(path)
    remover.join()
    pd.testing.assert_frame_equal(digests(results), expected)
    check_store(results)
    # One trial was on that node; it went on from its checkpoint after the third epoch.
    once = list(range(1, 31))
    again = [*range(1, 5), *range(4, 31)]
    assert sorted([epochs_of(path, 0.01), epochs_of(path, 0.02)]) == sorted([once, again])


@pytest.mark.exhaustive
def test_ctrl_c_ends_a_ray_of_its_own(watched):
    """A terminal sends SIGINT to all processes of the command."""
    path = watched(backend="ray", workers=2, checkpoint_rate=1000)
    (path.parent / "wait").touch()
    with command(path) as process:
        interrupt(path, lambda: os.killpg(process.pid, signal.SIGINT))
        output, error = process.communicate(timeout=300)
    assert process.returncode == 130, error
    assert output == ""
    *before, last = error.splitlines()
    assert_contains(last, ["mmrec: interrupted", "0 of 2 trials"])
    assert all(line.startswith("INFO: <Dataset") for line in before)  # and nothing of Ray's
    results = path.parents[1] / "results/tiny/performance"
    assert len(list(results.glob("run_*/checkpoints/*.pt"))) == 2
    assert not list(results.glob("run_*/stop"))


def test_ray_that_is_missing_is_a_problem_of_the_file(experiment_file, monkeypatch):
    path = experiment_file(execution={"backend": "ray"})
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError) as refused:
        run(path)
    where = f"{path}:24: experiment.execution.backend: "
    assert_contains(str(refused.value), [where, ".[ray]"])
    assert not (path.parents[1] / "results").exists()


def test_an_address_where_no_process_listens_is_reported_at_once(experiment_file):
    execution = {"backend": "ray", "address": "127.0.0.1:1", "threads": 1}
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1"):
        run(experiment_file(execution=execution))


REFUSED = {
    "address": ({"address": "atuo"}, ["address: ", "'atuo'", "'auto'", "host:port"]),
    "port": ({"address": "head"}, ["address: ", "'head'", "auto, host:port", "ray://host:port"]),
    "share": ({"gpus_per_trial": 2}, ["gpus_per_trial: ", "found 2", "from 0 to 1"]),
    "cpus": ({"cpus_per_trial": 0}, ["cpus_per_trial: ", "found 0", "1 or more"]),
    "devices": ({"devices": [0]}, ["devices: ", "'backend: ray'"]),
    "gpu": ({"gpus_per_trial": 0.5}, ["gpus_per_trial: 0.5", "gpu: -1"]),
    "not ray": (
        {"backend": "processes", "address": "auto"},
        ["address: ", "'auto'", "'backend: processes'"],
    ),
}


@pytest.mark.parametrize(("execution", "facts"), REFUSED.values(), ids=REFUSED)
def test_faults_of_the_execution(experiment_file, execution, facts):
    path = experiment_file(execution={"backend": "ray", **execution})
    with pytest.raises(ConfigError) as refused:
        check_experiment(path)
    assert_contains(str(refused.value), ["experiment.", *facts])


@pytest.mark.parametrize(
    "address", ["auto", "10.0.0.1:6379", "head-0.local:6379", "ray://head:10001", "[::1]:6379"]
)
def test_addresses(experiment_file, address):
    execution = {"backend": "ray", "address": address, "gpus_per_trial": 0.5}
    loaded, _, _ = check_experiment(experiment_file(gpu=0, execution=execution))
    assert loaded.experiment.execution.address == address


def test_a_trial_that_fits_on_no_node(monkeypatch, caplog):
    import ray

    nodes = [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"GPU": 1}}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    _check_room(Share(4, 0), may_grow=False)
    with pytest.raises(DataError, match=r"CPUs: 4, GPUs: 0\.5"):
        _check_room(Share(4, 0.5), may_grow=False)
    assert caplog.messages == []
    _check_room(Share(4, 0.5), may_grow=True)
    assert_contains(caplog.text, ["CPUs: 4, GPUs: 0.5"])


def test_the_stop_flag(tmp_path, monkeypatch):
    driver, worker = StopFlag(tmp_path), StopFlag(tmp_path)
    assert not worker.exists
    driver.create()
    assert worker.exists
    looks = []
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: looks.append(path) or real(path))
    assert not any(worker() for _ in range(1000))
    assert len(looks) <= 2
    driver.set()
    wait_for(worker, 5)
    driver.remove()
    assert not StopFlag(tmp_path)()


def run_setup(folder: Path, **changes: Any) -> RunSetup:
    inputs = RunInputs(RunIdentity("", {}), FileStates({}, {}, {}))
    setup = WorkerSetup({}, folder, folder, threads=1, gpu=-1, inputs=inputs)
    return RunSetup("a run", setup, versions() | changes)


def test_a_node_without_the_folder_of_the_run_is_refused(tmp_path):
    _, refusal = work(run_setup(tmp_path), TrialRequest(0, 0, {}), lambda epochs: None)
    assert refusal.startswith(f"node {platform.node()}: {tmp_path}: ")


def test_a_node_whose_torch_sees_no_gpu_is_refused(experiment_file, tmp_path, monkeypatch):
    cpu = (torch.device("cpu"), "gpu: 0 is not available")
    monkeypatch.setattr("mmrec.execution.worker.resolve_device", lambda gpu: cpu)
    path = experiment_file()
    StopFlag(tmp_path).create()
    loaded = read_experiment(path)
    plan = make_plan(loaded)
    inputs = RunInputs(RunIdentity.of(plan, load_datasets(plan)), FileStates.of(plan))
    document = loaded.document.data
    setup = WorkerSetup(document, path.parent, tmp_path, threads=1, gpu=0, inputs=inputs)
    _, refusal = work(RunSetup("gpu", setup, versions()), TrialRequest(0, 0, {}), lambda _: None)
    assert_contains(refusal, [platform.node(), "GPU", "torch"])


def test_a_node_with_other_versions_is_refused(tmp_path):
    StopFlag(tmp_path).create()
    setup = run_setup(tmp_path, torch="1.0")
    _, refusal = work(setup, TrialRequest(0, 0, {}), lambda epochs: None)
    assert_contains(refusal, [f"torch {versions()['torch']}", "1.0"])


def test_ray_still_has_the_switch_that_silences_it() -> None:
    import ray._private.worker as worker

    assert worker._worker_logs_enabled is True, "see mmrec.execution.ray.cluster._quiet"
