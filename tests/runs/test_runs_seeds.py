"""Points that are run on several seeds: which seeds, what is chosen, and what the tables say."""

from __future__ import annotations

import html
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import assert_contains
from scipy import stats
from tiny_experiment import settings

from mmrec.config import read_experiment
from mmrec.errors import ConfigError
from mmrec.evaluation import spread
from mmrec.experiment import run_experiment
from mmrec.planning.plan import make_plan
from mmrec.reporting.results import Results
from mmrec.runs.records import TrialStore
from mmrec.runs.repetitions import spreads
from mmrec.runs.selection import EpochView, PointView, ValidationView, choose
from mmrec.training.objective import Objective

RECALL = Objective("Recall@3", higher_is_better=True)


def entry(**changes: Any) -> dict[str, Any]:
    """Settings without a seed, unless one is given."""
    found = settings(**changes)
    if "seed" not in changes:
        del found["seed"]
    return found


def run(path: Path) -> Results:
    return run_experiment(path, progress=False)


def table(results: Results, name: str, cutoff: int = 3) -> pd.DataFrame:
    (path,) = results.folder.parent.glob(f"rec_{name}_cutoff_{cutoff}_*.tsv")
    return pd.read_csv(path, sep="\t")


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        make_plan(read_experiment(path))
    return str(error.value)


# Which seeds


def test_repeated_seeds_count_up_from_the_experiments(experiment_file):
    models = {"MostPop": {"seed": {"repeat": 3}}, "Random": {"meta": {"seeds": [7, 3]}}}
    plan = make_plan(read_experiment(experiment_file(models, random_seed=100)))
    assert [model.seeds for model in plan.models] == [(100, 101, 102), (7, 3)]
    assert plan.n_trials == 5
    one = make_plan(read_experiment(experiment_file({"MostPop": {"meta": {"seeds": 9}}})))
    assert one.models[0].seeds == (9,)


def test_a_list_of_seeds_is_an_ordinary_dimension(experiment_file):
    results = run(experiment_file({"MostPop": {"seed": [1, 2]}}))
    assert results.trials["seed"].tolist() == [1, 2]
    assert "seeds" not in results.best
    assert not list(results.folder.parent.glob("*_seeds_*"))


@pytest.mark.parametrize(
    ("changes", "key", "facts"),
    [
        ({"meta": {"seeds": [1, 2, 1]}}, "meta.seeds", ["1"]),
        ({"meta": {"seeds": [1, -2]}}, "meta.seeds[1]", ["found -2", "accepted: ", "0"]),
        ({"meta": {"seeds": [1, 2]}, "seed": 3}, "seed", ["meta.seeds"]),
        ({"meta": {"seeds": [1]}, "seed": {"repeat": 2}}, "seed", ["meta.seeds"]),
        ({"seed": {"repeat": 0}}, "seed.repeat", ["found 0", "accepted: ", "1"]),
        ({"seed": {"repeats": 2}}, "seed.repeats", ["'repeat'"]),
        ({"meta": {"pruner": "mean"}}, "meta.pruner", ["found 'mean'"]),
        ({"meta": {"hyper_batch": 0}}, "meta.hyper_batch", ["found 0", "accepted: ", "1"]),
    ],
)
def test_what_is_refused(experiment_file, changes, key, facts):
    message = refused(experiment_file({"LightGCNM": entry(**changes)}))
    assert_contains(message, [f"models.LightGCNM.{key}: ", *facts])


def test_a_point_is_run_on_each_seed_like_a_trial_of_that_seed(experiment_file):
    seeded = run(experiment_file({"LightGCNM": entry(lr=[0.01, 0.02], meta={"seeds": [5, 8]})}))
    listed = run(experiment_file({"LightGCNM": entry(lr=[0.01, 0.02], seed=[5, 8])}))
    columns = ["trial", "lr", "seed", "best_epoch", "nDCG@5", "weights_sha256", "lists_sha256"]
    pd.testing.assert_frame_equal(seeded.trials[columns], listed.trials[columns])
    assert seeded.trials["seed"].tolist() == [5, 8, 5, 8]


# What is chosen


def seen(*values: float | None, status: str = "finished") -> PointView:
    trials = [
        ValidationView(
            status,  # type: ignore[arg-type]
            1,
            () if value is None else (EpochView(1, 0.5, {"Recall@3": value}),),
        )
        for value in values
    ]
    return PointView(tuple(trials))


def test_the_best_point_has_the_best_mean_not_the_best_trial() -> None:
    assert choose([seen(0.9, 0.1, 0.2), seen(0.5, 0.4, 0.6)], RECALL) == 1
    assert choose([seen(0.4, 0.5), seen(0.5, 0.4)], RECALL) == 0  # the first of equals
    assert seen(0.5, 0.4, 0.6).value(RECALL) == pytest.approx(0.5)


def test_a_point_counts_only_if_all_its_seeds_finished() -> None:
    lost = PointView((*seen(0.9).trials, *seen(None, status="failed").trials))
    ended = PointView((*seen(0.9).trials, *seen(0.9, status="pruned").trials))
    assert (lost.status, ended.status) == ("failed", "pruned")
    assert choose([lost, ended, seen(0.1, 0.1)], RECALL) == 2
    assert choose([lost, ended], RECALL) is None
    assert seen(0.5, math.nan).value(RECALL) is None


# What the tables say


