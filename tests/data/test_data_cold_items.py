"""Cold items: which they are, their numbers, and that they change nothing of trained items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import COLD, ColdItems, Dataset, Interactions, Table, Vocabulary, align

Rows = list[tuple[int, int]]
ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7)), min_size=1, unique=True)


def table(rows: Rows) -> Table:
    ids = (pd.Categorical([str(row[place]) for row in rows]) for place in (0, 1))
    ratings = [1.0 + sum(row) % 5 for row in rows]
    frame = pd.DataFrame({**dict(zip(("user_id", "item_id"), ids, strict=True)), "rating": ratings})
    return Table(Path("rows.tsv"), frame, has_ratings=True, n_duplicates=0)


def rows_of(split: Interactions, users: Vocabulary, items: Vocabulary) -> list[tuple[str, ...]]:
    arrays = zip(split.users, split.items, split.ratings, strict=True)
    return sorted((users.id_of(u), items.id_of(i), str(r)) for u, i, r in arrays if i != COLD)


@given(train=ROWS, test=ROWS, ranked=st.sets(st.integers(0, 9)))
def test_cold_items_are_numbered_after_trained_items_and_change_nothing_of_them(
    train: Rows, test: Rows, ranked: set[int]
) -> None:
    test = list(dict.fromkeys([*test, train[0]]))  # at least one user is known
    tables = {"train": table(train), "test": table(test)}
    usual = align(tables, {})
    aligned = align(tables, {}, ranked=set(map(str, ranked)))
    assert aligned.items.ids == usual.items.ids
    assert aligned.report == usual.report
    for name, split in usual.splits.items():
        for array in ("users", "items", "ratings"):
            assert np.array_equal(getattr(split, array), getattr(aligned.splits[name], array))
    expected = sorted(ranked - {item for _, item in train})
    if not expected:
        assert aligned.cold_items is None
        return
    cold = aligned.cold_items
    assert cold is not None
    assert cold.items.ids == list(map(str, expected))
    assert cold.n_trained == len(aligned.items)
    known_users = {user for user, _ in train}
    kept = [(u, i) for u, i in test if u in known_users]
    as_text = {(u, i): (str(u), str(i), str(1.0 + (u + i) % 5)) for u, i in kept}
    assert rows_of(cold.test, aligned.users, cold.items) == sorted(
        as_text[row] for row in kept if row[1] in expected
    )
    joint = aligned.items.extended(cold.items.ids)
    assert rows_of(cold.joint_test, aligned.users, joint) == sorted(
        as_text[row] for row in kept if row[1] in {*expected, *(item for _, item in train)}
    )
    assert len(cold.joint_test) == len(kept)


def dataset_with(cold: ColdItems | None) -> Dataset:
    train = Interactions.from_arrays(np.array([0, 1]), np.array([0, 1]), 2, 2)
    test = Interactions.from_arrays(np.array([0, 1]), np.array([1, COLD]), 2, 2)
    features = {"VisualAttribute": np.eye(2, dtype=np.float32)}
    users, items = Vocabulary(["a", "b"]), Vocabulary(["0", "1"])
    return Dataset("toy", users, items, train, None, test, features, cold_items=cold)


def cold_items(item_id: str = "7", *, user: int = 1, value: float = 0.5) -> ColdItems:
    rows = Interactions.from_arrays(np.array([0, user]), np.array([1, 2]), 2, 3)
    vectors = {"VisualAttribute": np.full((1, 2), value, np.float32)}
    return ColdItems(Vocabulary([item_id]), rows, vectors)


def test_the_fingerprint_has_ids_rows_and_vectors_of_cold_items() -> None:
    usual, one = dataset_with(None).fingerprints, dataset_with(cold_items()).fingerprints
    assert {k: x for k, x in one.items() if k != "cold_items"} == usual
    others = [
        dataset_with(cold)
        for cold in (cold_items("8"), cold_items(user=0), cold_items(value=0.25), None)
    ]
    found = {x.fingerprint for x in (dataset_with(cold_items()), *others)}
    assert len(found) == 5
    assert dataset_with(cold_items()).fingerprint == dataset_with(cold_items()).fingerprint
