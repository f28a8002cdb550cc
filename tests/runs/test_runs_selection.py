"""Nothing is selected, proposed or pruned by a test figure."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_experiment import settings

from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialRecord, TrialStore
from mmrec.runs.selection import PointView, ValidationView, choose
from mmrec.search.pruning import set_thresholds
from mmrec.training.objective import Objective
from mmrec.training.trainer import Trainer

RECALL = Objective("Recall@3", higher_is_better=True)
SPLITS = ("train", "val", "test")
GARBAGE = [math.nan, -math.inf, 1e9]


def run(path: Path) -> Results:
    return run_experiment(path, progress=False)


def record(index: int, *values: float, status: Any = "finished") -> TrialRecord:
    history = [
        {"epoch": n, "loss": 1 / n, "validation": {"Recall@3": v}, "test": {"Recall@3": 1 - v}}
        for n, v in enumerate(values, 1)
    ]
    best = values.index(max(values)) + 1 if values else None
    return TrialRecord(
        f"id{index}", f"M_{index}", "M", index, {}, status, best_epoch=best, history=history
    )


def garbled(found: TrialRecord, garbage: float) -> TrialRecord:
    history = [epoch | {"test": {"Recall@3": garbage}} for epoch in found.history]
    return replace(found, test={"Recall@3": garbage}, history=history)


def point(*records: TrialRecord) -> PointView:
    return PointView(tuple(map(ValidationView.of, records)))


@pytest.mark.parametrize("garbage", GARBAGE)
def test_choices_are_the_same_whatever_the_test_figures(garbage: float) -> None:
    values = [(0.1, 0.4), (0.5, 0.2), (0.3, 0.5), (0.2, 0.1), (0.4, 0.4)]
    records = [record(n, *v) for n, v in enumerate(values)]
    views = [point(r) for r in records]
    others = [point(garbled(r, garbage)) for r in records]
    assert others == views
    assert choose(views, RECALL) == choose(others, RECALL) == 1  # the first of equals
    first, second = (
        set_thresholds(
            "median", [t for v in some for t in v.trials], RECALL, epochs=3, validation_rate=1
        )
        for some in (views, others)
    )
    assert first == second != {}


def test_a_view_holds_no_test_figure() -> None:
    marked = garbled(record(0, 0.25, 0.5), 1e9)
    assert str(1e9) in repr(marked)
    assert str(1e9) not in repr(ValidationView.of(marked))
    views = {f.name for f in dataclasses.fields(ValidationView)}
    assert views == {"status", "best_epoch", "epochs"}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_run_goes_the_same_way_whatever_its_test_figures(experiment_file, monkeypatch, garbage):
    """Epochs, early stopping, proposals, pruning and the best trial: all by validation."""
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 12, "pruner": "median"}
    models = {
        "LightGCNM": settings(
            epochs=8,
            lr=["loguniform", -9, -1],
            batch_size=64,
            meta=meta,
            early_stopping={"patience": 4},
        ),
        "LATTICE": settings(top_k=4, lr=[0.01, 0.05], seed={"repeat": 2}),
    }
    path = experiment_file(models)
    honest = run(path)
    train = Trainer.run

    def blind(self: Trainer, *given: Any, **named: Any) -> Any:
        outcome = train(self, *given, **named)
        return replace(outcome, test=dict.fromkeys(outcome.test, garbage))

    monkeypatch.setattr(Trainer, "run", blind)
    blinded = run(path)
    reported = [
        "trial",
        "status",
        "lr",
        "seed",
        "best_epoch",
        "validation Recall@3",
        "weights_sha256",
    ]
    pd.testing.assert_frame_equal(blinded.trials[reported], honest.trials[reported])
    assert "pruned" in set(honest.trials["status"])
    assert blinded.best["trial"].tolist() == honest.best["trial"].tolist()
    for one, other in zip(*(lines(results) for results in (honest, blinded)), strict=True):
        assert [e["epoch"] for e in one.history] == [e["epoch"] for e in other.history]


def test_other_test_data_change_no_choice(experiment_file):
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 8, "pruner": "median"}
    models = {
        "LightGCNM": settings(epochs=8, lr=["loguniform", -9, -1], batch_size=64, meta=meta),
        "MostPop": {},
    }
    path = experiment_file(models)
    honest = run(path)
    data = path.parents[1] / "data" / "tiny"
    splits = {name: pd.read_csv(data / f"{name}.txt", sep="\t", header=None) for name in SPLITS}
    taken = pd.concat(splits.values()).groupby(0)[1].apply(set)
    others = {user: min(set(range(0, 200, 10)) - items) for user, items in taken.items()}
    (data / "test.txt").write_text("".join(f"{u}\t{i}\t1\n" for u, i in others.items()))
    other = run(path)
    assert not set(other.trials["trial"]) & set(honest.trials["trial"])
    assert other.trials["Recall@3"].tolist() != honest.trials["Recall@3"].tolist()
    reported = ["status", "lr", "best_epoch", "validation Recall@3", "weights_sha256"]
    pd.testing.assert_frame_equal(other.trials[reported], honest.trials[reported])
    assert [t.losses for t in lines(other)] == [t.losses for t in lines(honest)]
    places = [r.trials["trial"].tolist().index(r.best["trial"][0]) for r in (honest, other)]
    assert places[0] == places[1]


def lines(results: Results) -> list[TrialRecord]:
    return TrialStore(results.folder / "trials.jsonl").read()


def test_values_that_are_missing_rank_last() -> None:
    nothing, low, failed = record(0, math.nan), record(1, 0.1), record(2, status="failed")
    assert choose([point(nothing), point(low), point(failed)], RECALL) == 1
    assert choose([point(failed), point(nothing)], RECALL) == 1
    assert choose([point(failed)], RECALL) is None
    assert choose([], RECALL) is None
    assert choose([point(record(0, 0.9, status="pruned")), point(low)], RECALL) == 1
    loss = Objective.of("loss")
    assert choose([point(record(0, 0.1)), point(record(1, 0.1, 0.2))], loss) == 1


def test_directions_are_the_metrics_own() -> None:
    assert Objective.of("Recall@5").higher_is_better
    assert not Objective.of("loss").higher_is_better
    assert Objective.of("loss").worst == math.inf
