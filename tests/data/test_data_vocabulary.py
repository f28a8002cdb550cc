"""Ids and numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from helpers import assert_contains, refusal
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import Vocabulary
from mmrec.errors import DataError


@pytest.mark.parametrize(
    ("ids", "ordered"),
    [
        (["10", "9", "100"], ["9", "10", "100"]),
        (["-1", "0", "-10", "5"], ["-10", "-1", "0", "5"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["7", "007"], ["007", "7"]),
        (["10", "9", "1.5"], ["1.5", "10", "9"]),
        (["b", "B", "a", "Z"], ["B", "Z", "a", "b"]),
        (["10", "-0"], ["-0", "10"]),
        (["10", "+9"], ["+9", "10"]),
        (["10", "٩"], ["10", "٩"]),
    ],
    ids=[
        "numbers by value",
        "negative numbers",
        "one text makes all text",
        "a leading zero is text",
        "a fraction is text",
        "text by code point",
        "negative zero is text",
        "a sign is text",
        "other digits are text",
    ],
)
def test_order(ids: list[str], ordered: list[str]) -> None:
    assert Vocabulary(ids).ids == ordered


def test_numbers_beyond_what_python_reads_are_text() -> None:
    huge = "9" * 5000
    assert Vocabulary(["10", huge, "9"]).ids == ["10", "9", huge]


_ids = st.one_of(
    st.lists(st.integers(-99, 10**12).map(str), min_size=1),
    st.lists(st.text(min_size=1, max_size=5), min_size=1),
)


@given(ids=_ids, seed=st.integers())
def test_order_depends_on_the_set_of_ids_alone(ids: list[str], seed: int) -> None:
    other = ids + ids[: len(ids) // 2]
    random.Random(seed).shuffle(other)
    assert Vocabulary(ids).ids == Vocabulary(other).ids == Vocabulary(iter(other)).ids


@given(ids=_ids)
def test_is_one_to_one(ids: list[str]) -> None:
    vocabulary = Vocabulary(ids)
    assert len(vocabulary) == len(set(ids))
    np.testing.assert_array_equal(vocabulary.numbers(vocabulary.ids), np.arange(len(vocabulary)))
    assert [vocabulary.id_of(number) for number in vocabulary.numbers(ids)] == ids
    assert all(name in vocabulary for name in ids)


def test_numbers_of_repeated_and_unknown_ids() -> None:
    vocabulary = Vocabulary(["5", "30", "12"])
    found = vocabulary.numbers(["30", "8", "5", "30", "05"], missing="negative")
    assert found.tolist() == [2, -1, 0, 2, -1]
    assert found.dtype == np.int64
    assert vocabulary.numbers([]).tolist() == []
    assert "8" not in vocabulary
    assert 5 not in vocabulary  # ids are text


def test_unknown_ids_are_named_once_each_and_not_by_the_hundred() -> None:
    vocabulary = Vocabulary(["a", "b"])
    assert_contains(
        refusal(DataError, vocabulary.numbers, ["x", "a", "y", "x"]), ["unknown", "ids"]
    )
    many = [f"x{n}" for n in range(10)]
    reported = "unknown ids: x0, x1, x2, x3, x4, x5, x6, x7 and 2 more"
    assert refusal(DataError, vocabulary.numbers, many) == reported


def test_repr_shows_the_size_and_a_few_ids() -> None:
    assert repr(Vocabulary(str(n) for n in range(9))) == "<Vocabulary of 9 ids: 0, 1, 2, 3...>"
