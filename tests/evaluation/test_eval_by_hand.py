"""Every formula on one small example, worked out by hand.

Four users, five items. Training:

    user 0: items 0 1      item 0: 4 rows    head: 4 + 2 + 1 = 7 of 9 rows are less than 80 %,
    user 1: items 0 2      item 1: 2 rows    8 are not: items 0 1 2 3 (ties by ascending number)
    user 2: items 0 3      item 2: 1 row     tail: item 4
    user 3: items 0 1 4    item 3: 1 row
                           item 4: 1 row

Held out, relevant from rating 2 on:

    user 0: item 2 (rating 4), item 4 (rating 2), an item without training rows (rating 3)
    user 1: item 1 (rating 2), item 3 (rating 1, not relevant)
    user 2: item 4 (rating 1, not relevant)
    user 3: nothing

Lists of 3, hits in brackets:

    user 0: [2] 3 [4]      user 1: 3 [1] 4      user 2: 1      user 3: 2 3 (never looked at)
"""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from helpers import assert_contains, metrics_of_cut_lists, refusal

from mmrec.data import COLD, Interactions
from mmrec.errors import ModelError
from mmrec.evaluation import METRICS, Evaluation, Evaluator, Ranking

TRAIN = Interactions.from_arrays(
    np.array([0, 0, 1, 1, 2, 2, 3, 3, 3]), np.array([0, 1, 0, 2, 0, 3, 0, 1, 4]), 4, 5
)
HELD_OUT = Interactions.from_arrays(
    np.array([0, 0, 0, 1, 1, 2]),
    np.array([2, 4, COLD, 1, 3, 4]),
    4,
    5,
    np.array([4.0, 2, 3, 2, 1, 1]),
)
ITEMS = np.array([[2, 3, 4], [3, 1, 4], [1, -1, -1], [2, 3, -1]])
LISTS = Ranking(ITEMS, np.where(ITEMS < 0, -np.inf, 1).astype(np.float32))

# Discounts: 1, 1 / log2(3), 1 / 2.
D2 = 1 / log2(3)
NORM2, NORM3 = 1 + D2, 1.5 + D2

EXPECTED = {
    # Users 0 and 1 have relevant items, three and one.
    "Recall@2": (1 / 3 + 1) / 2,
    "Recall@3": (2 / 3 + 1) / 2,
    "Precision@2": (1 / 2 + 1 / 2) / 2,
    "Precision@3": (2 / 3 + 1 / 3) / 2,
    "HR@1": (1 + 0) / 2,
    "HR@3": 1,
    "MRR@1": (1 + 0) / 2,
    "MRR@3": (1 + 1 / 2) / 2,
    # Precision of the first 1, 2, 3: 1, 1/2, 2/3 and 0, 1/2, 1/3.
    "MAP@2": ((1 + 1 / 2) / 2 + (0 + 1 / 2) / 2) / 2,
    "MAP@3": ((1 + 1 / 2 + 2 / 3) / 3 + (0 + 1 / 2 + 1 / 3) / 3) / 2,
    "MAPTrec@2": (1 / 3 + (1 / 2) / 1) / 2,
    "MAPTrec@3": ((1 + 2 / 3) / 3 + (1 / 2) / 1) / 2,
    # Recall of the first 1, 2, 3: 1/3, 1/3, 2/3 and 0, 1, 1.
    "MAR@2": (1 / 3 + 1 / 2) / 2,
    "MAR@3": (4 / 9 + 2 / 3) / 2,
    # N = 5 - 2 - 3 + 1 = 1 and 5 - 2 - 1 + 1 = 3; one miss is above the second hit of user 0 and
    # above the hit of user 1.
    "LAUC@1": (1 + 0) / 2,
    "LAUC@3": ((1 + 0) / 3 + 2 / 3) / 2,
    # P = 2/3, R = 2/3 and P = 1/3, R = 1.
    "F1@3": (2 / 3 + 2 * (1 / 3) / (4 / 3)) / 2,
    # Gains 2^(4-2+1) - 1 = 7, 2^1 - 1 = 1, 2^2 - 1 = 3 (cold), and 1 for user 1.
    "nDCG@2": (7 / (7 + 3 * D2) + D2) / 2,
    "nDCG@3": ((7 + 1 / 2) / (7 + 3 * D2 + 1 / 2) + D2) / 2,
    "single_nDCG@2": (7 / (7 + 3 * D2) + D2) / 2,
    "nDCGRendle2020@2": (1 / NORM2 + D2) / 2,
    "nDCGRendle2020@3": (1.5 / NORM3 + D2) / 2,
    # -log2(1/9) for items 2 and 4, -log2(2/9) for item 1.
    "EFD@3": (1.5 * log2(9) / NORM3 + D2 * log2(9 / 2) / NORM3) / 2,
    # 1 - 1/4 for items 2 and 4, 1 - 2/4 for item 1.
    "EPC@3": (1.5 * 0.75 / NORM3 + D2 * 0.5 / NORM3) / 2,
    "NumRetrieved@3": (3 + 3) / 2,
    # From here on all users with held-out rows: 0, 1 and 2.
    "UserCoverage@1": 3,
    "UserCoverageAtN@1": 3,
    "UserCoverageAtN@2": 2,
    "ItemCoverage@1": 3,  # 2, 3, 1
    "ItemCoverage@3": 4,  # 1, 2, 3, 4
    # Shares in ascending order 0 1/7 2/7 2/7 2/7, times 2j - n - 1 = -4 -2 0 2 4, over n - 1.
    "Gini@3": 1 - (-2 / 7 + 0 + 4 / 7 + 8 / 7) / 4,
    # -log2 of the shares: log2(7/2) for items 1, 3 and 4, log2(7) for item 2.
    "SEntropy@3": ((log2(7) + 2 * log2(7 / 2)) / 3 + log2(7 / 2) + log2(7 / 2)) / 3,
    # Training rows of the items: 1 1 1, 1 2 1, 2.
    "ARP@3": (1 + 4 / 3 + 2) / 3,
    "single_ARP@3": (1 + 4 / 3 + 2) / 3,
    "APLT@3": (1 / 3 + 1 / 3 + 0) / 3,
    "ACLT@3": (1 + 1 + 0) / 3,
    # Recommended: 5 of the head, 2 of the tail. Not in training: of the head (4 - 2) three times,
    # of the tail 1 three times. P = 5/6 and 2/3: std 1/12, mean 3/4.
    "PopRSP@3": (1 / 12) / (3 / 4),
    # Relevant: items 2 and 1 of the head, item 4 of the tail. At 2 the tail has no hit: P = 1, 0.
    "PopREO@2": 1,
    "PopREO@3": 0,
}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    evaluator = Evaluator(TRAIN, HELD_OUT, metrics_of_cut_lists(), [1, 2, 3], 2)
    return evaluator.evaluate(LISTS)


