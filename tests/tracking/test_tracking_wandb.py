"""The tracker for Weights & Biases, with the package itself in its offline mode."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from stopping import stop_after
from test_tracking import MODELS, expected_best, expected_curves
from tiny_experiment import Write, settings

from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # from the package
]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # nothing is written there


def run(path: Path, **options: object) -> Results:
    return run_experiment(path, progress=False, **options)  # type: ignore[arg-type]


def entries(content: bytes) -> Iterator[bytes]:
    """Yield the entries of a log in the format of LevelDB, after a header of 7 bytes."""
    block, head = 32768, struct.Struct("<IHB")  # checksum, length, whole/first/middle/last
    place, entry = head.size, b""
    while place + head.size <= len(content):
        if block - place % block < head.size:  # the rest of the block is empty
            place += block - place % block
            continue
        _, length, kind = head.unpack_from(content, place)
        place += head.size
        entry += content[place : place + length]
        place += length
        if kind in (1, 4):
            yield entry
            entry = b""


def written(folder: Path) -> dict[str, dict[str, Any]]:
    """What the files of all trials have, by the name of the trial."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = {}
    for path in sorted(folder.glob("tracking/wandb/offline-run-*/*.wandb")):
        facts: dict[str, Any] = {"curves": {}, "summary": {}, "config": {}, "exit_code": None}
        for data in entries(path.read_bytes()):
            record = Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                run_ = record.run
                facts |= {"group": run_.run_group, "name": run_.display_name, "id": run_.run_id}
                facts |= {"project": run_.project, "job_type": run_.job_type}
                facts["config"] |= {x.key: json.loads(x.value_json) for x in run_.config.update}
            elif record.HasField("history"):
                values = {
                    "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                    for item in record.history.item
                }
                step = record.history.step.num or values.get("_step")
                for key, value in values.items():
                    if not key.startswith("_"):
                        assert (key, step) not in facts["curves"]
                        facts["curves"][key, step] = value
            elif record.HasField("summary"):
                for item in record.summary.update:
                    key = "/".join(item.nested_key) or item.key
                    facts["summary"][key] = json.loads(item.value_json)
            elif record.HasField("exit"):
                facts["exit_code"] = record.exit.exit_code
        assert facts["name"] not in found
        found[facts["name"]] = facts
    return found


def test_a_run_has_a_group_with_a_run_for_each_trial(experiment_file: Write) -> None:
    models = MODELS | {"LATTICE": settings(lr=1e30, top_k=4)}
    results = run(experiment_file(models, tracking=["wandb"]))
    found = written(results.folder)
    ended = {x.name: x for x in TrialStore(results.folder / "trials.jsonl").read()}
    assert set(found) == set(ended)
    assert {facts["group"] for facts in found.values()} == {results.folder.name}
    assert {facts["project"] for facts in found.values()} == {"tiny"}
    for name, record in ended.items():
        facts = found[name]
        assert facts["job_type"] == record.model
        assert set(record.parameters) <= set(facts["config"])
        assert facts["config"]["seed"] == record.parameters["seed"]
        assert facts["exit_code"] == (1 if record.status == "failed" else 0)
        assert facts["summary"]["status"] == record.status
        best = {f"best/{tag}": value for tag, value in expected_best(record).items()}
        assert {k: v for k, v in facts["summary"].items() if k.startswith("best/")} == best
        if record.status == "finished":
            assert facts["curves"] == expected_curves(record)


def test_it_leaves_no_trace_in_the_process_and_changes_no_bit(
    experiment_file: Write, tmp_path: Path
) -> None:
    plain = run(experiment_file(MODELS), fresh=True)
    before = trace()
    tracked = run(experiment_file(MODELS, tracking=["wandb"]), fresh=True)
    assert trace() == before
    import wandb

    assert wandb.run is None
    children = {child.name() for child in psutil.Process().children(recursive=True)}
    assert not [name for name in children if "wandb" in name]
    assert not (tmp_path / "wandb").exists()
    digests = ["trial", "weights_sha256", "lists_sha256"]
    pd.testing.assert_frame_equal(plain.trials[digests], tracked.trials[digests])


def trace() -> list[object]:
    """What a package may change in its process."""
    return [
        random.getstate(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        torch.get_rng_state().tolist(),
        dict(os.environ),
        sys.excepthook,
        sys.stdout,
        sys.stderr,
    ]


def test_nothing_connects_to_another_machine(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, targets = socket.socket.connect, []

    def note(self: socket.socket, address: Any) -> None:
        targets.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    run(experiment_file({"MostPop": {}}, tracking=["wandb"]))
    assert all(isinstance(x, str) or x[0] in ("127.0.0.1", "localhost") for x in targets)


def test_a_resumed_run_has_each_trial_once(experiment_file: Write) -> None:
    path = experiment_file(MODELS, tracking=["wandb"])
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, 24)  # in the second trial
        with pytest.raises(KeyboardInterrupt):
            run(path)
    (folder,) = path.parents[1].glob("results/tiny/performance/run_*")
    (first,) = TrialStore(folder / "trials.jsonl").read()
    (log,) = folder.glob(f"tracking/wandb/offline-run-*-{first.trial_id}-*/*.wandb")
    before = log.read_bytes(), log.stat().st_mtime_ns
    assert run(path).folder == folder
    found = written(folder)
    ended = {x.name: x for x in TrialStore(folder / "trials.jsonl").read()}
    assert set(found) == set(ended)
    for name, record in ended.items():
        assert found[name]["curves"] == expected_curves(record)
    assert (log.read_bytes(), log.stat().st_mtime_ns) == before  # its trial had ended


def test_workers_are_tracked_by_the_main_process(experiment_file: Write) -> None:
    results = run(experiment_file(MODELS, tracking=["wandb"]), workers=2)
    found = written(results.folder)
    for record in TrialStore(results.folder / "trials.jsonl").read():
        assert found[record.name]["curves"] == expected_curves(record)
