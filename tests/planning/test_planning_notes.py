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


@pytest.mark.parametrize(
    ("bounds", "is_noted"),
    [([-8, -4], False), ([1, 4], False), ([0.01, 10], True), ([1, 50], True)],
)
def test_bounds_that_may_be_logarithms(bounds: list[float], is_noted: bool, tmp_path: Path) -> None:
    notes = list(search_notes(plan_of(tmp_path, l_w=["loguniform", *bounds])))
    assert bool(notes) is is_noted


@pytest.mark.parametrize(
    ("models", "facts"),
    [
        (
            {"EASER": {"early_stopping": {"patience": 3}}, "MostPop": {}},
            [["early_stopping", "EASER", "epochs"]],
        ),
        (
            {
                name: {"meta": {"validation_rate": 10, "restore": True}}
                for name in ("EASER", "ItemKNN")
            },
            [["meta.validation_rate, meta.restore", "EASER, ItemKNN", "epochs"]],
        ),
        ({"EASER": {"meta": {"pruner": "median", "hyper_batch": 2}}}, [["meta.pruner", "EASER"]]),
        ({"EASER": {"meta": {"hyper_batch": 2}}}, [["EASER", "meta.hyper_batch", "tpe"]]),
        ({"EASER": {"meta": {"validation_rate": 1, "save_recs": True}}}, []),
        (
            {
                "BPRMF": {
                    "epochs": 4,
                    "meta": {"optimize_internal_loss": True, "validation_metric": "Recall@3"},
                }
            },
            [["BPRMF", "meta.validation_metric", "optimize_internal_loss"]],
        ),
        ({"BPRMF": {"epochs": 4, "meta": {"validation_rate": 2, "save_weights": True}}}, []),
        (
            {"EASER": {"l2_norm": [1, 2, 3], "meta": {"hyper_max_evals": 2}}},
            [["EASER", "first 2 of 3 points", "rand"]],
        ),
        ({"EASER": {"l2_norm": [1, 2, 3], "meta": {"hyper_max_evals": 3}}}, []),
        (
            {"BPRMF": {"epochs": [6, 8], "meta": {"validation_rate": 3}}},
            [["BPRMF", "epochs is 8", "validation_rate, 3"]],
        ),
        (
            {
                "BPRMF": {
                    "epochs": [2, 4],
                    "early_stopping": {"patience": 4, "monitor": "Recall@5", "mode": "max"},
                }
            },
            [["BPRMF", "early_stopping", "patience is 4", "4 evaluations"]],
        ),
        (
            {
                "BPRMF": {
                    "epochs": 4,
                    "early_stopping": {"patience": 2, "monitor": "loss", "mode": "max"},
                }
            },
            [["BPRMF", "early_stopping.mode is max", "loss gets better", "min"]],
        ),
        ({"BPRMF": {"epochs": 4, "early_stopping": {"patience": 3, "mode": "max"}}}, []),
        ({"BPRMF": {"epochs": 1, "seed": [1, 2]}}, [["BPRMF.seed", "best seed", "meta.seeds"]]),
        ({"BPRMF": {"epochs": 1, "seed": 1, "meta": {"seeds": []}}}, []),
    ],
)
def test_keys_without_effect_are_noted(
    models: dict[str, Any], facts: list[list[str]], tmp_path: Path
) -> None:
    plan = make_plan(read_experiment(experiment_writer(tmp_path)(models)), use_cache=False)
    notes = list(search_notes(plan))
    assert len(notes) == len(facts)
    for note, expected in zip(notes, facts, strict=True):
        assert_contains(note, expected)


@pytest.mark.parametrize(("top_k", "is_noted"), [(20, False), (21, True), (1000, True)])
def test_lists_longer_than_the_catalogue_are_noted(
    top_k: int, is_noted: bool, tmp_path: Path
) -> None:
    path = experiment_writer(tmp_path)(top_k=top_k)
    plan = make_plan(read_experiment(path), use_cache=False)
    notes = [note for note in plan_notes(plan, load_datasets(plan)) if "top_k is" in note]
    assert bool(notes) is is_noted


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
