"""Ending trials early: the thresholds by hand, and runs that prune."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tiny_experiment import settings

from mmrec.experiment import run_experiment
from mmrec.runs.records import TrialStore
from mmrec.runs.selection import EpochView, ValidationView
from mmrec.search.pruning import Pruning, set_thresholds
from mmrec.training.objective import Objective
from mmrec.training.protocol import EpochRecord

RECALL = Objective("Recall@5", higher_is_better=True)
LOSS = Objective("loss", higher_is_better=False)


def trial(*values: float, status: str = "finished", rate: int = 1) -> ValidationView:
    epochs = tuple(
        EpochView(rate * n, value, {"Recall@5": value}) for n, value in enumerate(values, 1)
    )
    return ValidationView(status, len(values), epochs)  # type: ignore[arg-type]


def thresholds(
    pruner: Any, *earlier: ValidationView, by: Objective = RECALL, **changes: int
) -> Any:
    options = {"epochs": 4, "validation_rate": 1} | changes
    return set_thresholds(pruner, earlier, by, **options)


def test_the_median_of_the_best_values_so_far() -> None:
    earlier = [trial(1, 5, 2, 9), trial(4, 3, 6, 9), trial(2, 2, 2, 9), trial(3, 1, 8, 9)]
    # Best so far: epoch 1: 1 4 2 3; epoch 2: 5 4 2 3; epoch 3: 5 6 2 8. None at the last epoch.
    assert thresholds("median", *earlier) == {1: 2.5, 2: 3.5, 3: 5.5}
    assert thresholds("none", *earlier) == {}


def test_less_is_better_for_the_loss() -> None:
    earlier = [trial(9, 5), trial(8, 6), trial(7, 9), trial(6, 1)]
    assert thresholds("median", *earlier, by=LOSS, epochs=3) == {1: 7.5, 2: 5.5}
    assert thresholds("halving", *earlier, by=LOSS, epochs=3) == {1: 7.0}


def test_a_quarter_of_the_epochs_is_free_of_the_median() -> None:
    earlier = [trial(*range(20), rate=2)] * 4
    assert list(thresholds("median", *earlier, epochs=40, validation_rate=2)) == list(
        range(10, 40, 2)
    )


def test_fewer_than_four_trials_set_no_bar() -> None:
    assert thresholds("median", *[trial(1, 2, 3, 4)] * 3) == {}
    pruned, failed = trial(1, 2, status="pruned"), trial(status="failed")
    assert thresholds("median", *[trial(1, 2, 3, 4)] * 3, pruned, failed) == {1: 1.0, 2: 2.0}


def test_a_trial_that_ended_by_itself_counts_on_and_a_pruned_one_does_not() -> None:
    early = [trial(7), trial(1, 1, 1, 1), trial(1, 1, 1, 1), trial(1, 1, 1, 1)]
    assert thresholds("halving", *early, epochs=3) == {1: 1}
    stopped = [trial(7)] * 3 + [trial(9, status="pruned"), trial(1, 1, 1, 1)]
    assert thresholds("median", *stopped) == {1: 7, 2: 7, 3: 7}


def test_halving_looks_twice_and_keeps_a_third() -> None:
    earlier = [trial(*(n + epoch / 100 for epoch in range(90))) for n in range(7)]
    # Of seven, three are a third: the threshold is the third best, number 4.
    found = thresholds("halving", *earlier, epochs=90)
    assert found == {10: 4.09, 30: 4.29}
    assert list(thresholds("halving", *earlier, epochs=90, validation_rate=20)) == [20, 40]
    assert list(thresholds("halving", *earlier, epochs=90, validation_rate=60)) == [60]
    assert thresholds("halving", *earlier, epochs=90, validation_rate=90) == {}


def records(*values: float) -> list[EpochRecord]:
    return [EpochRecord(n, value, {"Recall@5": value}) for n, value in enumerate(values, 1)]


def test_a_trial_ends_when_its_best_value_is_below_the_threshold() -> None:
    pruning = Pruning(RECALL, {2: 0.5, 3: 0.5})
    assert pruning.pruned_at(records(0.1)) is None
    assert pruning.pruned_at(records(0.1, 0.5)) is None  # as good as the threshold
    assert pruning.pruned_at(records(0.6, 0.1, 0.1)) is None  # was better before
    assert pruning.pruned_at(records(0.1, 0.4)) == 2
    assert pruning.pruned_at(records(float("nan"), float("nan"))) == 2
    assert Pruning(LOSS, {1: 0.5}).pruned_at(records(0.6)) == 1
    assert Pruning(LOSS, {1: 0.5}).pruned_at(records(0.5)) is None


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_a_run_prunes_by_the_batches_before(experiment_file, pruner):
    rates = [0.05, 0.02, 0.01, 0.03, 1e-4, 0.04, 0.3, 0.005, 0.9, 0.06]
    entry = settings(epochs=9, lr=rates, meta={"pruner": pruner, "save_weights": True})
    results = run_experiment(experiment_file({"LightGCNM": entry}), progress=False)
    records = TrialStore(results.folder / "trials.jsonl").read()
    views = [ValidationView.of(record) for record in records]
    by = Objective("Recall@3", higher_is_better=True)
    for number, (record, seen) in enumerate(zip(records, views, strict=True)):
        earlier = views[: number // 4 * 4]
        held = set_thresholds(pruner, earlier, by, epochs=9, validation_rate=1)
        below = [n for n, threshold in held.items() if n <= seen.last_epoch]
        below = [n for n in below if seen.best_until(n, by) < held[n]]
        assert (record.status == "pruned") == bool(below)
        assert record.pruned_at == (below[0] if below else None)
        assert len(record.losses) == record.history[-1]["epoch"] == (record.pruned_at or 9)
    n_pruned = sum(record.status == "pruned" for record in records)
    assert n_pruned > 0
    assert results.n_failed == 0
    page = " ".join(re.sub(r"<[^>]+>", " ", results.report.read_text()).split())
    assert f"{10 - n_pruned} finished and {n_pruned} w" in page
    table = next(results.folder.parent.glob("rec_LightGCNM_*.tsv")).read_text()
    assert len(table.splitlines()) == 1 + 10 - n_pruned


def test_a_pruned_trial_never_wins(experiment_file, monkeypatch):
    """Not even if it would be best by its figures so far."""
    monkeypatch.setattr(
        "mmrec.execution.runner.set_thresholds",
        lambda pruner, earlier, *a, **k: {1: 2.0} if earlier else {},
    )
    entry = settings(lr=[0.05, 1e-7], meta={"pruner": "median", "hyper_batch": 1})
    results = run_experiment(experiment_file({"LightGCNM": entry}), progress=False)
    assert results.trials["status"].tolist() == ["finished", "pruned"]
    values = results.trials["validation Recall@3"]
    assert values[1] > values[0]
    assert results.best["trial"][0] == results.trials["trial"][0]


def test_nothing_is_pruned_that_has_no_epochs(experiment_file):
    models = {"MostPop": {"seed": [1, 2, 3, 4, 5, 6], "meta": {"pruner": "median"}}}
    results = run_experiment(experiment_file(models), progress=False)
    assert set(results.trials["status"]) == {"finished"}
