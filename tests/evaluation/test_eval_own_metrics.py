"""Metrics of the user's own file, from the configuration to the tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal
from tiny_experiment import Write, change

from mmrec import run_experiment
from mmrec.config import read_experiment
from mmrec.errors import ConfigError, ModelError
from mmrec.evaluation import METRICS, Evaluator, JudgedLists, Ranking, find_metric, metric
from mmrec.planning.plan import make_plan
from mmrec.registry import activate_external
from mmrec.runs.finished import FinishedRun
from mmrec.runs.studies import read_studies
from mmrec.training.objective import Objective

OWN = """
from mmrec.data import FloatArray
from mmrec.evaluation import JudgedLists, metric


@metric("FirstHit")
def first_hit(lists: JudgedLists) -> FloatArray:
    "1 if the first item is a hit, else 0, [V]."
    return lists.hits[:, 0].astype(float)


@metric("Repetition", over=None, higher_is_better=False)
def repetition(lists: JudgedLists) -> float:
    "The mean number of lists that contain an item."
    return float(lists.item_counts[lists.item_counts > 0].mean())
"""


@pytest.fixture
def own_file(experiment_file: Write) -> Path:
    """An experiment with two metrics of its own."""
    evaluation = {"simple_metrics": ["firsthit", "Recall", "Repetition"], "cutoffs": [1, 5]}
    path = experiment_file(evaluation=evaluation, external_models_path="own.py")
    (path.parent / "own.py").write_text(OWN)
    return path


def test_own_metrics_are_computed_and_can_select(own_file: Path) -> None:
    content = {"MostPop": {"meta": {"validation_metric": "Repetition@5"}}, "Random": {}}
    results = run_experiment(change(own_file, models=content), progress=False)
    best = results.best.set_index("model")
    assert (best["FirstHit@5"] == best["FirstHit@1"]).all()
    assert best.loc["MostPop", "Repetition@5"] > 1
    manifest = json.loads((results.folder / "manifest.json").read_text())
    assert "FirstHit@1" in str(manifest)


def test_own_metrics_belong_to_the_experiment_that_names_their_file(
    own_file: Path, experiment_file: Write
) -> None:
    assert make_plan(read_experiment(own_file)).metrics == ("FirstHit", "Recall", "Repetition")
    other = change(own_file, external_models_path="other.py")
    (own_file.parent / "other.py").write_text(OWN.replace("FirstHit", "FirstMiss"))
    message = refusal(ConfigError, make_plan, read_experiment(other))
    assert_contains(message, ["simple_metrics[0]", "'firsthit'", "did you mean 'FirstMiss'?"])
    again = change(own_file, external_models_path="own.py")
    assert make_plan(read_experiment(again)).metrics[0] == "FirstHit"
    without = experiment_file(evaluation={"simple_metrics": "FirstHit"})
    assert "unknown metric 'FirstHit'" in refusal(ConfigError, make_plan, read_experiment(without))


def test_a_finished_run_knows_the_directions_of_its_metrics_without_their_file(
    own_file: Path,
) -> None:
    content = {"MostPop": {"meta": {"validation_metric": "Repetition@5"}}, "Random": {}}
    folder = run_experiment(change(own_file, models=content), progress=False).folder
    activate_external(None)
    first, _ = read_studies(FinishedRun.open(folder))
    assert first.objective == Objective("Repetition@5", higher_is_better=False)
    assert first.settings.objective_of("FirstHit@1").higher_is_better


def test_a_name_of_a_built_in_metric_is_refused(own_file: Path) -> None:
    (own_file.parent / "own.py").write_text(OWN.replace("FirstHit", "recall"))
    message = refusal(ConfigError, make_plan, read_experiment(own_file))
    assert_contains(message, ["external_models_path", "'recall'", "already defined"])


@pytest.fixture
def _isolated():
    with METRICS.isolated():
        yield


@pytest.mark.usefixtures("_isolated")
@pytest.mark.parametrize(("over", "shape"), [("held-out", "(1,)"), (None, "(3,)")])
def test_values_of_the_wrong_shape_are_refused(over: str | None, shape: str) -> None:
    from test_eval_evaluator import HELD_OUT, TRAIN

    @metric("Odd", over=over)
    def odd(lists: JudgedLists) -> np.ndarray:
        return np.zeros(3 if over is None else 1)

    assert find_metric("odd").function is odd
    ranking = Ranking(np.zeros((3, 1), np.int64), np.zeros((3, 1), np.float32))
    evaluator = Evaluator(TRAIN, HELD_OUT, ["Odd"], [1])
    assert_contains(refusal(ModelError, evaluator.evaluate, ranking), ["Odd", shape])
