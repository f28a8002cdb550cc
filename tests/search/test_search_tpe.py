"""Runs that search by TPE: the same bits again, in processes, and after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stopping import stop_after
from tiny_experiment import experiment_writer, settings

from mmrec.experiment import run_experiment
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore

META = {"hyper_opt_alg": "tpe", "hyper_max_evals": 7, "hyper_batch": 3, "pruner": "median"}
MODELS: dict[str, Any] = {
    "LightGCNM": settings(
        epochs=8, lr=["loguniform", -8, -1], n_layers=["randint", 3], batch_size=64, meta=META
    ),
    "MostPop": {"seed": [1, 2]},
    "LATTICE": settings(
        top_k=4,
        lr=["loguniform", -8, -1],
        ws=[[8, 8, 8], [8, 8]],
        batch_size=64,
        meta=META | {"hyper_max_evals": 4, "pruner": "none", "seeds": [3, 4]},
    ),
}
del MODELS["LATTICE"]["seed"]
ONE_THREAD = {"threads": 1}


def run(path: Path, **options: Any) -> Results:
    return run_experiment(path, progress=False, **options)


def facts(results: Results) -> pd.DataFrame:
    """What must be equal: the proposals, what became of them, and every bit of it."""
    columns = ["trial", "status", "lr", "n_layers", "seed", "best_epoch", "nDCG@5"]
    return results.trials[[*columns, "validation Recall@3", "weights_sha256", "lists_sha256"]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The results of ``MODELS``, run in one go and in one process."""
    return run(experiment_writer(tmp_path_factory.mktemp("alone"))(MODELS, execution=ONE_THREAD))


def test_runs_agree_alone_and_side_by_side(experiment_file, alone):
    trials = alone.trials
    assert trials["model"].tolist() == ["LightGCNM"] * 7 + ["MostPop"] * 2 + ["LATTICE"] * 8
    assert trials["status"].isin(["finished", "pruned"]).all()
    assert trials["lr"][:7].nunique() == 7
    assert trials["seed"][9:].tolist() == [3, 4] * 4
    path = experiment_file(MODELS, execution=ONE_THREAD)
    pd.testing.assert_frame_equal(facts(run(path, workers=2)), facts(alone))


@pytest.mark.parametrize("steps", [3, 95, 150])
def test_a_resumed_search_has_the_same_proposals(experiment_file, monkeypatch, alone, steps):
    path = experiment_file(MODELS, execution=ONE_THREAD)
    with monkeypatch.context() as patched:
        stop_after(patched, steps)
        with pytest.raises(KeyboardInterrupt, match="of 17 trials"):
            run(path)
    (folder,) = (path.parents[1] / "results/tiny/performance").glob("run_*")
    ended = len(TrialStore(folder / "trials.jsonl").read())
    resumed = run(path)
    assert resumed.folder == folder
    assert len(TrialStore(folder / "trials.jsonl").read()) == 17 > ended
    pd.testing.assert_frame_equal(facts(resumed), facts(alone))


def test_a_failed_proposal_is_recorded_and_the_search_continues(experiment_file):
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 6, "hyper_batch": 2}
    entry = settings(lr=["loguniform", -5, 80], meta=meta)
    results = run(experiment_file({"LightGCNM": entry}))
    assert set(results.trials["status"]) == {"finished", "failed"}
    assert len(results.trials) == 6


def test_a_search_may_end_before_its_limit(experiment_file):
    meta = {"hyper_opt_alg": "tpe", "hyper_max_evals": 6}
    results = run(experiment_file({"LightGCNM": settings(n_layers=["randint", 2], meta=meta)}))
    assert sorted(results.trials["n_layers"]) == [0, 1]
    assert "tpe proposes nothing new after 2 points" in (results.folder / "run.log").read_text()


def test_the_loss_is_minimised(experiment_file):
    meta = {
        "hyper_opt_alg": "tpe",
        "hyper_max_evals": 16,
        "hyper_batch": 2,
        "optimize_internal_loss": True,
    }
    entry = settings(lr=["loguniform", -12, -1], epochs=3, meta=meta)
    results = run(experiment_file({"LightGCNM": entry}))
    rates = results.trials["lr"]
    # Large steps learn most in three epochs, and that is where the later proposals are.
    assert rates[-4:].median() > rates[:10].median()
    losses = [min(record.losses) for record in TrialStore(results.folder / "trials.jsonl").read()]
    assert results.best["trial"][0] == results.trials["trial"][losses.index(min(losses))]
