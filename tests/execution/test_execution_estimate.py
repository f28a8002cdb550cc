"""The cost of an experiment from measured points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from tiny_experiment import Write, settings

from mmrec.config import read_experiment
from mmrec.execution import estimate
from mmrec.execution.estimate import ModelEstimate, PlanEstimate, estimate_model
from mmrec.execution.probe import Measured, Probe, ProbeFailure
from mmrec.planning.counts import count_trials
from mmrec.planning.datasets import load_splits
from mmrec.planning.plan import make_plan
from mmrec.planning.points import Values

CPU = torch.device("cpu")
FAILURE = ProbeFailure("out of memory: MemoryError", is_out_of_memory=True)
Answer = Callable[[Sequence[Values]], Probe | ProbeFailure]


def constant(points: Sequence[Values]) -> Probe:
    """Measure that every step takes a second and nothing else any time."""
    return Probe(2.0, 1 << 30, None, tuple(Measured(0.0, 1.0, 1.0, 0.0) for _ in points))


def estimated(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer = constant
) -> tuple[ModelEstimate, list[Sequence[Values]]]:
    """Return the estimate of the first model, and the points of each probe."""
    asked: list[Sequence[Values]] = []

    def probe(loaded: object, model: int, points: Sequence[Values], *_: object) -> object:
        asked.append(points)
        return answer(points)

    monkeypatch.setattr(estimate, "probe", probe)
    loaded = read_experiment(path)
    plan = make_plan(loaded)
    datasets = load_splits(plan)
    counts = count_trials(plan, datasets)[0]
    return estimate_model(loaded, plan, 0, counts, datasets[0].n_users, 1), asked


@pytest.mark.parametrize(
    ("changes", "smallest", "largest"),
    [
        ({"factors": [8, 64, 4]}, {"factors": 4}, {"factors": 64}),
        ({"batch_size": [8, -1]}, {"batch_size": 8}, {"batch_size": -1}),
        ({"n_layers": [0, 2], "factors": [9, 8]}, {"n_layers": 0}, {"n_layers": 2, "factors": 9}),
        ({"modalities": "each_subset"}, {"modalities": ("visual",)}, {}),
    ],
)
def test_the_product_of_whole_numbers_is_the_size(
    experiment_file: Write,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict,
    smallest: dict,
    largest: dict,
) -> None:
    path = experiment_file({"LightGCNM": settings(**changes)})
    found, ((first,), (second, *_)) = estimated(path, monkeypatch)
    assert found.largest == first
    assert found.smallest == second
    assert largest.items() <= dict(first).items()
    assert smallest.items() <= dict(second).items()


def test_points_that_cost_the_same_are_measured_once(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = settings(lr=[0.1, 0.2], l_w=[0.0, 0.1], epochs=[2, 4], seed=[1, 2])
    found, asked = estimated(experiment_file({"LightGCNM": values}), monkeypatch)
    assert (found.n_sizes, found.n_measured, len(asked)) == (1, 1, 1)
    assert found.n_trials == 16
    assert found.seconds == 8 * 4 * (2 + 4)  # 4 steps in an epoch


def test_a_point_without_measurement_takes_the_mean_time_of_an_epoch(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_only(points: Sequence[Values]) -> Probe:
        step = points[0]["factors"]
        return Probe(2.0, None, None, (Measured(0.0, step, step, 0.0),))

    values = settings(factors=[2, 4, 16], epochs=3)
    found, asked = estimated(experiment_file({"LightGCNM": values}), monkeypatch, ends_only)
    assert [len(points) for points in asked] == [1, 2]
    assert (found.n_sizes, found.n_measured) == (3, 2)
    assert found.seconds == 3 * 4 * (2 + 9 + 16)


def test_repetitions_and_proposed_points_count(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 7, "seeds": [1, 2]}
    values = settings(lr=["uniform", 0.1, 0.2], epochs=3, meta=meta)
    del values["seed"]
    found, _ = estimated(experiment_file({"LightGCNM": values}), monkeypatch)
    assert found.seconds == 7 * 2 * 3 * 4


def test_a_failed_probe_is_reported_and_the_other_counts(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def largest_fails(points: Sequence[Values]) -> Probe | ProbeFailure:
        return FAILURE if points[0]["factors"] == 16 else constant(points)

    path = experiment_file({"LightGCNM": settings(factors=[2, 16])})
    found, _ = estimated(path, monkeypatch, largest_fails)
    assert found.failures == {"largest": FAILURE}
    assert found.seconds is not None
    (warning,) = PlanEstimate([found], [CPU], 1).warnings()
    assert warning.startswith("LightGCNM: ")
    assert "largest" in warning
    assert "out of memory" in warning
    nothing, _ = estimated(path, monkeypatch, lambda points: FAILURE)
    assert nothing.seconds is None
    assert PlanEstimate([nothing, found], [CPU], 1).seconds is None


@pytest.mark.parametrize(
    ("workers", "free", "warns"), [(1, 1 << 30, False), (2, 1 << 30, True), (9, 3 << 30, False)]
)
def test_memory_of_all_trials_at_the_same_time_has_to_fit(
    experiment_file: Write, monkeypatch: pytest.MonkeyPatch, workers: int, free: int, warns: bool
) -> None:
    path = experiment_file({"LightGCNM": settings(lr=[0.1, 0.2, 0.3])})
    found, _ = estimated(path, monkeypatch)
    monkeypatch.setattr(estimate, "available_memory", lambda device: free)
    warnings = list(PlanEstimate([found], [CPU], workers).warnings())
    assert bool(warnings) is warns
    assert all("1.00 GiB" in warning for warning in warnings)


def test_workers_share_the_trials(experiment_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = experiment_file({"LightGCNM": settings(lr=[0.1, 0.2, 0.3], epochs=1)})
    found, _ = estimated(path, monkeypatch)
    report = estimate.REPORT_S + estimate.REPORT_OF_MODEL_S
    seconds = [PlanEstimate([found], [CPU], n).seconds for n in (1, 2, 9)]
    assert seconds == [pytest.approx(x + report) for x in (14.0, 10.0, 8.0)]
