"""Splitting strategies: what is held out, in any order of the rows; and the folders of folds."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text
from hypothesis import given
from hypothesis import strategies as st

from mmrec.data import (
    BoolArray,
    FoldFiles,
    Table,
    find_folds,
    read_split,
    sort_rows,
    timestamps_of,
)
from mmrec.data import splitting as strategies
from mmrec.data.rows import runs_of
from mmrec.errors import DataError
from mmrec.files import write_folder

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=6)
RATIOS = st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.99])


def users_of(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def held(mask: BoolArray, users: np.ndarray, n: int) -> list[int]:
    return np.bincount(users[mask], minlength=n).tolist()


# How many rows of each user


@given(SIZES, RATIOS)
def test_a_ratio_leaves_the_floor_in_training(sizes: list[int], ratio: float) -> None:
    users = users_of(sizes)
    (mask,) = strategies.random_subsampling(users, rng(), folds=1, test_ratio=ratio)
    assert held(mask, users, len(sizes)) == [n - math.floor(n * (1 - ratio)) for n in sizes]
    (mask,) = strategies.temporal_hold_out(users, rng().random(len(users)), test_ratio=ratio)
    assert held(mask, users, len(sizes)) == [n - math.floor(n * (1 - ratio)) for n in sizes]


@given(SIZES, st.integers(1, 5), st.integers(1, 3))
def test_leave_n_out_takes_n_or_all(sizes: list[int], n: int, folds: int) -> None:
    users = users_of(sizes)
    masks = strategies.random_subsampling(users, rng(), folds=folds, leave_n_out=n)
    assert len(masks) == folds
    for mask in masks:
        assert held(mask, users, len(sizes)) == [min(n, size) for size in sizes]


@given(SIZES, st.integers(2, 6), st.integers(0, 5))
def test_cross_validation_holds_out_every_row_once(sizes: list[int], folds: int, seed: int) -> None:
    users = users_of(sizes)
    masks = strategies.random_cross_validation(users, rng(seed), folds=folds)
    assert np.sum(masks, axis=0).tolist() == [1] * len(users)
    for fold, mask in enumerate(masks):
        expected = [math.ceil(max(size - fold, 0) / folds) for size in sizes]
        assert held(mask, users, len(sizes)) == expected


# Draws


def test_a_seed_gives_the_same_folds_and_another_gives_others() -> None:
    users = users_of([40] * 5)

    def drawn(seed: int, folds: int) -> list[list[bool]]:
        masks = strategies.random_subsampling(users, rng(seed), folds=folds, test_ratio=0.3)
        return [mask.tolist() for mask in masks]

    assert drawn(1, 4) == drawn(1, 4)
    assert drawn(1, 4)[:2] == drawn(1, 2)
    assert drawn(1, 2) != drawn(2, 2)
    assert drawn(1, 2)[0] != drawn(1, 2)[1]
    masks = [strategies.random_cross_validation(users, rng(s), folds=4)[0] for s in (1, 1, 2)]
    assert (masks[0] == masks[1]).all()
    assert (masks[0] != masks[2]).any()


def test_every_row_is_held_out_equally_often() -> None:
    users = users_of([10, 4])
    masks = strategies.random_subsampling(users, rng(), folds=4000, test_ratio=0.5)
    assert np.mean(masks, axis=0) == pytest.approx(np.full(14, 0.5), abs=0.04)
    first = [strategies.random_cross_validation(users, rng(s), folds=5)[0] for s in range(4000)]
    assert np.mean(first, axis=0) == pytest.approx([0.2] * 10 + [0.25] * 4, abs=0.04)


# Times


@given(SIZES, st.data())
def test_held_out_rows_are_not_earlier(sizes: list[int], data: st.DataObject) -> None:
    users = users_of(sizes)
    moments = st.lists(st.integers(0, 4), min_size=len(users), max_size=len(users))
    times = np.array(data.draw(moments))
    (mask,) = strategies.temporal_hold_out(users, times, leave_n_out=2)
    for user in range(len(sizes)):
        kept, out = times[(users == user) & ~mask], times[(users == user) & mask]
        assert max(kept, default=-1) <= min(out)


def test_of_equal_times_the_later_row_in_the_order_of_ids_is_later() -> None:
    users, times = users_of([4]), np.array([5, 7, 7, 7])
    (mask,) = strategies.temporal_hold_out(users, times, leave_n_out=2)
    assert mask.tolist() == [False, False, True, True]


def test_a_fixed_time_belongs_to_what_is_held_out() -> None:
    assert strategies.fixed_timestamp(np.array([1, 3, 2]), 2)[0].tolist() == [False, True, True]


@given(SIZES, st.integers(1, 3), st.integers(1, 3), st.data())
def test_the_best_time_by_trying_all(
    sizes: list[int], below: int, over: int, data: st.DataObject
) -> None:
    users = users_of(sizes)
    moments = st.lists(st.integers(0, 9), min_size=len(users), max_size=len(users))
    times = np.array(data.draw(moments))
    votes = {
        t: sum(
            (times[users == u] < t).sum() >= below and (times[users == u] >= t).sum() >= over
            for u in range(len(sizes))
        )
        for t in sorted(set(times.tolist()))
    }
    most = max(votes.values())
    arguments = (users, times)
    if most == 0:
        with pytest.raises(DataError, match="min_below or min_over"):
            strategies.best_timestamp(*arguments, min_below=below, min_over=over)
    else:
        best = strategies.best_timestamp(*arguments, min_below=below, min_over=over)
        assert best == max(t for t, n in votes.items() if n == most)


def read(path: Path, content: str) -> Table:
    return read_split(write_text(path, content), timestamps=True)


def test_times_are_numbers_of_any_size(tmp_path: Path) -> None:
    table = read(tmp_path / "a.tsv", "u\ta\t1\t1609786061000000001\nu\tb\t1\t1609786061000000002\n")
    assert np.diff(timestamps_of(table, "x")).tolist() == [1]
    table = read(tmp_path / "a.tsv", "u\ta\t\t1.5\nu\tb\t\t-2e3\n")
    assert timestamps_of(table, "x").tolist() == [1.5, -2000]


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (
            "\nu\ta\t1\nu\tb\t1\n",
            ["2:", "timestamp", "column", "header"],
        ),
        (
            "u\ta\t1\t5\n\nu\tb\t1\tnoon\nu\tc\t1\t\n",
            ["3:", "'noon'", "timestamp", "finite", "number"],
        ),
        ("u\ta\t1\t5\nu\tb\t1\t\n", ["2:", "''", "timestamp", "finite", "number"]),
        ("u\ta\t1\tinf\nu\tb\t1\t1\n", ["1:", "'inf'", "timestamp", "finite", "number"]),
    ],
)
def test_missing_times_are_reported_by_line(tmp_path: Path, content: str, facts: list[str]) -> None:
    table = read(tmp_path / "a.tsv", content)
    reported = refusal(DataError, timestamps_of, table, "it")
    assert_contains(reported, [tmp_path / "a.tsv", *facts])


def test_lines_are_counted_from_the_header(tmp_path: Path) -> None:
    for name, times in (("a.csv", ["noon", "1"]), ("b.csv", None)):
        rows = ["user,item,timestamp"] + [f"u,{n},{time}" for n, time in enumerate(times or ())]
        lines = rows if times else ["", "item,user", "a,u"]
        path = write_text(tmp_path / name, "\n".join(lines))
        table = read_split(path, header=True, timestamps=True)
        with pytest.raises(DataError) as error:
            timestamps_of(table, "it")
        assert_contains(str(error.value), [f"{path}:{2 if times else 3}", "timestamp"])


def test_a_repeated_row_without_a_time_that_does_not_count_needs_none(tmp_path: Path) -> None:
    table = read(tmp_path / "a.tsv", "u\ta\t1\tnoon\nu\tb\t1\t2\nu\ta\t1\t9\n")
    assert timestamps_of(table, "it").tolist() == [2, 9]


# The order of the file


@given(
    st.lists(
        st.tuples(st.sampled_from(["2", "10", "1"]), st.sampled_from(["7", "30", "100", "9"])),
        unique=True,
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_sorted_rows_do_not_depend_on_the_file(tmp_path_factory, pairs, random) -> None:
    folder = tmp_path_factory.mktemp("rows")
    frames = []
    for name, rows in (("a", pairs), ("b", random.sample(pairs, len(pairs)))):
        table = read(folder / name, "".join(f"{u}\t{i}\t1\t{u}{i}\n" for u, i in rows))
        frames.append(sort_rows(table.frame))
    listed = [list(zip(f["user_id"], f["item_id"], f["timestamp"], strict=True)) for f in frames]
    assert listed[0] == listed[1]
    keys = [(int(user), int(item)) for user, item, _ in listed[0]]
    assert keys == sorted(keys)
    counts = Counter(user for user, _, _ in listed[0])
    assert np.bincount(runs_of(frames[0])).tolist() == list(counts.values())


# Folders of folds


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(root / name, "u\ti\t1\n")
    return root


def test_a_flat_folder_of_folds_in_the_order_of_numbers(tmp_path: Path) -> None:
    root = make(tmp_path, "10/train.txt", "10/test.tsv", "2/train.tsv", "2/test.txt", ".x/test.tsv")
    folds = find_folds(root)
    assert [fold.name for fold in folds] == ["2", "10"]
    assert folds[1].paths == {"train": root / "10/train.txt", "test": root / "10/test.tsv"}


def test_folds_of_any_form_that_is_read(tmp_path: Path) -> None:
    root = make(tmp_path, "0/train.csv.gz", "0/val.json", "0/test.inter")
    (fold,) = find_folds(root)
    assert {path.name for path in fold.paths.values()} == {"train.csv.gz", "val.json", "test.inter"}


def test_nested_folds(tmp_path: Path) -> None:
    names = [f"0/{inner}/{split}.tsv" for inner in (0, 1) for split in ("train", "val")]
    root = make(tmp_path, "0/test.tsv", *names, "1/test.tsv", "1/0/train.tsv", "1/0/validation.txt")
    folds = find_folds(root)
    assert [fold.name for fold in folds] == ["0/0", "0/1", "1/0"]
    assert folds[1].paths["validation"] == root / "0/1/val.tsv"
    assert folds[1].paths["test"] == root / "0/test.tsv"
    assert folds[2].paths["validation"] == root / "1/0/validation.txt"


def test_names_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    root = make(tmp_path, "0/test.tsv", "0/0/train.tsv", "0/0/val.tsv")
    assert find_folds(root) == (FoldFiles("", find_folds(root)[0].paths),)
    make(tmp_path, "1/test.tsv", "1/train.tsv", "1/val.tsv")
    assert [fold.name for fold in find_folds(root)] == ["0", "1"]


@pytest.mark.parametrize(
    ("names", "facts"),
    [
        ([], ["folds"]),
        (["train.tsv", "test.tsv"], ["folds"]),
        (["0/train.tsv"], ["test.tsv"]),
        (["0/test.tsv"], ["train.tsv"]),
        (["0/test.tsv", "0/0/train.tsv"], ["val.tsv"]),
        (["0/test.tsv", "0/test.txt", "0/train.tsv"], ["test.tsv", "test.txt"]),
        (
            ["0/test.tsv", "0/train.tsv", "0/0/train.tsv", "0/0/val.tsv"],
            ["train.tsv", "folder"],
        ),
        (
            ["0/test.tsv", "0/0/test.tsv", "0/0/train.tsv", "0/0/val.tsv"],
            ["{}/0/0/test.tsv", "{}/0/test.tsv", "test", "split"],
        ),
        (
            ["0/test.tsv", "0/train.tsv", "0/val.tsv", "1/test.tsv", "1/train.tsv"],
            ["validation", "split", "folds"],
        ),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, names: list[str], facts: list[str]) -> None:
    root = make(tmp_path, *names)
    message = refusal(DataError, find_folds, root).replace(str(root), "{}")
    assert_contains(message, facts)


def test_a_folder_is_written_whole_and_never_over_another(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folds"
    files = [("0/a.tsv", "1\n"), ("b.tsv", "2\n")]
    write_folder(folder, files)
    assert (folder / "0/a.tsv").read_text() == "1\n"
    before = (folder / "b.tsv").stat().st_ino
    write_folder(folder, files)  # the same already
    assert (folder / "b.tsv").stat().st_ino == before
    for other, name in (
        ([*files, ("c.tsv", "")], "c.tsv"),
        (files[:1], "b.tsv"),
        ([("0/a.tsv", "9\n"), files[1]], "0/a.tsv"),
    ):
        reported = refusal(DataError, write_folder, folder, other)
        assert_contains(reported, [f"{folder}:", "other content", name])
    assert (folder / "0/a.tsv").read_text() == "1\n"
    assert [path.name for path in folder.parent.iterdir()] == ["folds"]


def test_a_folder_that_fails_half_way_is_not_there(tmp_path: Path) -> None:
    def failing():
        yield "0/a.tsv", "1\n"
        raise DataError("no more")

    assert refusal(DataError, write_folder, tmp_path / "folds", failing()) == "no more"
    assert list(tmp_path.iterdir()) == []
