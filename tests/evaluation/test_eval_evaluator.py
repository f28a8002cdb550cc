"""The evaluator: what it reports, whom it counts, what it refuses."""

from __future__ import annotations

from math import isnan, log2

import numpy as np
import pytest
from helpers import metrics_of_cut_lists

from mmrec.data import COLD, Interactions
from mmrec.errors import ConfigError, DataError, ModelError
from mmrec.evaluation import (
    METRICS,
    Evaluator,
    Ranking,
    figure_name,
    find_metric,
    metric_of,
    on_hits,
)


def split(
    *rows: tuple[int, int] | tuple[int, int, float], n_users: int = 3, n_items: int = 4
) -> Interactions:
    users, items = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    ratings = np.array([row[2] if len(row) == 3 else 1.0 for row in rows])
    return Interactions.from_arrays(users, items, n_users, n_items, ratings)


def lists(*rows: list[int]) -> Ranking:
    items = np.array(rows, np.int64)
    return Ranking(items, np.where(items < 0, -np.inf, 1).astype(np.float32))


TRAIN = split((0, 0), (1, 1), (2, 2), (2, 3))
HELD_OUT = split((0, 1), (1, 0), (2, 0))
LISTS = lists([1, 2], [2, 3], [0, 1])


def test_figures_are_ordered_by_metric_then_by_cutoff_without_repetition() -> None:
    evaluator = Evaluator(TRAIN, HELD_OUT, ["ndcg", "GINI", "recall", "nDCG"], [2, 1, 2])
    evaluation = evaluator.evaluate(LISTS)
    assert list(evaluation.figures) == [
        *("nDCG@1", "nDCG@2"),
        *("Gini@1", "Gini@2"),
        *("Recall@1", "Recall@2"),
    ]
    assert list(evaluation.per_user) == ["nDCG@1", "nDCG@2", "Recall@1", "Recall@2"]
    assert {type(value) for value in evaluation.figures.values()} == {float}
    assert Evaluator(TRAIN, HELD_OUT, ["Recall"], [16, 1, 8]).cutoffs == (1, 8, 16)


def test_equal_rankings_get_equal_bits() -> None:
    rng = np.random.default_rng(0)
    train, held_out = (
        Interactions.from_arrays(*(rng.random((400, 60)) < 0.1).nonzero(), 400, 60)
        for _ in range(2)
    )
    items = np.argsort(rng.random((400, 60)), axis=1)[:, :20]
    evaluator = Evaluator(train, held_out, metrics_of_cut_lists(), [5, 20])
    first = evaluator.evaluate(Ranking(items, np.zeros(items.shape, np.float32)))
    # The same lists, longer and in another memory layout.
    padded = np.asfortranarray(np.concatenate([items, items[:, :3]], axis=1))
    second = Evaluator(train, held_out, metrics_of_cut_lists(), [5, 20]).evaluate(
        Ranking(padded, np.zeros(padded.shape, np.float32))
    )
    assert first.figures == second.figures


def test_cold_items_count_as_relevant_and_cannot_be_hit() -> None:
    held_out = split((0, 1, 1.0), (0, COLD, 2.0), (0, COLD, 1.0), (1, COLD, 1.0))
    evaluation = Evaluator(TRAIN, held_out, ["Recall", "nDCG"], [2], 1).evaluate(LISTS)
    np.testing.assert_allclose(evaluation.per_user["Recall@2"], [1 / 3, 0, np.nan])
    # Gains 1 for the hit at rank 1; the ideal list has 3 and 1.
    np.testing.assert_allclose(
        evaluation.per_user["nDCG@2"], [1 / (3 + 1 / log2(3)), 0, np.nan], rtol=1e-12
    )


def test_only_cold_items_are_relevant() -> None:
    held_out = split((0, COLD), (1, COLD))
    evaluation = Evaluator(TRAIN, held_out, metrics_of_cut_lists(), [2]).evaluate(LISTS)
    assert evaluation.figures["Recall@2"] == 0
    assert isnan(evaluation.figures["PopREO@2"])


def test_places_without_an_item_are_never_hits() -> None:
    # The key of user 1 and "item -1" would be that of user 0 and item 3.
    evaluation = Evaluator(TRAIN, split((0, 3), (1, 0)), ["HR"], [2]).evaluate(
        lists([-1, 3], [-1, -1], [-1, -1])
    )
    np.testing.assert_array_equal(evaluation.per_user["HR@2"], [1, 0, np.nan])