def test_mean_deviation_and_interval_by_hand() -> None:
    # 1, 2, 3, 4: mean 2.5, squares of the deviations 5, variance 5/3; t of 3 degrees 3.182446.
    found = spread([1.0, 2.0, 3.0, 4.0])
    assert found[:2] == (4, 2.5)
    assert found.std == pytest.approx(1.2909944)
    assert found.high - 2.5 == pytest.approx(3.182446 * 1.2909944 / 2)
    assert found.low == pytest.approx(5 - found.high)
    low, high = stats.t.interval(0.95, 3, loc=2.5, scale=stats.sem([1, 2, 3, 4]))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_too_few_values_have_no_deviation() -> None:
    assert spread([0.5])[:2] == (1, 0.5)
    assert all(map(math.isnan, spread([0.5])[2:]))
    assert all(map(math.isnan, spread([])[1:]))
    assert all(map(math.isnan, spread([0.5, math.nan])[1:]))
    assert spread([0.5, 0.5])[1:] == (0.5, 0.0, 0.5, 0.5)


def test_tables_of_a_run_on_several_seeds(experiment_file):
    models = {
        "LightGCNM": entry(lr=[0.05, 0.001], meta={"seeds": [1, 2, 3], "save_recs": True}),
        "MostPop": {},
    }
    results = run(experiment_file(models))
    trials = results.trials[results.trials["model"] == "LightGCNM"]
    means = trials.groupby("lr", sort=False)["validation Recall@3"].mean()
    best_lr = means.idxmax()
    of_best = trials[trials["lr"] == best_lr]
    row = results.best.iloc[0]
    assert row["trial"] == of_best["trial"].iloc[0]
    assert of_best["seed"].iloc[0] == 1
    assert row["seeds"] == 3
    for label in ("Recall@3", "nDCG@5"):
        assert row[label] == of_best[label].iloc[0]
        values = of_best[label].to_numpy()
        assert row[f"{label} mean"] == pytest.approx(values.mean())
        assert row[f"{label} std"] == pytest.approx(values.std(ddof=1))
        reach = 4.302653 * values.std(ddof=1) / np.sqrt(3)
        assert row[f"{label} low"] == pytest.approx(values.mean() - reach)
        assert row[f"{label} high"] == pytest.approx(values.mean() + reach)
    assert pd.isna(results.best["seeds"][1])

    points = table(results, "LightGCNM_seeds", 5)
    assert points["seeds"].tolist() == ["1, 2, 3"] * 2
    assert points["finished"].tolist() == [3, 3]
    assert points["lr"].tolist() == [0.05, 0.001]
    assert points["validation Recall@3 mean"].tolist() == pytest.approx(means.tolist())
    expected = trials.groupby("lr", sort=False)["Recall@5"].agg(["mean", "std"])
    assert points["Recall mean"].tolist() == pytest.approx(expected["mean"].tolist())
    assert points["Recall std"].tolist() == pytest.approx(expected["std"].tolist())
    assert "seed" not in points

    every = table(results, "LightGCNM", 5)  # as ever: one row for each trial
    assert every["seed"].tolist() == [1, 2, 3, 1, 2, 3]
    best = pd.read_csv(next(results.folder.parent.glob("rec_cutoff_3_*.tsv")), sep="\t")
    assert list(best) == ["model", "Recall", "nDCG"]
    (facts,) = results.folder.parent.glob("bestmodelparams_*.json")
    assert json.loads(facts.read_text())[1]["configuration"]["seeds"] == [1, 2, 3]

    text = html.unescape(re.sub(r"<[^>]+>", " ", results.report.read_text()))
    page = " ".join(text.split())
    mean, std = row["Recall@3 mean"], row["Recall@3 std"]
    assert f"LightGCNM 3 {mean:.4f} ± {std:.4f}" in page
    assert "(mean over 3 seeds)" in page
    assert "Search over lr." in page
    assert "Search over seed" not in page


def test_seeds_that_fail_are_left_out_of_the_means_and_the_point_does_not_win(experiment_file):
    path = experiment_file()
    (path.parent / "mine.py").write_text(
        "from mmrec.errors import TrialError\n"
        "from mmrec.models import LightGCNM\n"
        "class Shaky(LightGCNM):\n"
        "    def __init__(self, config, dataset):\n"
        "        super().__init__(config, dataset)\n"
        "        if config.seed == 2 and config.lr > 0.005:\n"
        "            raise TrialError('shaken')\n"
    )
    models = {"external.Shaky": entry(lr=[0.02, 0.0001], meta={"seeds": [1, 2, 3]})}
    results = run(experiment_file(models, external_models_path="mine.py"))
    assert results.n_failed == 1
    assert results.best["trial"][0] == results.trials["trial"][3]
    points = table(results, "Shaky_seeds")
    assert points["status"].tolist() == ["failed", "finished"]
    assert points["finished"].tolist() == [2, 3]
    assert math.isnan(points["validation Recall@3 mean"][0])
    two = results.trials["Recall@3"][[0, 2]]
    assert points["Recall mean"][0] == pytest.approx(two.mean())
    assert "shaken" in results.report.read_text()


def test_spreads_leave_out_what_did_not_finish(experiment_file):
    results = run(experiment_file({"Random": {"meta": {"seeds": [1, 2]}}}))
    records = TrialStore(results.folder / "trials.jsonl").read()
    assert spreads(records)["Recall@3 mean"] == pytest.approx(results.trials["Recall@3"].mean())
    assert spreads([]) == {}


def test_no_point_that_finished_is_no_best(experiment_file):
    models = {"LightGCNM": entry(lr=[1e30, 1e31], meta={"seeds": [1, 2]}), "MostPop": {}}
    results = run(experiment_file(models))
    assert results.best["model"].tolist() == ["MostPop"]
    assert table(results, "LightGCNM_seeds")["finished"].tolist() == [0, 0]
    assert "none finished" in results.report.read_text()
