"""Notes on searches: bounds that look real, and points that are equal once they are typed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import assert_contains, refusal
from tiny_experiment import experiment_writer, settings

from mmrec.cli import main
from mmrec.config import read_experiment
from mmrec.errors import ConfigError
from mmrec.planning.datasets import load_datasets
from mmrec.planning.notes import plan_notes, search_notes
from mmrec.planning.plan import Plan, make_plan


def plan_of(folder: Path, **entry: Any) -> Plan:
    meta = {"hyper_opt_alg": "rand", "hyper_max_evals": 40}
    write = experiment_writer(folder)
    path = write({"LightGCNM": {"meta": meta} | settings(epochs=10) | entry})
    return make_plan(read_experiment(path), use_cache=False)


@pytest.mark.parametrize(
    "written",
    [
        {"log_uniform": [0.0001, 0.1]},
        ["log_uniform", "1e-4", 0.1],
        "log_uniform(0.0001, 0.1)",
    ],
)
def test_log_uniform_has_the_bounds_themselves(written: Any, tmp_path: Path) -> None:
    plan = plan_of(tmp_path, lr=written)
    assert list(search_notes(plan)) == []
    points = plan.models[0].points
    assert points is not None
    rates = [point["lr"] for point in points]
    assert len(set(rates)) == 40
    assert min(rates) >= 0.0001
    assert max(rates) <= 0.1
    assert 0.2 < np.mean(np.array(rates) < math.sqrt(0.0001 * 0.1)) < 0.8
    dimension: Any = plan.models[0].space.dimensions["lr"]
    assert dimension.at(0) == pytest.approx(0.0001)
    assert dimension.at(1) == 0.1


def test_bounds_of_log_uniform(tmp_path: Path) -> None:
    message = refusal(ConfigError, lambda: plan_of(tmp_path, lr={"log_uniform": [0, 0.1]}))
    assert_contains(message, ["lr", "log_uniform(0, 0.1)", "0 < low < high"])


def test_bounds_of_loguniform_that_look_real(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, lr=["loguniform", 0.0001, 0.1])
    [note] = search_notes(plan)
    assert_contains(note, ["LightGCNM.lr", "1.105", "lr: {log_uniform: [0.0001, 0.1]}"])
    points = plan.models[0].points
    assert points is not None
    assert all(1 < point["lr"] < 1.106 for point in points)  # Elliot's meaning


def test_logarithms_need_no_note(tmp_path: Path) -> None:
    assert list(search_notes(plan_of(tmp_path, lr=["loguniform", -8, -4]))) == []


def test_equal_points_count_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = {"hyper_opt_alg": "grid"}
    plan = plan_of(tmp_path, meta=grid, lr=[0.001, 0.01], factors=[8, 8.0])
    model = plan.models[0]
    assert (model.n_points, model.n_equal, model.n_trials) == (2, 2, 2)
    assert [point["lr"] for point in model.points or ()] == [0.001, 0.01]
    [note] = search_notes(plan)
    assert_contains(note, ["LightGCNM", "2 points left out", "2 points remain"])
    path = str(tmp_path / "config_files" / "tiny.yml")
    assert main(["validate", path]) == 0
    assert "2 points left out" in capsys.readouterr().out
    assert main(["plan", path]) == 0
    assert "2 equal points left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("top_k", "expected"), [(19, []), ([5, 20], ["20", "20 items"]), (400, ["400", "20 items"])]
)
def test_more_neighbours_than_items_are_noted(
    top_k: Any, expected: list[str], tmp_path: Path
) -> None:
    path = experiment_writer(tmp_path)({"FREEDOM": settings(epochs=1, top_k=top_k)})
    plan = make_plan(read_experiment(path), use_cache=False)
    notes = [note for note in plan_notes(plan, load_datasets(plan)) if "top_k" in note]
    assert bool(notes) == bool(expected)
    for note in notes:
        assert_contains(note, ["FREEDOM", *expected])
