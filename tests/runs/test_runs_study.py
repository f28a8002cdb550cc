"""The questions that a study answers about its records."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from studies import make_study

from mmrec.runs.records import TrialRecord


def trial(
    index: int, values: list[float], losses: list[float], **parameters: object
) -> TrialRecord:
    """A trial that was evaluated after every epoch; the best is that of the largest value."""
    history = [
        {"epoch": n, "loss": loss, "validation": {"Recall@20": value}, "test": {}}
        for n, (value, loss) in enumerate(zip(values, losses, strict=True), 1)
    ]
    best = max(range(len(values)), key=values.__getitem__)
    return TrialRecord(
        *(str(index), f"M_{index}", "M", index, parameters, "finished"),
        best_epoch=best + 1,
        validation={"Recall@20": values[best]},
        history=history,
        losses=losses,
    )


RECORDS = [
    trial(0, [0.1, 0.2, 0.15], [3.0, 2.0, 1.0], lr=0.1, cf="mf", seed=1),
    trial(1, [0.3, 0.5, 0.4], [3.0, 2.5, 2.4], lr=0.01, cf="mf", seed=1),
    trial(2, [0.2, 0.3, 0.4], [4.0, 2.0, 1.5], lr=0.01, cf="ngcf", seed=1),
    TrialRecord("3", "M_3", "M", 3, {"lr": 0.1, "cf": "ngcf", "seed": 1}, "failed", "no"),
]


@pytest.mark.parametrize(
    ("by", "values", "order"),
    [
        ("Recall@20", [0.2, 0.5, 0.4, None], [1, 2, 0]),
        ("loss", [2.0, 2.5, 1.5, None], [2, 0, 1]),  # of the best epoch
        ("nDCG@20", [None] * 4, []),
    ],
)
def test_values_and_ranks(by: str, values: list[float | None], order: list[int]) -> None:
    study = make_study(RECORDS, by)
    assert [study.value(record) for record in RECORDS] == values
    assert [record.index for record in study.ranked] == order


def test_equal_values_rank_in_the_order_of_the_search() -> None:
    equal = [trial(n, [0.1], [1.0]) for n in range(3)]
    assert [record.index for record in make_study(equal).ranked] == [0, 1, 2]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_has_no_rank(value: float) -> None:
    study = make_study([trial(0, [value], [1.0])])
    assert study.value(study.records[0]) is None
    assert study.ranked == []


def test_levels_of_a_hyper_parameter() -> None:
    study = make_study(RECORDS)
    assert study.levels("lr") == [0.01, 0.1]
    assert study.levels("cf") == ["mf", "ngcf"]
    lists = [trial(n, [0.1], [1.0], m=m) for n, m in enumerate((["v", "t"], ["v"], ["v", "t"]))]
    assert make_study(lists).levels("m") == [["v", "t"], ["v"]]


def test_searched_tried_and_fixed_hyper_parameters() -> None:
    study = make_study(RECORDS, searched=("cf", "seed"))
    assert study.searched == ["cf", "seed", "lr"]  # lr differs, though it was not searched
    assert study.tried == ["cf", "lr"]
    assert make_study(RECORDS).fixed == {"seed": "1"}
    assert make_study([]).fixed == {}


def test_best_value_of_each_pair() -> None:
    study = make_study(RECORDS)
    pairs = study.best_points("lr", "cf")
    assert {pair: study.mean_value(trials) for pair, trials in pairs.items()} == {
        ("0.01", "'mf'"): 0.5,
        ("0.01", "'ngcf'"): 0.4,
        ("0.1", "'mf'"): 0.2,
        ("0.1", "'ngcf'"): None,
    }


def repeated(index: int, values: list[float], *, pruned: bool = False) -> list[TrialRecord]:
    """The trials of a point on the seeds 1, 2, ..., of which the last may have been pruned."""
    trials = [trial(10 * index + n, [x], [1.0], lr=index, seed=n) for n, x in enumerate(values, 1)]
    return [*trials[:-1], replace(trials[-1], status="pruned")] if pruned else trials


def test_points_are_ranked_by_their_means_those_that_finished_first() -> None:
    points = [
        repeated(0, [0.0, 0.0]),
        repeated(1, [0.2, 0.4]),
        repeated(2, [0.9, 0.9], pruned=True),
        repeated(3, [math.nan, 0.9]),
        repeated(4, [0.1, 0.7]),
    ]
    study = make_study([record for trials in points for record in trials], points=points)
    means = [0.0, pytest.approx(0.3), None, None, pytest.approx(0.4)]
    assert [study.point_value(trials) for trials in points] == means
    assert study.mean_value(points[2]) == pytest.approx(0.9)
    assert [points.index(trials) for trials in study.ranked_points] == [4, 1, 0, 2, 3]
    assert study.best is points[4][0]
    deviations = [study.point_deviation(trials) for trials in points]
    assert deviations == pytest.approx([0, 0.2 / 2**0.5, 0, None, 0.6 / 2**0.5])
    assert study.point_deviation(points[0][:1]) is None


def test_seeds_that_were_repeated_are_no_hyper_parameter() -> None:
    points = [repeated(n, [0.1, 0.2]) for n in range(2)]
    study = make_study([record for trials in points for record in trials], points=points)
    assert study.searched == ["lr", "seed"]
    assert study.tried == ["lr"]
    assert study.is_repeated
    assert study.repetitions == {"seeds": 2}
    single = make_study(points[0][:1], points=[points[0][:1]])
    assert not single.is_repeated
    assert single.repetitions == {}
