"""Names of columns, separators, encodings, duplicate rows and timestamps of interactions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import assert_contains, refusal, write_text

from mmrec.config import read_experiment
from mmrec.data import Table, TableForm, read_labelled, read_split, timestamps_of
from mmrec.errors import ConfigError, DataError
from mmrec.planning.datasets import load_splits
from mmrec.planning.plan import make_plan

Row = tuple[str, str, float]
ROWS: list[Row] = [("u1", "i9", 4.0), ("u1", "Zoë", 2.5), ("007", "i9", 5.0)]


def rows(table: Table) -> list[Row]:
    columns = (table.frame[name] for name in ("user_id", "item_id", "rating"))
    return list(zip(*columns, strict=True))


def joined(separator: str, head: str = "") -> str:
    return head + "".join(separator.join(map(str, row)) + "\n" for row in ROWS)


@pytest.mark.parametrize("separator", ["::", ";", "|", " ", ", ", " | ", "##", "\t", "~"])
@pytest.mark.parametrize("name", ["r.dat", "r.csv", "r.txt", "r.inter"])
@pytest.mark.parametrize("header", [True, False])
def test_separators(separator: str, name: str, header: bool, tmp_path: Path) -> None:
    header = header or name == "r.inter"
    head = separator.join(["user", "item", "rating"]) + "\n" if header else ""
    path = write_text(tmp_path / name, joined(separator, head))
    form = TableForm(separator=separator)
    assert rows(read_split(path, header=header, form=form)) == ROWS


def test_a_space_is_any_number_of_blanks(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.txt", "u1   i9 \t4\n  \n u1 Zoë  2.5 \n007 i9 5")
    form = TableForm(separator=" ")
    assert rows(read_split(path, form=form)) == ROWS
    write_text(path, "u1 i9 4\nu1 i9\n")
    message = refusal(DataError, lambda: read_split(path, form=form))
    assert_contains(message, ["r.txt:2", "expected 3", "found 2"])


def test_fields_between_semicolons_may_be_quoted(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.csv", 'note;user;item\n"a;""b""\nc";u;"i;1"\n')
    table = read_split(path, header=True, form=TableForm(separator=";"))
    assert rows(table) == [("u", "i;1", 1)]


@pytest.mark.parametrize(
    ("separator", "name"),
    [("::", "r.dat"), (" ", "r.txt"), (";", "r.csv"), ("|", "r.tsv"), ("\t", "r.csv")],
)
def test_another_separator_is_named_in_the_message(
    separator: str, name: str, tmp_path: Path
) -> None:
    path = write_text(tmp_path / name, joined(separator))
    message = refusal(DataError, read_split, path)
    assert_contains(message, [f"{name}:1", repr(separator), "separator: ", "data_config"])


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8-sig", "utf-16-le"])
@pytest.mark.parametrize("separator", [None, "::"])
def test_encodings(encoding: str, separator: str | None, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", joined(separator or "\t").encode(encoding))
    form = TableForm(encoding=encoding, separator=separator)
    assert rows(read_split(path, form=form)) == ROWS


def test_a_text_in_another_encoding(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", joined("\t").encode("latin-1"))
    assert_contains(refusal(DataError, read_split, path), ["r.tsv:2", "encoding: latin-1"])
    form = TableForm(encoding="ascii")
    assert_contains(refusal(DataError, lambda: read_split(path, form=form)), ["r.tsv", "ascii"])


COLUMNS = {"user_id": "customer", "item_id": "song", "rating": "stars", "timestamp": "date"}


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.inter"])
def test_names_of_columns(name: str, tmp_path: Path) -> None:
    text = "stars:float,user_id,customer:token,song,date\n" + "".join(
        f"{rating},x,{user},{item},2014-07-0{n + 1}\n"
        for n, (user, item, rating) in enumerate(ROWS)
    )
    path = write_text(tmp_path / name, text if name == "r.csv" else text.replace(",", "\t"))
    table = read_split(path, timestamps=True, form=TableForm(columns=COLUMNS))
    assert rows(table) == ROWS
    assert np.diff(timestamps_of(table, "x")).tolist() == [86_400 * 10**9] * 2


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.csv", "user,item,star\nu,i,3\n")
    form = TableForm(columns={"rating": "stars"})
    message = refusal(DataError, lambda: read_split(path, form=form))
    assert_contains(message, ["r.csv:1", "'stars'", "did you mean 'star'", "columns"])


@pytest.mark.parametrize("name", ["stars", "label:float", "score", "Rate", "play_count", "vote"])
def test_a_column_like_a_rating_is_a_warning(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_text(tmp_path / "r.inter", f"user\titem\t{name}\nu\ti\t300\nu\tj\t1\n")
    with caplog.at_level(logging.WARNING):
        assert not read_split(path).has_ratings
    plain = name.partition(":")[0]
    assert_contains(caplog.text, ["r.inter:1", plain, f"columns: {{rating: {plain}}}"])
    caplog.clear()
    table = read_split(path, form=TableForm(columns={"rating": plain}))
    assert table.frame["rating"].tolist() == [300, 1]
    assert not caplog.records


@pytest.mark.parametrize(
    ("values", "is_reported"),
    [(["1", "5"], True), (["0.5", "4.5"], True), (["no", "yes"], False), (["1", "99"], False)],
)
def test_values_like_ratings_are_a_warning(
    values: list[str], is_reported: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = "".join(f"u,{n},{value}\n" for n, value in enumerate(values))
    path = write_text(tmp_path / "r.csv", "user,item,gusto\n" + body)
    with caplog.at_level(logging.WARNING):
        read_split(path, header=True)
    assert ("gusto" in caplog.text) is is_reported


def test_no_warning_if_there_is_a_rating(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_text(tmp_path / "r.csv", "user,item,rating,score\nu,i,3,4\nu,j,4,5\n")
    with caplog.at_level(logging.WARNING):
        assert rows(read_split(path, header=True)) == [("u", "i", 3), ("u", "j", 4)]
    assert not caplog.records


REPEATED = "u\ti\t1\t30\nv\ti\t2\t1\nu\ti\t4\t50\nu\ti\t2.5\t40\nu\tj\t3\t5\n"


@pytest.mark.parametrize(
    ("rule", "rating"), [("last", 2.5), ("first", 1), ("mean", 2.5), ("latest", 4)]
)
@pytest.mark.parametrize("timestamps", [True, False])
def test_duplicates(rule: Any, rating: float, timestamps: bool, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", REPEATED)
    table = read_split(path, timestamps=timestamps, form=TableForm(duplicates=rule))
    assert sorted(rows(table)) == [("u", "i", rating), ("u", "j", 3), ("v", "i", 2)]
    assert table.n_duplicates == 2
    assert ("timestamp" in table.frame) is timestamps
    labelled = "user\titem\trating\ttimestamp\tx_label\n" + REPEATED.replace("\n", "\t0\n")
    path = write_text(tmp_path / "r.inter", labelled + "u\ti\t9\t1\t2\n")
    tables = read_labelled(path, form=TableForm(duplicates=rule))
    assert sorted(rows(tables["train"])) == sorted(rows(table))


def test_of_equal_times_the_last_row_is_the_latest(tmp_path: Path) -> None:
    text = "".join(f"u\t{'ij'[n % 2]}\t{n}\t{n % 2}\n" for n in range(120))
    path = write_text(tmp_path / "r.tsv", text)
    table = read_split(path, form=TableForm(duplicates="latest"))
    assert rows(table) == [("u", "i", 118), ("u", "j", 119)]


def test_the_mean_does_not_depend_on_the_order(tmp_path: Path) -> None:
    ratings = ["0.1", "0.2", "0.3", "1e16", "-1e16"]
    form = TableForm(duplicates="mean")
    found = {
        read_split(
            write_text(tmp_path / "r.tsv", "".join(f"u\ti\t{r}\n" for r in order)), form=form
        ).frame["rating"][0]
        for order in (ratings, ratings[::-1], ratings[2:] + ratings[:2])
    }
    assert len(found) == 1


def test_duplicates_that_are_refused(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", "\n" + REPEATED)
    message = refusal(DataError, lambda: read_split(path, form=TableForm(duplicates="error")))
    assert_contains(message, ["r.tsv:4", "line 2", "'u'", "'i'"])
    write_text(path, "u\ti\t1\nu\ti\t2\n")
    message = refusal(DataError, lambda: read_split(path, form=TableForm(duplicates="latest")))
    assert_contains(message, ["r.tsv", "timestamps"])
    write_text(path, "u\ti\t1\t5\nu\ti\t2\tnoon\n")
    message = refusal(DataError, lambda: read_split(path, form=TableForm(duplicates="latest")))
    assert_contains(message, ["r.tsv:2", "noon"])


def times(tmp_path: Path, texts: list[str]) -> np.ndarray:
    body = "".join(f"u\t{n}\t1\t{text}\n" for n, text in enumerate(texts))
    return timestamps_of(read_split(write_text(tmp_path / "t.tsv", body), timestamps=True), "x")


def test_nanoseconds_are_compared_as_integers(tmp_path: Path) -> None:
    moments = [1_584_727_200_000_000_123, 1_584_727_200_000_000_124]
    for suffix in ("", ".0", "."):
        texts = [str(moments[0]), f"{moments[1]}{suffix}"]
        found = times(tmp_path, texts)
        assert found.dtype == np.int64
        assert found.tolist() == moments
    # A small number among them, and the first two that are equal as float64.
    found = times(tmp_path, ["5", f"{2**53}.0", f"{2**53 + 1}"])
    assert found.tolist() == [5, 2**53, 2**53 + 1]
    for texts in (["5.5", f"{2**53 + 1}"], ["5.0", f"{2**63}"]):  # not whole; beyond int64
        assert times(tmp_path, texts).tolist() == list(map(float, texts))


@pytest.mark.parametrize(
    "texts",
    [
        ["2014-07-23", "2014-07-24"],
        ["2014-07-23T10:30:00", "2014-07-23 10:30:01"],
        ["2014-07-23T12:00:00+02:00", "2014-07-23T10:00:01Z"],
        ["2014-07-23 10:30:00.000000001", "2014-07-23 10:30:00.000000002"],
    ],
)
def test_dates(texts: list[str], tmp_path: Path) -> None:
    found = times(tmp_path, texts)
    assert found.dtype == np.int64
    assert found.tolist() == [pd.Timestamp(text).value for text in texts]
    assert found[0] < found[1]


@pytest.mark.parametrize("other", ["noon", "7", "23.7.2014", ""])
def test_dates_among_other_texts_are_refused(other: str, tmp_path: Path) -> None:
    message = refusal(DataError, times, tmp_path, ["2014-07-23", other])
    assert_contains(message, ["t.tsv:", "timestamps"])


@pytest.mark.parametrize("column", ["user_id", "item_id"])
@pytest.mark.parametrize("name", ["nan", "None", "NaN", "<NA>", "null"])
def test_missing_ids_are_reported(
    name: str, column: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = (
        f"{name}\ti\n{name}\tj\nu\ti\n" if column == "user_id" else f"u\t{name}\nv\t{name}\nu\ti\n"
    )
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", rows))
    assert_contains(caplog.text, ["r.tsv", "2 of 3 rows", column, repr(name)])


def test_negative_ratings_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", "u\ti\t-2\nu\tj\t3\n"))
    assert_contains(caplog.text, ["r.tsv", "1 of 2 ratings", "-2", "relevance_threshold"])


def test_timestamps_in_the_place_of_ratings_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", "u\ti\t978300760\nu\tj\t978300761\n"))
    assert_contains(caplog.text, ["r.tsv", "978300760", "timestamps", "header"])
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", "u\ti\t978300760\nu\tj\t3\n"))
    assert not caplog.records


@pytest.mark.parametrize(("one", "other"), [("1.0", "1"), (" 1", "1"), ("a ", "a")])
def test_two_spellings_of_an_id_in_a_file_are_reported(
    one: str, other: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", f"u\t{one}\nv\t{other}\nu\tx\n"))
    assert_contains(caplog.text, ["r.tsv", "item_id", f"{one!r} and {other!r}"])
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        read_split(write_text(tmp_path / "r.tsv", f"u\t{one}\nv\t{one}\nu\t007\nu\t7\n"))
    assert not caplog.records


def experiment(folder: Path, text: str, **changes: Any) -> dict[str, Any]:
    write_text(folder / "all.dat", text)
    keys = {
        "separator": "::",
        "columns": {"user": "who", "item": "what", "rating": "stars", "timestamp": "day"},
        "duplicates": "latest",
        "encoding": "latin-1",
    }
    best = {"strategy": "fixed_timestamp", "timestamp": "2014-07-03"}
    return {
        "experiment": {
            "dataset": "tiny",
            "data_config": {"strategy": "dataset", "dataset_path": "all.dat", **keys},
            "splitting": {"test_splitting": best},
            "top_k": 2,
            "evaluation": {"simple_metrics": ["Recall"]},
            "models": {"MostPop": {}},
        }
        | changes
    }


DATED = "what::who::day::stars\n" + "".join(
    f"i{(user + day) % 3}é::{user}::2014-07-0{day}::{user + day}\n"
    for user in range(4)
    for day in (1, 2, 3)
)


def load(folder: Path, raw: dict[str, Any]) -> Any:
    return load_splits(make_plan(read_experiment(raw, folder)))


def test_the_keys_of_an_experiment(tmp_path: Path) -> None:
    raw = experiment(tmp_path, DATED)
    (tmp_path / "all.dat").write_bytes(DATED.encode("latin-1"))
    (dataset,) = load(tmp_path, raw)
    assert (len(dataset.train), len(dataset.test)) == (8, 4)
    assert sorted(dataset.test.ratings) == [3, 4, 5, 6]
    assert dataset.items.ids == ["i0é", "i1é", "i2é"]
    raw["experiment"]["splitting"] = {
        "test_splitting": {"strategy": "fixed_timestamp", "timestamp": "best"}
    }
    (dataset,) = load(tmp_path, raw)
    assert dataset.report.notes[0].endswith("2014-07-03T00:00:00")


def test_a_number_is_no_time_among_dates(tmp_path: Path) -> None:
    number = {"strategy": "fixed_timestamp", "timestamp": 1404172800}
    raw = experiment(tmp_path, DATED, splitting={"test_splitting": number})
    (tmp_path / "all.dat").write_bytes(DATED.encode("latin-1"))
    assert_contains(refusal(DataError, load, tmp_path, raw), ["all.dat", "dates", "1404172800"])


def test_a_large_timestamp_of_the_experiment_is_exact(tmp_path: Path) -> None:
    base = 1_584_727_200_000_000_000
    text = "".join(f"{u}\t{i}\t1\t{base + i}\n" for u in range(3) for i in range(4))
    text += "".join(f"{u}\t{i + 4}\t1\t{base - 1}\n" for u in range(3) for i in range(4))
    text += f"4\t2\t1\t{base - 1}\n4\t3\t1\t{base - 2}\n"
    write_text(tmp_path / "all.tsv", text)
    raw = experiment(tmp_path, "")
    raw["experiment"]["data_config"] = {"strategy": "dataset", "dataset_path": "all.tsv"}
    split = {"strategy": "fixed_timestamp", "timestamp": base + 2}
    raw["experiment"]["splitting"] = {"test_splitting": split}
    (dataset,) = load(tmp_path, raw)
    assert len(dataset.test) == 6


@pytest.mark.parametrize(
    ("key", "value", "facts"),
    [
        ("separator", "a", ["separator", "'a'", "'::'"]),
        ("separator", "", ["separator", "''"]),
        ("encoding", "utf-9", ["encoding", "'utf-9'", "latin-1"]),
        ("encoding", "hex", ["encoding", "'hex'"]),
        ("duplicates", "newest", ["duplicates", "'newest'", "'latest'"]),
        ("columns", {"users": "u"}, ["columns.users", "did you mean 'user'"]),
        ("columns", {"user": "a", "item": "a"}, ["columns", "a"]),
    ],
)
def test_wrong_keys(key: str, value: object, facts: list[str], tmp_path: Path) -> None:
    raw = experiment(tmp_path, DATED)
    raw["experiment"]["data_config"][key] = value
    message = refusal(ConfigError, lambda: make_plan(read_experiment(raw, tmp_path)))
    assert_contains(message, facts)


def test_json_lists_have_no_columns(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.json", '{"u": ["i"]}')
    for form in (TableForm(separator=";"), TableForm(columns={"user_id": "u"})):
        assert_contains(refusal(DataError, lambda f=form: read_split(path, form=f)), ["r.json"])
