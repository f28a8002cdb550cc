"""The importance of hyper-parameters."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import refusal
from studies import make_data, make_study
from tiny_experiment import Write, settings

from mmrec.errors import DataError
from mmrec.experiment import run_experiment
from mmrec.reporting import importance
from mmrec.reporting.importance import FANOVA, LEAST_POINTS, MOST_POINTS, VARIANCE, importance_of
from mmrec.reporting.report import rebuild_report
from mmrec.reporting.sections.importance import importance_notes, importance_plots
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study


def trial(index: int, value: float | None, **parameters: object) -> TrialRecord:
    """A trial with a value, or one that failed."""
    if value is None:
        return TrialRecord(str(index), f"M_{index}", "M", index, parameters, "failed", "no")
    epoch = {"epoch": 1, "loss": 1.0, "validation": {"Recall@20": value}, "test": {}}
    return TrialRecord(
        *(str(index), f"M_{index}", "M", index, parameters, "finished"),
        best_epoch=1,
        validation={"Recall@20": value},
        history=[epoch],
        losses=[1.0],
    )


def grid(value_of: dict[tuple[object, object], float]) -> Study:
    """A study with a trial for each pair of two parameters."""
    records = [trial(n, value, a=a, b=b) for n, ((a, b), value) in enumerate(value_of.items())]
    return make_study(records, best=records[0])


PAIRS = list(product([1, 2, 3], ["x", "y", "z", "w"]))
ADDITIVE = {(a, b): 0.1 * a + (0.01 if b == "x" else 0.0) for a, b in PAIRS}


@pytest.fixture
def without_fanova(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "find_spec", lambda name: None)


@pytest.mark.usefixtures("without_fanova")
def test_without_fanova_it_is_the_variance_between_levels_by_hand() -> None:
    found = importance_of(grid(ADDITIVE))
    values = np.array(list(ADDITIVE.values())).reshape(3, 4)
    total = ((values - values.mean()) ** 2).sum()
    expected = {
        "a": 4 * ((values.mean(axis=1) - values.mean()) ** 2).sum() / total,
        "b": 3 * ((values.mean(axis=0) - values.mean()) ** 2).sum() / total,
    }
    assert found.method == VARIANCE
    assert found.n_points == 12
    assert found.shares == pytest.approx(expected)
    assert list(found.shares) == ["a", "b"]
    assert sum(expected.values()) == pytest.approx(1)  # without an interaction


@pytest.mark.usefixtures("without_fanova")
def test_the_levels_of_a_number_drawn_at_random_are_joined_to_groups() -> None:
    draw = random.Random(0)
    points = [(draw.random(), draw.random()) for _ in range(40)]
    records = [trial(n, a, a=a, noise=b) for n, (a, b) in enumerate(points)]
    found = importance_of(make_study(records, best=records[0]))
    share, noise = found.shares["a"], found.shares["noise"]
    assert share is not None
    assert noise is not None
    assert 0.85 < share < 1  # four groups of ten
    assert noise < 0.3


@pytest.mark.usefixtures("without_fanova")
def test_a_category_with_a_level_for_each_point_has_no_share() -> None:
    records = [trial(n, n / 20, a=n % 2, name=f"v{n}") for n in range(12)]
    found = importance_of(make_study(records, best=records[0]))
    assert found.shares["name"] is None
    (plot,) = importance_plots(make_data([study := make_study(records, best=records[0])]), study)
    assert [row[1].text for row in plot.data.rows][1] == "\N{EN DASH}"


def test_fanova_finds_the_parameter_that_matters_and_repeats_itself() -> None:
    found = importance_of(grid(ADDITIVE))
    assert found.method == FANOVA
    assert list(found.shares) == ["a", "b"]
    share = found.shares["a"]
    assert share is not None
    assert share > 0.7
    assert importance_of(grid(ADDITIVE)) == found


def test_fanova_does_not_depend_on_the_scale_of_a_number() -> None:
    logarithmic = {(10.0 ** (-3 * a), b): value for (a, b), value in ADDITIVE.items()}
    one, other = importance_of(grid(ADDITIVE)), importance_of(grid(logarithmic))
    assert other.shares["a"] == pytest.approx(one.shares["a"], abs=0.05)


def test_global_generators_are_left_alone() -> None:
    states = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    importance_of(grid(ADDITIVE))
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002


@pytest.mark.usefixtures("without_fanova")
def test_points_on_several_seeds_count_by_their_means() -> None:
    points = []
    for n, ((a, b), value) in enumerate(ADDITIVE.items()):
        noise = 0.01 * n
        points.append(
            [
                trial(2 * n + i, value + sign * noise, a=a, b=b, seed=i)
                for i, sign in enumerate((1, -1))
            ]
        )
    records = [record for trials in points for record in trials]
    repeated = make_study(records, points=points)
    found = importance_of(repeated)
    assert found.n_points == 12
    assert found.shares == pytest.approx(importance_of(grid(ADDITIVE)).shares)
    (plot,) = importance_plots(make_data([repeated]), repeated)
    assert "mean validation Recall@20" in plot.caption


def test_a_small_search_has_a_reason_instead() -> None:
    few = grid(dict(list(ADDITIVE.items())[: LEAST_POINTS - 1]))
    assert f"{LEAST_POINTS} finished points" in refusal(DataError, importance_of, few)
    data = make_data([few])
    assert list(importance_plots(data, few)) == []
    (note,) = importance_notes(data, few)
    assert f"there are {LEAST_POINTS - 1} points" in note


def test_failed_points_do_not_count() -> None:
    records = [trial(n, 0.1 * n, a=n % 3, b=n % 2) for n in range(LEAST_POINTS - 1)]
    records += [trial(20 + n, None, a=n, b=n) for n in range(5)]
    refusal(DataError, importance_of, make_study(records, best=records[0]))


def test_equal_values_have_no_importance() -> None:
    refusal(DataError, importance_of, grid(dict.fromkeys(ADDITIVE, 0.5)))


def test_one_parameter_has_neither_importance_nor_a_note() -> None:
    records = [trial(n, 0.1 * n, a=n) for n in range(12)]
    study = make_study(records, best=records[0])
    data = make_data([study])
    assert list(importance_plots(data, study)) == []
    assert importance_notes(data, study) == []


def test_a_long_search_uses_variances() -> None:
    records = [trial(n, n % 7 / 7, a=n % 3, b=n % 2) for n in range(MOST_POINTS + 1)]
    assert importance_of(make_study(records, best=records[0])).method == VARIANCE


@pytest.mark.usefixtures("figures")
def test_a_run_has_the_table_and_a_rebuilt_one_the_same(experiment_file: Write) -> None:
    model = settings(lr=[0.001, 0.01, 0.02], factors=[2, 4], n_layers=[1, 2], epochs=1)
    results = run_experiment(experiment_file({"LightGCN": model}), progress=False)
    path = results.folder / "importance.tsv"
    table = pd.read_csv(path, sep="\t")
    assert set(table["parameter"]) == {"lr", "factors", "n_layers"}
    assert set(table["points"]) == {12}
    assert table["importance"].between(0, 1).all()
    assert table["importance"].is_monotonic_decreasing
    assert "Importance of the hyper-parameters" in results.report.read_text()
    before = {file: file.read_bytes() for file in (path, results.report)}
    rebuild_report(results.folder)
    assert {file: file.read_bytes() for file in before} == before
    bars = results.plot.importance("LightGCN")
    assert [patch.get_width() for patch in bars.patches] == pytest.approx(list(table["importance"]))


@pytest.mark.usefixtures("figures")
def test_a_run_without_a_search_has_no_table(experiment_file: Write) -> None:
    results = run_experiment(experiment_file({"MostPop": {}}), progress=False)
    assert not Path(results.folder / "importance.tsv").exists()
