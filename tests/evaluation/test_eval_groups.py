"""Figures of popular, middling and rare items: by hand, and against a slow second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import COLD, Interactions
from mmrec.errors import ModelError
from mmrec.evaluation import GROUPS, Evaluator, GroupEvaluator, Ranking, popularity_groups


def split(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> Interactions:
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    return Interactions.from_arrays(users, items, n_users, n_items)


def of_counts(counts: list[int]) -> Interactions:
    pairs = [(user, item) for item, count in enumerate(counts) for user in range(count)]
    return split(pairs, max(counts), len(counts))


def ranking(lists: list[list[int]]) -> Ranking:
    return Ranking(np.array(lists, np.int64), np.zeros((len(lists), len(lists[0])), np.float32))


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ([1, 1, 1], [0, 1, 2]),
        ([1, 3, 2], [2, 0, 1]),  # by popularity, not by number
        ([2, 2, 2, 2, 2, 2], [0, 0, 1, 1, 2, 2]),  # ties by number
        ([1, 2] * 60, [2, 0] * 30 + [2, 1] * 30),  # many ties
        ([10, 1, 1], [0, 2, 2]),  # nothing begins in the second third
        ([5, 0, 4], [0, -1, 1]),  # not trained on: in no group
    ],
)
def test_thirds_of_the_interactions(counts: list[int], groups: list[int]) -> None:
    assert popularity_groups(of_counts(counts)).tolist() == groups


def test_figures_by_hand() -> None:
    train = split([(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 2)], 3, 3)  # 3, 2 and 1 rows
    held_out = split([(0, 2), (1, 2), (2, 1), (1, COLD)], 3, 3)
    found = GroupEvaluator(Evaluator(train, held_out, ["Recall"], [1, 2])).evaluate(
        ranking([[2, -1], [0, 2], [1, -1]])
    )
    assert list(found) == list(GROUPS)
    assert found["popular"] == pytest.approx(
        {"items": 1, "interactions": 3, "relevant": 0, "users": 0}
        | {"Recall@1": np.nan, "Recall@2": np.nan, "Share@1": 1 / 3, "Share@2": 1 / 4},
        nan_ok=True,
    )
    assert found["middling"] == pytest.approx(
        {"items": 1, "interactions": 2, "relevant": 1, "users": 1}
        | {"Recall@1": 1.0, "Recall@2": 1.0, "Share@1": 1 / 3, "Share@2": 1 / 4}
    )
    assert found["rare"] == pytest.approx(
        {"items": 1, "interactions": 1, "relevant": 2, "users": 2}
        | {"Recall@1": 0.5, "Recall@2": 1.0, "Share@1": 1 / 3, "Share@2": 1 / 2}
    )


def test_only_rows_that_reach_the_threshold_are_relevant() -> None:
    train = of_counts([3, 2, 1])
    held_out = Interactions.from_arrays(
        np.array([1, 2]), np.array([2, 1]), 3, 3, np.array([5.0, 1.0])
    )
    found = GroupEvaluator(Evaluator(train, held_out, ["Recall"], [1], 3.0)).evaluate(
        ranking([[2], [2], [1]])
    )
    assert [found[name]["relevant"] for name in GROUPS] == [0, 0, 1]
    assert found["rare"]["Share@1"] == 1  # user 2 has nothing relevant and does not count


def test_a_ranking_of_another_form_is_refused() -> None:
    train = of_counts([3, 2, 1])
    evaluator = GroupEvaluator(Evaluator(train, split([(1, 2)], 3, 3), ["Recall"], [2]))
    with pytest.raises(ModelError, match="lists of 3 users, found 2"):
        evaluator.evaluate(ranking([[0, 1], [0, 1]]))


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(3, 12))
@settings(max_examples=60)
def test_agrees_with_a_loop_over_users(seed: int, n_users: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, (n_users, n_items), p=[0.5, 0.3, 0.2])  # nothing, trained, held out
    kind[0, :2] = (1, 2)
    train = split([(int(u), int(i)) for u, i in np.argwhere(kind == 1)], n_users, n_items)
    held = split([(int(u), int(i)) for u, i in np.argwhere(kind == 2)], n_users, n_items)
    lists = [rng.permutation(np.flatnonzero(row != 1)).tolist()[:3] for row in kind]
    padded = [(found + [-1] * 3)[:3] for found in lists]
    result = GroupEvaluator(Evaluator(train, held, ["Recall"], [2, 3])).evaluate(ranking(padded))

    groups = popularity_groups(train)
    counting = [u for u in range(n_users) if (kind[u] == 2).any()]
    for place, name in enumerate(GROUPS):
        for k in (2, 3):
            recalls = []
            for u in counting:
                relevant = {i for i in np.flatnonzero(kind[u] == 2) if groups[i] == place}
                if relevant:
                    recalls.append(len(relevant & set(lists[u][:k])) / len(relevant))
            shown = [i for u in counting for i in lists[u][:k]]
            share = np.mean([groups[i] == place for i in shown]) if shown else np.nan
            recall = np.mean(recalls) if recalls else np.nan
            np.testing.assert_allclose(result[name][f"Recall@{k}"], recall)
            np.testing.assert_allclose(result[name][f"Share@{k}"], share)
    shares = [result[name]["Share@3"] for name in GROUPS]
    if (groups >= 0).all() and not np.isnan(shares).any():
        assert sum(shares) == pytest.approx(1)