@pytest.mark.parametrize("n_lists", [0, 1])
def test_empty_lists_give_figures_or_nan_without_warnings(n_lists: int) -> None:
    rows = [[0, 1] if user < n_lists else [-1, -1] for user in range(3)]
    figures = Evaluator(TRAIN, HELD_OUT, metrics_of_cut_lists(), [2]).evaluate(lists(*rows)).figures
    assert figures["UserCoverage@2"] == n_lists
    assert figures["NumRetrieved@2"] == pytest.approx(2 * n_lists / 3)
    undefined = {name.split("@")[0] for name, value in figures.items() if isnan(value)}
    if n_lists == 0:  # nothing to take a mean or a share of
        assert undefined == {"Gini", "SEntropy", "APLT", "ARP", "single_ARP", "PopRSP", "PopREO"}
    else:  # means over the one user who has a list; no item is in the tail
        assert undefined == {"PopRSP", "PopREO"}
        assert figures["ARP@2"] == 1
        assert figures["SEntropy@2"] == 1


def test_a_catalogue_without_tail_has_no_parity() -> None:
    train, held_out = split((0, 0), n_users=1, n_items=2), split((0, 1), n_users=1, n_items=2)
    figures = Evaluator(train, held_out, metrics_of_cut_lists(), [1]).evaluate(lists([1])).figures
    assert isnan(figures["PopRSP@1"])
    assert isnan(figures["Gini@1"])


def test_an_item_without_training_rows_completes_no_list() -> None:
    evaluator = Evaluator(split((0, 0), (1, 1), (2, 2)), split((0, 1)), ["GAUC"], [1])
    assert evaluator.evaluate(lists([1, 2], [0, 2], [0, 1])).figures["GAUC@1"] == 1
    with pytest.raises(ModelError, match="user number 0 has 1 of 2"):
        evaluator.evaluate(lists([1, 3], [0, 2], [0, 1]))


def test_users_are_those_with_a_relevant_item() -> None:
    assert Evaluator(TRAIN, split((0, 1, 5), (1, 0, 2)), ["HR"], [1], 3).n_users == 1


def test_nothing_relevant_is_an_error() -> None:
    with pytest.raises(DataError, match=r"none of the 3 held-out ratings reaches .* threshold 4"):
        Evaluator(TRAIN, HELD_OUT, ["Recall"], [1], relevance_threshold=4)


def test_splits_of_different_numbering_are_an_error() -> None:
    with pytest.raises(DataError, match="different numberings"):
        Evaluator(TRAIN, split((0, 1), n_items=5), ["Recall"], [1])


def test_ratings_too_large_for_ndcg_are_an_error_only_there() -> None:
    plays = split((0, 1, 20_000), (1, 2, 1))
    assert Evaluator(TRAIN, plays, ["Recall", "nDCGRendle2020"], [1]).evaluate(LISTS).figures == {
        "Recall@1": 1,
        "nDCGRendle2020@1": 1,
    }
    with pytest.raises(DataError, match="held-out rating 20000 is too large for nDCG"):
        Evaluator(TRAIN, plays, ["nDCG"], [1])


@pytest.mark.parametrize(
    ("metrics", "cutoffs"),
    [([], [1]), (["Recall"], []), (["Recall"], [0, 1]), (["Recall"], [1, 2**31])],
)
def test_nothing_to_compute_is_an_error(metrics: list[str], cutoffs: list[int]) -> None:
    with pytest.raises(ConfigError, match="at least one metric and cutoffs from 1"):
        Evaluator(TRAIN, HELD_OUT, metrics, cutoffs)


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        (lists([1, 2], [2, 3]), "lists of 3 users, found 2"),
        (lists([1], [2], [3]), "lists of 1 items cannot be evaluated at the cutoff 2"),
        (lists([1, 2], [2, 3], [0, 4]), r"item number 4; expected 0\.\.3"),
    ],
)
def test_rankings_of_another_form_are_errors(ranking: Ranking, message: str) -> None:
    evaluator = Evaluator(TRAIN, HELD_OUT, ["Recall"], [2])
    with pytest.raises(ModelError, match=message):
        evaluator.evaluate(ranking)


def test_metrics_are_found_in_any_case() -> None:
    for name, metric in METRICS.items():
        assert find_metric(name.upper()) is find_metric(f" {name.lower()} ") is metric
        assert metric.name == name
        assert metric.formula


def test_an_unknown_metric_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown metric 'recal'.*did you mean 'Recall'"
    ) as error:
        find_metric("recal")
    assert all(name in str(error.value) for name in METRICS)


def test_directions() -> None:
    lower = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    assert lower == {"ARP", "single_ARP", "PopRSP", "PopREO"}


def test_metrics_on_hits_do_not_depend_on_the_training_split() -> None:
    accuracy = ["Recall", "MAR", "Precision", "F1", "HR", "MRR", "MAP", "MAPTrec"]
    names = [*accuracy, "nDCG", "single_nDCG", "nDCGRendle2020"]
    assert set(on_hits(METRICS)) == set(names)
    other = split((0, 2), (0, 3), (1, 3), (2, 1), n_users=3)
    one, two = (
        Evaluator(train, HELD_OUT, names, [1, 2]).evaluate(LISTS) for train in (TRAIN, other)
    )
    assert one.figures == two.figures


def test_figure_names() -> None:
    assert figure_name(metric_of("ndcg@5"), 20) == "nDCG@20"
