"""Trials on a Ray cluster: two nodes of this machine, each with one CPU."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_experiment import settings

from mmrec import Results, run_experiment
from mmrec.config import read_experiment
from mmrec.progress import Progress
from mmrec.search import TrialStore

KEPT = {"save_recs": True, "save_weights": True}
MEMORY = {"object_store_memory": 80 * 2**20}
WATCHED = """
import os, pathlib, signal, time
from mmrec.models import LightGCNM

HERE = pathlib.Path(__file__).parent

class Watched(LightGCNM):
    def on_epoch_start(self, epoch):
        name = HERE / f"lr_{self.config.lr}"
        with name.open("a") as epochs:
            epochs.write(f"{epoch}\\n")
        if epoch == 4 and not (HERE / "go").exists():
            import ray
            (HERE / f"node_{self.config.lr}").write_text(ray.get_runtime_context().get_node_id())
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


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **MEMORY}
    )
    yield cluster
    cluster.shutdown()


@pytest.fixture
def second(cluster) -> Iterator[Any]:
    """A node beside the head."""
    node = cluster.add_node(num_cpus=1, **MEMORY)
    yield node
    if node in cluster.worker_nodes:
        cluster.remove_node(node)


@pytest.fixture
def watched(experiment_file) -> Callable[..., Path]:
    """Return what writes an experiment on ``external.Watched`` and runs it here, serially."""
    folder = experiment_file().parent
    (folder / "mine.py").write_text(WATCHED)

    def write(**execution: Any) -> Path:
        models = {"external.Watched": settings(epochs=30, lr=[0.01, 0.02], meta=KEPT)}
        return experiment_file(
            models,
            external_models_path="mine.py",
            execution={"threads": 1, "checkpoint_rate": 1, **execution},
        )

    return write


def expected_of(path: Path) -> pd.DataFrame:
    """Run an experiment on ``external.Watched`` serially."""
    (path.parent / "go").touch()
    expected = digests(run(path))
    (path.parent / "go").unlink()
    for log in path.parent.glob("lr_*"):
        log.unlink()
    return expected


def epochs_of(path: Path, lr: float) -> list[int]:
    return [int(line) for line in (path.parent / f"lr_{lr}").read_text().split()]


def on_ray(cluster: Any, **more: Any) -> dict[str, Any]:
    return {"threads": 1, "backend": "ray", "address": cluster.address, "workers": 2, **more}


def check_store(results: Results) -> None:
    """No trial is lost or repeated."""
    names = [record.name for record in TrialStore(results.folder / "trials.jsonl").read()]
    assert sorted(names) == sorted(results.trials["trial"])


@pytest.mark.slow
def test_a_cluster_gives_the_bits_of_a_serial_run(experiment_file, cluster, second, monkeypatch):
    models = {
        "LightGCNM": settings(epochs=6, lr=[0.01, 0.02], meta=KEPT),
        "LATTICE": settings(epochs=6, top_k=4, l_m=[0.3, 0.7], meta=KEPT),
        "MostPop": {},
    }
    alone = run(experiment_file(models, execution={"threads": 1}))
    told: dict[str, list[int]] = {}
    monkeypatch.setattr(
        Progress,
        "epoch_ended",
        lambda self, spec, epoch, loss, record: told.setdefault(spec.name, []).append(epoch),
    )
    beside = run(experiment_file(models, execution=on_ray(cluster)))
    pd.testing.assert_frame_equal(digests(alone), digests(beside))
    check_store(beside)
    assert list(told.values()) == [[1, 2, 3, 4, 5, 6]] * 4
    assert not (beside.folder / "stop").exists()


@pytest.mark.slow
def test_a_node_that_goes_costs_only_time(watched, cluster, second):
    expected = expected_of(watched())
    path = watched(**on_ray(cluster))
    (path.parent / "wait").touch()

    def remove() -> None:
        try:
            wait_for(lambda: len(list(path.parent.glob("node_*"))) == 2)
            cluster.remove_node(second, allow_graceful=False)
        finally:
            (path.parent / "wait").unlink()

    remover = threading.Thread(target=remove)
    remover.start()
    results = run(path)
    remover.join()
    pd.testing.assert_frame_equal(digests(results), expected)
    check_store(results)
    assert "its node is gone; trying again" in (results.folder / "run.log").read_text()
    # One trial was on that node; it went on from its checkpoint after the third epoch.
    once = list(range(1, 31))
    again = [*range(1, 5), *range(4, 31)]
    assert sorted([epochs_of(path, 0.01), epochs_of(path, 0.02)]) == sorted([once, again])


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_bits(watched, cluster, second):
    expected = expected_of(watched())
    path = watched(**on_ray(cluster))

    def interrupt() -> None:
        wait_for(lambda: len(list(path.parent.glob("node_*"))) == 2)
        os.kill(os.getpid(), signal.SIGTERM)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt, match="0 of 2 trials have ended") as stopped:
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


@pytest.mark.slow
def test_a_trial_that_kills_its_worker_fails_and_ray_is_left_as_it_was(watched, cluster, capfd):
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
    assert error.startswith("WorkerDied: its worker died 2 times (its process ended without a word")
    check_store(results)
