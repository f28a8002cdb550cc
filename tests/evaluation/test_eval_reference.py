"""All 19 recorded metrics of the reference evaluator, on its real lists."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import metrics_of_cut_lists
from recorded_office import LISTS, OFFICE, SHARED, Office

from mmrec.evaluation import Evaluation, Evaluator, evaluate_file

RECORDED = SHARED / "reference" / "metrics"

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded values (../shared next to the repository) are absent"
)


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, float]]:
    text = (RECORDED / "metrics_lightgcnm.json").read_text(encoding="utf-8")
    return json.loads(text)["expected"]


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    office = Office()
    evaluator = Evaluator(office.train, office.test, metrics_of_cut_lists(), [20, 5, 10], 1)
    return evaluator.evaluate(office.lists)


@pytest.mark.parametrize("cutoff", [5, 10, 20])
def test_recorded_metrics(
    cutoff: int, evaluation: Evaluation, recorded: dict[str, dict[str, float]]
) -> None:
    expected = recorded[str(cutoff)]
    assert len(expected) == 19
    found = {name: evaluation.figures[f"{name}@{cutoff}"] for name in expected}
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_recorded_metrics_from_a_recommendation_file(
    recorded: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    with np.load(LISTS) as lists:
        users, items = lists["user"], lists["item"]
    # Ranks as scores: one pair of equal scores stands in descending order of its items there.
    scores = np.tile(-np.arange(20.0), len(users))
    rows = pd.DataFrame({"user": np.repeat(users, 20), "item": items.ravel(), "score": scores})
    write(rows.sample(frac=1, random_state=0), tmp_path / "recs.tsv")
    train, test = (
        pd.read_csv(OFFICE / f"{name}.txt", sep="\t", header=None) for name in ("train", "test")
    )
    write(test[test[1].isin(train[1])], tmp_path / "test.tsv")  # as the reference was run

    found = evaluate_file(
        tmp_path / "recs.tsv",
        OFFICE / "train.txt",
        tmp_path / "test.tsv",
        metrics=list(recorded["5"]),
        cutoffs=[5, 10, 20],
        relevance_threshold=1,
    )
    expected = {f"{name}@{k}": value for k in recorded for name, value in recorded[k].items()}
    assert found.figures == pytest.approx(expected, rel=1e-9, abs=0)
    assert found.n_users == 4898
    assert found.n_users_without_list == 0
    assert found.ignored_rows == {
        "user not in the training split": 0,
        "user without test items": 7 * 20,
        "past the last cutoff": 0,
    }
    assert set(found.kept_rows.values()) == {0}


def write(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, sep="\t", header=False, index=False)
