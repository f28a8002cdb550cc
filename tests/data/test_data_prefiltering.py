"""Filters: what stays, by hand, by an oracle, and in any order of the rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from helpers import write_text
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import FilterStep, read_split
from mmrec.data import prefiltering as filters

Row = tuple[str, str, float]

ROWS = st.lists(
    st.tuples(
        st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.sampled_from([0.1, 1.0, 2.5, 5.0])
    ),
    unique_by=lambda row: row[:2],
    max_size=24,
)


def frame(rows: list[Row]) -> pd.DataFrame:
    columns = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    return columns.astype({"user_id": "category", "item_id": "category", "rating": float})


def left(result: pd.DataFrame) -> list[Row]:
    return list(result.itertuples(index=False, name=None))


RATED: list[Row] = [("u", "a", 1), ("u", "b", 3), ("u", "c", 5), ("v", "a", 4), ("v", "b", 5)]


def test_thresholds_by_hand() -> None:
    assert left(filters.global_threshold(frame(RATED), 4)) == [RATED[2], RATED[3], RATED[4]]
    # The mean of all is 3.6, of u 3, of v 4.5; a rating that equals the mean stays.
    assert left(filters.global_threshold(frame(RATED), "average")) == RATED[2:]
    assert left(filters.user_average(frame(RATED))) == [RATED[1], RATED[2], RATED[4]]


@given(st.integers(1, 30), st.floats(0.1, 5))
def test_equal_ratings_all_stay(n: int, rating: float) -> None:
    rows = [("u", str(item), rating) for item in range(n)]
    assert len(filters.user_average(frame(rows))) == n
    assert len(filters.global_threshold(frame(rows), "average")) == n


def test_cores_by_hand() -> None:
    #      a  b  c
    #  u   x  x  x
    #  v   x  x
    #  w         x
    rows: list[Row] = [(u, i, 1) for u, i in ("ua", "ub", "uc", "va", "vb", "wc")]
    assert {row[0] for row in left(filters.user_k_core(frame(rows), 2))} == {"u", "v"}
    assert {row[1] for row in left(filters.item_k_core(frame(rows), 2))} == {"a", "b", "c"}
    # Without w, c has one row left: it goes in the same round.
    expected = [rows[0], rows[1], rows[3], rows[4]]
    assert left(filters.n_rounds_k_core(frame(rows), 2, 1)) == expected
    assert left(filters.iterative_k_core(frame(rows), 2)) == expected
    assert left(filters.cold_users(frame(rows), 2)) == rows[3:]


def test_rounds_may_end_before_the_core_is_reached() -> None:
    # Each round takes the last item, with it the last user, from a chain.
    rows: list[Row] = [("u", "a", 1), ("u", "b", 1), ("v", "b", 1), ("v", "c", 1), ("w", "c", 1)]
    counts = [len(filters.n_rounds_k_core(frame(rows), 2, rounds)) for rounds in (1, 2, 3)]
    assert counts == [2, 0, 0]
    assert filters.iterative_k_core(frame(rows), 2).empty


def test_rounds_that_change_nothing_take_no_time() -> None:
    rows: list[Row] = [(user, item, 1) for user in "uv" for item in "ab"]
    assert left(filters.n_rounds_k_core(frame(rows), 2, 2**31 - 1)) == rows


@given(ROWS, st.integers(1, 4))
def test_the_iterative_core_is_the_largest_in_which_all_have_enough(
    rows: list[Row], core: int
) -> None:
    kept = left(filters.iterative_k_core(frame(rows), core))
    counts = Counter(row[0] for row in kept), Counter(row[1] for row in kept)
    assert all(n >= core for counter in counts for n in counter.values())
    expected = list(rows)  # take rows away one by one: what is left does not depend on the order
    while True:
        users, items = Counter(r[0] for r in expected), Counter(r[1] for r in expected)
        bad = next((r for r in expected if users[r[0]] < core or items[r[1]] < core), None)
        if bad is None:
            break
        expected.remove(bad)
    assert kept == expected


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[Row], random) -> None:
    shuffled = random.sample(rows, len(rows))
    for apply in (
        lambda x: filters.global_threshold(x, "average"),
        filters.user_average,
        lambda x: filters.n_rounds_k_core(x, 2, 2),
        lambda x: filters.cold_users(x, 2),
    ):
        assert set(left(apply(frame(rows)))) == set(left(apply(frame(shuffled))))


@pytest.mark.parametrize("core", [1, 2])
def test_categories_that_no_row_has_are_not_counted(tmp_path: Path, core: int) -> None:
    table = read_split(write_text(tmp_path / "a.tsv", "u\ta\nu\tb\nv\ta\n"))
    some = table.frame[table.frame["user_id"] == "u"]
    assert len(filters.user_k_core(some, core)) == 2
    assert FilterStep.of("x", table.frame, some) == FilterStep("x", (3, 2), (2, 1), (2, 2))
    assert (
        str(FilterStep.of("x", table.frame, some)) == "x: 3 -> 2 rows, 2 -> 1 users, 2 -> 2 items"
    )
