"""One split in internal numbers."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import assert_contains, refusal
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import COLD, Interactions
from mmrec.errors import DataError


def test_rows_are_sorted_by_user_then_item_with_their_ratings() -> None:
    split = Interactions.from_arrays(
        np.array([2, 0, 2, 0]), np.array([1, 3, 0, COLD]), 4, 5, np.array([1.0, 2, 3, 4])
    )
    assert split.users.tolist() == [0, 0, 2, 2]
    assert split.items.tolist() == [COLD, 3, 0, 1]
    assert split.ratings.tolist() == [4, 2, 3, 1]
    assert [a.dtype for a in (split.users, split.items, split.ratings)] == ["i8", "i8", "f8"]
    # User 0 has rows 0 and 1, users 1 and 3 have none, user 2 has rows 2 and 3.
    assert split.offsets.tolist() == [0, 2, 2, 4, 4]
    assert split.user_degrees.tolist() == [2, 0, 2, 0]
    assert split.item_degrees.tolist() == [1, 1, 0, 1, 0]
    assert len(split) == 4
    assert repr(split) == "<Interactions (4 users x 5 items x 4 rows)>"


def test_ratings_default_to_one() -> None:
    split = Interactions.from_arrays(np.array([0, 1], np.int32), np.array([1, 0], np.int32), 2, 2)
    assert split.ratings.tolist() == [1, 1]
    assert split.users.dtype == np.int64


def test_a_user_may_have_several_cold_items() -> None:
    split = Interactions.from_arrays(np.array([0, 0]), np.array([COLD, COLD]), 1, 1)
    assert split.items.tolist() == [COLD, COLD]
    assert split.item_degrees.tolist() == [0]


def test_the_pairs_that_a_split_contains() -> None:
    rows = {(0, 1), (0, 2), (1, 0), (2, COLD)}
    split = Interactions.from_arrays(*np.array(sorted(rows)).T, 3, 3)
    pairs = [(user, item) for user in range(3) for item in (COLD, 0, 1, 2)]
    users, items = np.array(pairs).T
    assert split.contains(users, items).tolist() == [pair in rows for pair in pairs]
    assert split.contains(users[:0], items[:0]).tolist() == []


@pytest.mark.parametrize(
    ("users", "items", "ratings", "facts"),
    [
        ([0, 1], [0], None, ["users", "items"]),
        ([0, 1], [0, 1], [1.0], ["users", "items"]),
        ([0, 3], [0, 1], None, ["user", "number"]),
        ([-1, 0], [0, 1], None, ["user", "number"]),
        ([0, 1], [0, 4], None, ["item", "number"]),
        ([0, 1], [0, -2], None, ["item", "number"]),
        ([1, 0, 1], [2, 2, 2], None, ["user", "item"]),
        ([0, 1], [0, 1], [1.0, np.nan], ["rating", "NaN"]),
        ([0, 1], [0, 1], [np.inf, 1.0], ["rating", "infinite"]),
    ],
)
def test_refusals(
    users: list[int], items: list[int], ratings: list[float] | None, facts: list[str]
) -> None:
    given_ratings = None if ratings is None else np.array(ratings)
    arguments = (np.array(users), np.array(items), 3, 4, given_ratings)
    assert_contains(refusal(DataError, Interactions.from_arrays, *arguments), facts)


@given(
    pairs=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7))),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_the_rows_given_is_of_no_account(
    pairs: set[tuple[int, int]], order: np.random.Generator
) -> None:
    shuffled = list(pairs)
    order.shuffle(shuffled)
    users, items = np.array(shuffled, np.int64).reshape(-1, 2).T
    split = Interactions.from_arrays(users, items, 6, 8, users * 10.0 + items)
    assert list(zip(split.users, split.items, strict=True)) == sorted(pairs)
    np.testing.assert_array_equal(split.ratings, split.users * 10.0 + split.items)
    for user in range(6):
        own = split.items[split.offsets[user] : split.offsets[user + 1]]
        assert own.tolist() == sorted(item for u, item in pairs if u == user)
