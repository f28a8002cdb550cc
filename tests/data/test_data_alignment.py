"""Bringing splits and side information together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import (
    COLD,
    AlignedSplits,
    FilterReport,
    Interactions,
    Table,
    Vocabulary,
    align,
    read_split,
)
from mmrec.data.filtering import SplitCounts
from mmrec.errors import DataError


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Table]:
    """Ids that are neither contiguous nor in order of appearance.

    Item 99 has no visual and item 5 no textual vector; user 400 has nothing but item 99.
    """
    contents = {
        "train": "300\t20\t5\n300\t100\t3\n7\t3\t4\n7\t20\t1\n7\t20\t2\n400\t99\t5\n7\t99\t1\n",
        "validation": "7\t100\t4\n300\t99\t2\n300\t3\t3\n",
        # 8 is no training user, 41 and 42 are no training items, 300 has 20 in training.
        "test": "8\t20\t5\n7\t41\t1\n7\t42\t5\n300\t20\t2\n300\t3\t4\n300\t5\t1\n",
    }
    return {
        name: read_split(write_text(tmp_path / f"{name}.tsv", content))
        for name, content in contents.items()
    }


KNOWN = {
    "VisualAttribute": {"3", "5", "20", "41", "42", "100", "unused"},
    "TextualAttribute": {"3", "20", "41", "42", "99", "100"},
}


def triples(split: Interactions) -> list[tuple[int, int, float]]:
    arrays = (split.users, split.items, split.ratings)
    return list(zip(*(array.tolist() for array in arrays), strict=True))


@pytest.mark.parametrize(
    ("test", "facts"),
    [
        ("1\tx\n1\t11\n1\t12\n1\t13\n1\t14\n", []),
        ("1\tx\n1\t11\n1\t12\n1\t13\n", ["(test)", "1 of 4 rows (25%)", "an item", "'x'", "'11'"]),
        ("01\t11\n1\t11\n1\t12\n1\t13\n1\t14\n", ["1 of 5 rows (20%)", "a user", "'01' and '1'"]),
    ],
)
def test_ids_that_training_lacks_are_a_warning(test: str, facts: list[str], tmp_path: Path) -> None:
    contents = {"train": "1\t11\n1\t12\n1\t13\n1\t14\n", "test": test}
    read = {name: read_split(write_text(tmp_path / name, text)) for name, text in contents.items()}
    warnings = align(read, {}).report.warnings
    assert len(warnings) == bool(facts)
    assert_contains(" ".join(warnings), facts)


def test_numbers_follow_ids_and_rows_follow_the_rules(tables: dict[str, Table]) -> None:
    aligned = align(tables, KNOWN)
    assert aligned.users.ids == ["7", "300"]
    assert aligned.items.ids == ["3", "20", "100"]
    assert triples(aligned.splits["train"]) == [(0, 0, 4), (0, 1, 2), (1, 1, 5), (1, 2, 3)]
    assert triples(aligned.splits["validation"]) == [(0, 2, 4), (1, 0, 3)]
    # The row of user 8 is gone; items 41 and 42 stay as what cannot be recommended.
    cold = [(0, COLD, 1), (0, COLD, 5)]
    assert triples(aligned.splits["test"]) == [*cold, (1, 0, 4), (1, 1, 2)]
    for split in aligned.splits.values():
        assert (split.n_users, split.n_items) == (2, 3)


def test_report_counts(tables: dict[str, Table]) -> None:
    report = align(tables, KNOWN).report
    assert report.splits == {
        "train": SplitCounts(
            rows_read=7,
            duplicates=1,
            without_features=2,
            unknown_users=0,
            cold_items=0,
            trained_pairs=0,
            rows_kept=4,
        ),
        "validation": SplitCounts(3, 0, 1, 0, 0, 0, 2),
        "test": SplitCounts(6, 0, 1, 1, 2, 1, 4),
    }
    assert report.missing_items == {"VisualAttribute": ("99",), "TextualAttribute": ("5",)}
    assert (report.users_dropped, report.items_dropped) == (1, 2)


def test_lines_of_the_report(tables: dict[str, Table]) -> None:
    visual, textual, dropped, train, validation, test = align(tables, KNOWN).report.lines()
    assert_contains(visual, ["VisualAttribute", "1 of the items", "99"])
    assert_contains(textual, ["TextualAttribute", "1 of the items", "5"])
    assert_contains(dropped, ["2 items", "1 users"])
    without = "1 rows of items without a vector"
    assert_contains(train, ["train: 1 duplicate rows", "2 rows of items without", "4 of 7 rows"])
    assert_contains(validation, [f"validation: {without}", "2 of 3 rows"])
    outside = ["1 rows of users outside of training", "2 rows of items outside of training"]
    assert_contains(test, [f"test: {without}", *outside, "1 rows are also in", "4 of 6 rows"])


def test_the_report_is_empty_if_nothing_is_dropped(tmp_path: Path) -> None:
    table = read_split(write_text(tmp_path / "a.tsv", "1\t2\t3\n"))
    other = read_split(write_text(tmp_path / "b.tsv", "1\t2\t3\n"))
    aligned = align({"train": table}, {"VisualAttribute": {"2", "3"}})
    assert aligned.report.lines() == []
    assert FilterReport().lines() == []
    # A held-out row that is also in training is reported, although nothing is dropped.
    [line] = align({"train": table, "test": other}, {}).report.lines()
    assert_contains(line, ["test: 1 rows are also in training", "1 of 1 rows"])


def test_a_long_list_of_missing_items_is_cut_and_in_order(tmp_path: Path) -> None:
    content = "".join(f"u\t{item}\t1\n" for item in range(20, 0, -1))
    table = read_split(write_text(tmp_path / "a.tsv", content))
    lines = align({"train": table}, {"VisualAttribute": {"20"}}).report.lines()
    assert lines[0] == (
        "VisualAttribute has no vector for 19 of the items: 1, 2, 3, 4, 5 and 14 more"
    )


def test_without_loaders_everything_stays(tables: dict[str, Table]) -> None:
    aligned = align(tables, {})
    assert aligned.items.ids == ["3", "20", "99", "100"]
    assert aligned.users.ids == ["7", "300", "400"]
    assert (aligned.report.items_dropped, aligned.report.users_dropped) == (0, 0)


def test_binarize_sets_every_rating_to_one(tables: dict[str, Table]) -> None:
    aligned = align(tables, KNOWN, binarize=True)
    for split in aligned.splits.values():
        np.testing.assert_array_equal(split.ratings, np.ones(len(split)))


def test_the_order_of_the_splits_is_of_no_account(tables: dict[str, Table]) -> None:
    reversed_tables = dict(reversed(tables.items()))
    assert next(iter(reversed_tables)) == "test"
    one, other = align(tables, KNOWN), align(reversed_tables, KNOWN)
    assert one.report.splits == other.report.splits
    for name, split in one.splits.items():
        assert triples(split) == triples(other.splits[name])


def test_a_split_that_loses_every_row_says_what_took_them(tables: dict[str, Table]) -> None:
    known = {
        "VisualAttribute": {"3", "20", "41", "42", "5"},
        "TextualAttribute": {"100"},
        "AudioAttribute": {"3", "5", "20", "41", "42", "99", "100"},
    }
    path = tables["train"].path
    assert_contains(
        refusal(DataError, align, tables, known),
        [f"{path}:", "99", "100", "20", "VisualAttribute", "TextualAttribute", "row"],
    )


def test_a_test_split_of_strangers(tmp_path: Path, tables: dict[str, Table]) -> None:
    strangers = read_split(write_text(tmp_path / "strangers.tsv", "x\t20\t1\ny\t3\t1\n"))
    message = refusal(DataError, align, tables | {"test": strangers}, KNOWN)
    assert_contains(message, [f"{strangers.path}:", "user", "training split"])


ITEMS = [str(number) for number in (0, 3, 8, 20, 21, 100, 1000)]
USERS = [f"u{number}" for number in range(6)]
_pairs = st.sets(st.tuples(st.sampled_from(USERS), st.sampled_from(ITEMS)), min_size=1)


def by_hand(
    splits: Mapping[str, set[tuple[str, str]]], known: Mapping[str, set[str]]
) -> dict[str, list[tuple[int, int]]]:
    """The same rules on sets of pairs, filtered over and over until nothing changes."""
    kept = {name: set(pairs) for name, pairs in splits.items()}
    while True:
        items = set.intersection(*(set(own) for own in known.values()))
        smaller = {name: {p for p in pairs if p[1] in items} for name, pairs in kept.items()}
        if smaller == kept:
            break
        kept = smaller
    users = sorted({user for user, _ in kept["train"]})
    trained = sorted({item for _, item in kept["train"]}, key=int)
    return {
        name: sorted(
            (users.index(user), trained.index(item) if item in trained else COLD)
            for user, item in pairs
            if user in users
        )
        for name, pairs in kept.items()
    }


@given(
    train=_pairs,
    test=_pairs,
    visual=st.sets(st.sampled_from(ITEMS)),
    textual=st.sets(st.sampled_from(ITEMS)),
)
def test_agrees_with_the_rules_on_sets(
    train: set[tuple[str, str]],
    test: set[tuple[str, str]],
    visual: set[str],
    textual: set[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    splits, known = {"train": train, "test": test}, {"V": visual, "T": textual}
    folder = tmp_path_factory.getbasetemp()
    read = {
        name: read_split(
            write_text(folder / f"{name}.tsv", "".join(f"{u}\t{i}\n" for u, i in pairs))
        )
        for name, pairs in splits.items()
    }
    expected = by_hand(splits, known)
    if not expected["train"] or not expected["test"]:
        refusal(DataError, align, read, known)
        return
    aligned: AlignedSplits = align(read, known)
    for name, pairs in expected.items():
        split = aligned.splits[name]
        assert list(zip(split.users.tolist(), split.items.tolist(), strict=True)) == pairs
    assert isinstance(aligned.users, Vocabulary)
