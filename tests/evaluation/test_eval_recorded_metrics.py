"""All values recorded from the other metrics of the reference evaluators, on its real lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from recorded_office import SHARED, Office

from mmrec.evaluation import ComplexMetric, Evaluator, read_complex_metrics

RECORDED = SHARED / "models" / "metrics"
OF_RATINGS = {"MAE", "MSE", "RMSE", "UserMADrating", "ItemMADrating"}
N_VALUES = {"lists": 516, "short_lists": 573, "threshold_4": 573, "full_lists": 9}
"""All 1,752 values but those of predicted ratings, and of AUC and GAUC on lists that are cut."""

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the recorded values (../shared next to the repository) are absent"
)


@pytest.fixture(scope="module")
def office() -> Office:
    return Office()


def cases(section: str) -> list[dict[str, Any]]:
    content = json.loads((RECORDED / "more_metrics.json").read_text(encoding="utf-8"))
    refused = OF_RATINGS if section == "full_lists" else OF_RATINGS | {"AUC", "GAUC"}
    found = [case for case in content["cases"] if case["section"] == section]
    return [case for case in found if case["metric"] not in refused]


def rounds(found: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Divide cases so that the names of the outputs differ within each part."""
    left = found
    while left:
        chosen: dict[str, dict[str, Any]] = {}
        later = []
        for case in left:
            names = list(case["expected"]["5"])
            if any(name in chosen for name in names):
                later.append(case)
            else:
                chosen |= dict.fromkeys(names, case)
        yield list({id(case): case for case in chosen.values()}.values())
        left = later


def configured(found: list[dict[str, Any]]) -> tuple[ComplexMetric, ...]:
    entries = [absolute(case["entry"]) for case in found if case["kind"] == "complex"]
    return read_complex_metrics(entries) if entries else ()


def absolute(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        key: str(RECORDED / value) if key.endswith("_file") or key == "feature_data" else value
        for key, value in entry.items()
    }


@pytest.mark.parametrize("section", N_VALUES)
def test_recorded_values(section: str, office: Office) -> None:
    found = cases(section)
    ranking, held_out = office.lists, office.test
    if section == "short_lists":
        ranking = office.short()
    elif section == "full_lists":
        held_out, ranking = office.complete(300)
    threshold = 4 if section == "threshold_4" else 1
    n_values = 0
    for part in rounds(found):
        simple = [case["metric"] for case in part if case["kind"] == "simple"]
        evaluator = Evaluator(
            office.train,
            held_out,
            simple or ["Recall"],
            [5, 10, 20],
            threshold,
            complex_metrics=configured(part),
            ids=office.ids,
        )
        figures = evaluator.evaluate(ranking).figures
        expected = {
            f"{name}@{cutoff}": value
            for case in part
            for cutoff, values in case["expected"].items()
            for name, value in values.items()
        }
        assert {name: figures[name] for name in expected} == pytest.approx(
            expected, rel=1e-9, abs=0
        )
        n_values += len(expected)
    assert n_values == N_VALUES[section]
