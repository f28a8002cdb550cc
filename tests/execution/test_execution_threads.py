"""How many threads a trial gets."""

from __future__ import annotations

import json

import pytest
import torch
from tiny_experiment import settings

from mmrec.config import Execution
from mmrec.execution.workbench import threads_of_trial
from mmrec.experiment import run_experiment
from mmrec.testing.data import tiny_dataset

LARGE = {"VisualAttribute": 1 << 22}


@pytest.fixture(autouse=True)
def _eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)


@pytest.mark.parametrize(
    ("execution", "n_workers", "widths", "expected"),
    [
        ({}, 1, {}, 1),
        ({}, 1, {"VisualAttribute": 128}, 1),
        ({}, 1, LARGE, 8),
        ({}, 3, LARGE, 2),
        ({}, 9, LARGE, 1),
        ({"threads": 5}, 3, {}, 5),
        ({"cpus_per_trial": 4}, 3, LARGE, 4),
        ({"cpus_per_trial": 4, "threads": 2}, 1, LARGE, 2),
    ],
)
def test_small_data_get_one_thread(
    execution: dict[str, int], n_workers: int, widths: dict[str, int], expected: int
) -> None:
    given = Execution.model_validate(execution)
    assert threads_of_trial(given, n_workers, tiny_dataset(), widths) == expected


def test_a_run_records_the_threads(experiment_file) -> None:
    results = run_experiment(experiment_file({"LightGCNM": settings()}), progress=False)
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert manifest["environment"]["threads"] == 1