def test_the_example_covers_every_metric() -> None:
    assert {name.split("@")[0] for name in EXPECTED} == set(metrics_of_cut_lists())


def test_metrics_of_complete_lists() -> None:
    evaluator = Evaluator(TRAIN, HELD_OUT, ["AUC", "GAUC"], [1, 2], relevance_threshold=2)
    items = ITEMS.copy()
    items[2] = [1, 4, 2]
    evaluation = evaluator.evaluate(Ranking(items, LISTS.scores))
    # The hits of user 0 count 1 and 0 (see LAUC), the hit of user 1 counts 2/3.
    area, mean = (1 + 0 + 2 / 3) / 3, ((1 + 0) / 3 + 2 / 3) / 2
    expected = {"AUC@1": area, "AUC@2": area, "GAUC@1": mean, "GAUC@2": mean}
    assert evaluation.figures == pytest.approx(expected)
    np.testing.assert_allclose(evaluation.per_user["GAUC@2"], [1 / 3, 2 / 3, np.nan, np.nan])
    message = refusal(ModelError, evaluator.evaluate, LISTS)  # user 2 has one item
    assert_contains(message, ["AUC", "user number 2", "1 of 3", "LAUC"])


@pytest.mark.parametrize("name", EXPECTED)
def test_figure(name: str, evaluation: Evaluation) -> None:
    assert evaluation.figures[name] == pytest.approx(EXPECTED[name], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Recall@3", [2 / 3, 1, np.nan, np.nan]),
        ("MRR@3", [1, 1 / 2, np.nan, np.nan]),
        ("NumRetrieved@3", [3, 3, np.nan, np.nan]),
        ("ARP@3", [1, 4 / 3, 2, np.nan]),
        ("APLT@3", [1 / 3, 1 / 3, 0, np.nan]),
    ],
)
def test_values_of_the_users(name: str, expected: list[float], evaluation: Evaluation) -> None:
    np.testing.assert_allclose(evaluation.per_user[name], expected)


def test_figures_are_the_means_of_the_values(evaluation: Evaluation) -> None:
    assert evaluation.per_user.keys() == {
        name for name in evaluation.figures if METRICS[name.split("@")[0]].per_user
    }
    for name, values in evaluation.per_user.items():
        assert evaluation.figures[name] == pytest.approx(np.nanmean(values))
