"""The ranker against a brute-force sort, with many ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import assert_contains, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from torch import Tensor

from mmrec.data import Interactions
from mmrec.errors import ModelError
from mmrec.evaluation import Ranking, Scorer, rank

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]


def table_scorer(scores: np.ndarray, device: str = "cpu") -> Scorer:
    table = torch.from_numpy(scores).to(device)
    return lambda users: table[users]


def interactions(mask: np.ndarray) -> Interactions:
    users, items = mask.nonzero()
    return Interactions.from_arrays(users, items, *mask.shape)


def brute_force(scores: np.ndarray, mask: np.ndarray, top_k: int) -> Ranking:
    """Sort every row in full: by score descending, then by item ascending."""
    items = np.full((len(scores), top_k), -1, np.int64)
    values = np.full((len(scores), top_k), -np.inf, np.float32)
    for user, row in enumerate(scores):
        candidates = np.flatnonzero(~mask[user] & (row > -np.inf))
        best = candidates[np.lexsort((candidates, -row[candidates]))][:top_k]
        items[user, : len(best)] = best
        values[user, : len(best)] = row[best]
    return Ranking(items, values)


def assert_same(found: Ranking, expected: Ranking) -> None:
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert (found.items.dtype, found.scores.dtype) == (np.int64, np.float32)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 12)))
    values = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, -np.inf])
    scores = draw(st_numpy.arrays(np.float32, shape, elements=values))
    mask = draw(st_numpy.arrays(np.bool_, shape))
    return scores, mask, draw(st.integers(1, 15))


@pytest.mark.parametrize("device", DEVICES)
@settings(deadline=None)
@given(case=cases())
def test_agrees_with_a_full_sort(device: str, case: tuple[np.ndarray, np.ndarray, int]) -> None:
    scores, mask, top_k = case
    found = rank(table_scorer(scores, device), interactions(mask), top_k, device=device)
    assert_same(found, brute_force(scores, mask, top_k))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("levels", [1, 3, 50, 10_000])
def test_many_users_with_ties_at_the_boundary(device: str, levels: int) -> None:
    rng = np.random.default_rng(levels)
    scores = rng.integers(-levels, levels, (300, 90)).astype(np.float32)
    mask = rng.random((300, 90)) < 0.1
    expected = brute_force(scores, mask, 20)
    for batch_size in (1, 128, 200, 1024):
        found = rank(
            table_scorer(scores, device),
            interactions(mask),
            20,
            device=device,
            batch_size=batch_size,
        )
        assert_same(found, expected)


@pytest.mark.parametrize("device", DEVICES)
def test_bits_do_not_depend_on_the_batch_size_of_a_matrix_product(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    users = torch.randn(777, 64, generator=generator).to(device)
    items = torch.randn(150, 64, generator=generator).to(device)
    train = interactions(np.random.default_rng(0).random((777, 150)) < 0.05)

    def scorer(batch: Tensor) -> Tensor:
        return users[batch] @ items.T

    first, *others = (
        rank(scorer, train, 10, device=device, batch_size=size) for size in (1, 5, 256, 500, 4096)
    )
    for other in others:
        assert_same(other, first)


def test_a_user_with_few_candidates_gets_a_short_list() -> None:
    scores = np.array([[5, 4, 3], [1, 2, 3], [1, 2, 3]], np.float32)
    mask = np.array([[True, False, True], [False] * 3, [True] * 3])
    ranking = rank(table_scorer(scores), interactions(mask), 5)
    np.testing.assert_array_equal(ranking.items, [[1, -1, -1, -1, -1], [2, 1, 0, -1, -1], [-1] * 5])
    assert ranking.scores[0].tolist() == [4, -np.inf, -np.inf, -np.inf, -np.inf]


def test_negative_zero_ties_with_zero() -> None:
    scores = np.array([[-0.0, 0.0, -0.0, 0.0]], np.float32)
    ranking = rank(table_scorer(scores), interactions(np.zeros((1, 4), bool)), 3)
    assert ranking.items.tolist() == [[0, 1, 2]]
    assert not np.signbit(ranking.scores).any()


def test_the_scorer_s_own_tensor_is_not_masked() -> None:
    popularity = torch.tensor([3.0, 2.0, 1.0])
    train = interactions(np.array([[True, False, False], [False, True, False]]))
    ranking = rank(lambda users: popularity.expand(len(users), 3), train, 2)
    assert ranking.items.tolist() == [[1, 2], [0, 2]]
    assert popularity.tolist() == [3, 2, 1]


def test_scores_carry_no_gradient_and_may_have_any_number_type() -> None:
    weights = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    seen: list[bool] = []

    def scorer(users: Tensor) -> Tensor:
        scores = weights[users] * 2
        seen.append(scores.requires_grad)
        return scores

    ranking = rank(scorer, interactions(np.zeros((2, 3), bool)), 1)
    assert ranking.items.tolist() == [[0], [0]]
    assert seen == [False]


@settings(max_examples=20, deadline=None)
@given(user=st.integers(0, 299), item=st.integers(0, 4), batch_size=st.sampled_from([1, 1024]))
def test_nan_is_an_error_that_names_the_user(user: int, item: int, batch_size: int) -> None:
    scores = np.zeros((300, 5), np.float32)
    scores[user, item] = np.nan
    train = interactions(np.eye(300, 5, k=5, dtype=bool))  # nobody has trained on the item
    with pytest.raises(ModelError, match=rf"user number {user} .*NaN"):
        rank(table_scorer(scores), train, 2, batch_size=batch_size)


@pytest.mark.parametrize(
    ("scores", "facts"),
    [
        (np.array([[0, 1], [0, np.inf]], np.float32), ["user number 1", "infinity"]),
        (np.array([[0, 1], [0, 1e40]]), ["1e+40", "float32"]),
        (np.array([[0, -1], [0, -1e40]]), ["1e+40", "float32"]),
        (np.array([[0, 1e-40], [0, 1e-60]]), ["1e-40", "float32"]),
    ],
)
def test_scores_outside_of_float32_are_not_ranked(scores: np.ndarray, facts: list[str]) -> None:
    def scorer(users: Tensor) -> Tensor:
        return torch.from_numpy(scores)[users]

    message = refusal(ModelError, rank, scorer, interactions(np.zeros((2, 2), bool)), 1)
    assert_contains(message, facts)


def test_scores_of_another_shape_are_an_error() -> None:
    with pytest.raises(ModelError, match=r"each of the 3 items; found the shape \[128, 4\]"):
        rank(lambda users: torch.zeros(len(users), 4), interactions(np.zeros((2, 3), bool)), 1)
