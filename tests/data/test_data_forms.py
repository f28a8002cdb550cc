"""Interactions in the forms that people have them in: headers, commas, gzip, labels, JSON."""

from __future__ import annotations

import codecs
import gzip
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text

from mmrec.data import Table, read_labelled, read_split
from mmrec.data.reading.delimited import line_of_row
from mmrec.errors import DataError

ROWS = [("u1", "i9", 4.0), ("u1", "Zoë", 2.0), ("007", "i9", 5.0)]


def rows(table: Table) -> list[tuple[str, str, float]]:
    columns = (table.frame[name] for name in ("user_id", "item_id", "rating"))
    return list(zip(*columns, strict=True))


def lines(separator: str = "\t", head: str = "") -> str:
    return head + "".join(separator.join(map(str, row)) + "\n" for row in ROWS)


def refused(path: Path, *, header: bool = False, labelled: bool = False) -> str:
    """What is said about a file, which {path} stands for."""
    read = read_labelled if labelled else read_split
    return refusal(DataError, lambda: read(path, header=header)).replace(str(path), "{path}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", lines()),
        ("t.txt", lines()),
        ("t", lines()),
        ("t.csv", lines(",")),
        ("T.CSV", lines(",")),
        ("t.csv", '"u1","i9",4\n"u1",Zoë,"2"\n007,i9,5\n'),
        ("t.csv", codecs.BOM_UTF8 + lines(",").replace("\n", "\r\n").encode()),
        ("t.tsv.gz", gzip.compress(lines().encode())),
        ("t.csv.gz", gzip.compress(lines(",").encode())),
        ("t.txt", gzip.compress(codecs.BOM_UTF8 + lines().encode())),
        (
            "t.csv.gz",
            gzip.compress(lines(",")[:7].encode()) + gzip.compress(lines(",")[7:].encode()),
        ),
    ],
    ids=[
        "tsv",
        "txt",
        "no ending",
        "csv",
        "upper case",
        "quoted",
        "csv, BOM, CRLF",
        "tsv.gz",
        "csv.gz",
        "gzip without its ending",
        "several members",
    ],
)
def test_forms_without_a_header(name: str, content: str | bytes, tmp_path: Path) -> None:
    table = read_split(write_text(tmp_path / name, content))
    assert rows(table) == ROWS
    assert (table.has_ratings, table.n_duplicates) == (True, 0)


@pytest.mark.parametrize(
    ("name", "head", "order"),
    [
        ("t.tsv", "user\titem\trating", [0, 1, 2]),
        ("t.csv", "userId,movieId,rating", [0, 1, 2]),
        ("t.csv", "rating,USER_ID,Item ID", [2, 0, 1]),
        ("t.csv", '"overall","asin","reviewerID"', [2, 1, 0]),
        ("t.inter", "user_id:token\titem_id:token\trating:float", [0, 1, 2]),
        ("t.inter", "iid:token\trating:float\tuid:token", [1, 2, 0]),
        ("t.inter", "userID\titemID\trating", [0, 1, 2]),
    ],
)
def test_a_header_gives_the_columns_in_any_order(
    name: str, head: str, order: list[int], tmp_path: Path
) -> None:
    separator = "," if "csv" in name else "\t"
    body = "".join(separator.join(str(row[place]) for place in order) + "\n" for row in ROWS)
    path = write_text(tmp_path / name, f"\n{head}\n\n{body}")
    table = read_split(path, header=name != "t.inter")
    assert rows(table) == ROWS
    if name != "t.inter":
        reported = refused(path)
        assert_contains(reported, ["{path}:2:"])
        assert "write 'header: true' in data_config" in reported
        assert head.replace("\t", "\\t").replace('"', "") in reported


def test_other_columns_are_left_out_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = 'title,user_id,asin,verified,timestamp\n"Say ""x"",\ny",u,1,no,7\n,v,2,yes,8.5\n'
    path = write_text(tmp_path / "t.csv", text)
    with caplog.at_level(logging.INFO):
        table = read_split(path, header=True)
    assert rows(table) == [("u", "1", 1.0), ("v", "2", 1.0)]
    assert list(table.frame) == ["user_id", "item_id", "rating"]
    assert not table.has_ratings
    [message] = caplog.messages
    assert_contains(message, [f"{path}:", "'title', 'verified'"])


@pytest.mark.parametrize(
    ("name", "content", "times", "lines"),
    [
        ("t.tsv", "u\ti\t1\t964982703\n\nv\ti\t1\tnoon\n", ["964982703", "noon"], [1, 3]),
        ("t.tsv", "u\ti\t1\t5\nv\ti\t1\t6\nu\ti\t1\t\n", ["6", ""], [2, 3]),
        ("t.inter", "uid\ttimestamp\tiid\n\nu\t07.0\ti\n", ["07.0"], [3]),
        ("t.csv", 'user,note,item,timestamp\n"u","a\nb",i,1\nv,,i,2\n', ["1", "2"], [2, 4]),
        ("t.tsv", "u\ti\t1\nv\ti\t1\n", None, [1, 2]),
        ("t.json", '{"u":\n["i", "j"]}', None, [1, 1]),
    ],
)
def test_times(
    name: str, content: str, times: list[str] | None, lines: list[int], tmp_path: Path
) -> None:
    path = write_text(tmp_path / name, content)
    header = name == "t.csv"
    assert "timestamp" not in read_split(path, header=header).frame
    frame = read_split(path, header=header, timestamps=True).frame
    assert (frame["timestamp"].tolist() if "timestamp" in frame else None) == times
    rows = frame["row"] if times is not None else range(len(frame))
    assert [line_of_row(path, row, header=header) for row in rows] == lines


LABELLED = (
    "userID\titemID\trating\ttimestamp\tx_label\n"
    "0\t1\t5\t10\t0\n1\t1\t3\t11\t2\n0\t2\t4\t12\t1\n0\t1\t1\t13\t0\n1\t0\t2\t14\t0\n"
)


def test_splits_by_label(tmp_path: Path) -> None:
    tables = read_labelled(write_text(tmp_path / "baby.inter", LABELLED))
    assert {split: rows(table) for split, table in tables.items()} == {
        "train": [("0", "1", 1.0), ("1", "0", 2.0)],
        "validation": [("0", "2", 4.0)],
        "test": [("1", "1", 3.0)],
    }
    assert [table.n_duplicates for table in tables.values()] == [1, 0, 0]
    assert list(tables["test"].frame["item_id"].cat.categories) == ["1"]
    csv = write_text(tmp_path / "t.csv", LABELLED.replace("\t", ","))
    assert rows(read_labelled(csv, header=True)["train"]) == rows(tables["train"])
    without = LABELLED.replace("\t1\n0\t1\t1", "\t0\n0\t1\t1")
    assert list(read_labelled(write_text(tmp_path / "t.inter", without))) == ["train", "test"]


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        (
            "t.inter",
            LABELLED.replace("14\t0", "14\t7"),
            ["{path}:6:", "'7'", "'1\\t0\\t2\\t14\\t7'", "x_label"],
        ),
        ("t.inter", LABELLED.replace("14\t0", "14\t"), ["{path}:6:", "''", "x_label"]),
        ("t.inter", LABELLED.replace("\t2\n", "\t1\n"), ["{path}:", "x_label", "row"]),
        (
            "t.inter",
            LABELLED.replace("x_label", "label"),
            ["{path}:", "'x_label'", "column"],
        ),
        ("t.csv", "1,2,3\n", ["{path}:", "'x_label'", "column"]),
        ("t.json", '{"1": [2]}', ["{path}:", "'x_label'", "column"]),
    ],
)
def test_labels_that_are_refused(name: str, content: str, facts: list[str], tmp_path: Path) -> None:
    assert_contains(refused(write_text(tmp_path / name, content), labelled=True), facts)


def test_a_file_of_all_splits_is_not_taken_for_one(tmp_path: Path) -> None:
    reported = refused(write_text(tmp_path / "t.inter", LABELLED))
    assert_contains(reported, ["{path}:", "'x_label'", "column", "split", "row"])
    assert "'dataset_path'" in reported


def test_lists_of_lattice(tmp_path: Path) -> None:
    content = {"0": [3, 1, 3], "2": [], "10": ["Zoë", "007"]}
    for data in (
        json.dumps(content).encode(),
        gzip.compress(json.dumps(content, indent=1).encode()),
    ):
        table = read_split(write_text(tmp_path / "train.json", data))
        assert rows(table) == [("0", "1", 1), ("0", "3", 1), ("10", "Zoë", 1), ("10", "007", 1)]
        assert (table.has_ratings, table.n_duplicates) == (False, 1)


REFUSED = [
    (
        "t.inter",
        "1\t2\t3\n4\t5\t6\n",
        ["{path}:1:", "'1'", "'2'", "'3'", "user_id", "item_id", "reviewer_id"],
    ),
    (
        "t.csv",
        "user,thing\n1,2\n",
        ["{path}:1:", "'user'", "'thing'", "item_id", "parent_asin", "movie_id"],
    ),
    (
        "t.csv",
        "user,asin,parent_asin\n1,2,3\n",
        ["{path}:1:", "'asin'", "'parent_asin'", "item_id", "columns"],
    ),
    (
        "t.csv",
        f"user,item,note\n1,2,{'x' * 200_000}\n",
        ["{path}:", "line"],
    ),
    ("t.csv", "user,item\n", ["{path}:", "file", "header", "rows"]),
    ("t.csv", "", ["{path}:", "file", "empty", "lines"]),
    (
        "t.csv",
        "user,item,rating\n1,2\n1,3\n",
        ["{path}:2:", "'1,2'", "expected 3", "found 2", "columns", "line"],
    ),
    (
        "t.csv",
        "user,item,note\n1,2,\n12,34",
        ["{path}:3:", "'12,34'", "expected 3", "found 2", "columns", "line"],
    ),
    (
        "t.csv",
        "user,item\n1,2,3\n1,3,3\n",
        ["{path}:2:", "'1,2,3'", "expected 2", "found 3", "columns", "line"],
    ),
    (
        "t.csv",
        'user,item,rating\n"a\nb",2,3\n1,2,3\n1,"2",x\n',
        ["{path}:5:", "'x'", "'1,2,x'", "rating", "finite", "number"],
    ),
    ("t.csv", 'user,item\n"a\tb",2\n', ["{path}:", "'a\\tb'", "user_id", "tab", "line"]),
    (
        "t.csv",
        'user,item,rating\n1,2,3\n"1,3,3\n1,4,3\n',
        ["{path}:3:", "expected 3", "found 1", "columns", "line"],
    ),
    ("t.csv", "user,item\n1,2\n1,\n", ["{path}:3:", "'1,'", "user", "item", "empty"]),
    ("t.csv", 'user,item\n1,2\n""\n', ["{path}"]),
    (
        "t.csv.gz",
        lines(","),
        ["{path}:", "gzip", "text"],
    ),
    (
        "t.tsv",
        gzip.compress(lines().encode(), mtime=0)[:-9],
        ["{path}:", "gzip", "text", "file"],
    ),
    (
        "t.tsv.gz",
        gzip.compress(lines().encode(), mtime=0)[:-8] + bytes(8),
        ["{path}:", "gzip"],
    ),
    ("t.tsv.gz", b"\x1f\x8b\x08\0" + b"?" * 40, ["{path}:", "gzip"]),
    (
        "t.tsv",
        "u\ti\nv\tj\0k\n",
        ["{path}:2:", "'v\\tj\\x00k'", "NUL"],
    ),
    ("t.tsv", np.lib.format.magic(1, 0), ["{path}:1:", "UTF-8", "udc93NUMPY", "line"]),
    ("t.tsv", "u\ti\n" + "v" * (3 << 20), ["{path}:2:", "1,048,576", "line"]),
    (
        "t.tsv",
        b"u\ti\n" + "Zoë".encode()[:-1],
        ["{path}:2:", "UTF-8", "line", "text"],
    ),
    ("t.json", "", ["{path}:1:", "JSON", "value", "column"]),
    ("t.json", '{"1": [2],\n"2": [3,]}', ["{path}:2:", "JSON"]),
    ("t.json", "[[1, 2]]", ["{path}:", "user", "item"]),
    (
        "t.json",
        '{"1": {"2": 3}}',
        ["{path}:", "'1'", "'2'", "list", "items", "user"],
    ),
    (
        "t.json",
        '{"1": [2.5]}',
        ["{path}:", "'1'", "number", "text", "item"],
    ),
    (
        "t.json",
        '{"1": [true]}',
        ["{path}:", "'1'", "number", "text", "item"],
    ),
    (
        "t.json",
        '{"1": [NaN]}',
        ["{path}:", "'1'", "number", "text", "item"],
    ),
    ("t.json", '{"1": []}', ["{path}:", "file", "empty", "user"]),
    ("t.json", '{"1": [2], "1": [3]}', ["{path}:", "'1'", "JSON", "user"]),
    ("t.json", '{"": [2]}', ["{path}:", "user", "item", "empty"]),
    ("t.json", '{"\\ud800": [2]}', ["{path}:", "'\\ud800'", "id", "text"]),
    ("t.json", '{"a\\nb": [2]}', ["{path}:", "'a\\nb'", "user_id", "tab", "line"]),
    ("t.json", b'{"Zo\xeb": [2]}', ["{path}:1:", "UTF-8", "line", "text"]),
    ("t.json", "[" * 100_000, ["{path}:", "JSON"]),
    ("t.json", '{"1": [' + "9" * 5000 + "]}", ["{path}:"]),
]


@pytest.mark.parametrize(("name", "content", "facts"), REFUSED)
def test_what_is_refused(name: str, content: str | bytes, facts: list[str], tmp_path: Path) -> None:
    path = write_text(tmp_path / name, content)
    assert_contains(refused(path, header=name == "t.csv"), facts)
    assert list(tmp_path.iterdir()) == [path]


def test_a_gzip_stream_of_many_chunks_that_breaks_off(tmp_path: Path) -> None:
    content = gzip.compress(b"".join(b"%d\t%d\n" % (n, n) for n in range(200_000)), 1)
    path = write_text(tmp_path / "t.tsv.gz", content[: len(content) - 99])
    assert_contains(refused(path), ["{path}:", "2,097,152", "gzip"])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_across_chunks(end: bytes, tmp_path: Path) -> None:
    line = b"1\t23456" + end
    n_lines = (5 << 19) // len(line)
    path = write_text(tmp_path / "t.tsv", line * n_lines + b"1\t\xff" + end)
    assert_contains(refused(path), [f"{n_lines + 1}", "UTF-8", "path", "line"])


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.tsv")
    reported = refused(tmp_path / "t.tsv")
    assert_contains(reported, ["{path}:", "file"])


@pytest.mark.parametrize("name", ["t.json.gz", "t.tsv.gz"])
def test_a_gzip_stream_that_expands_a_thousand_times(name: str, tmp_path: Path) -> None:
    content = b'{"u": ["i"], "v": ["' if "json" in name else b"u\ti\n"
    rows = b" " * (65 << 20) if "json" in name else b"\n" * (65 << 20)
    path = write_text(tmp_path / name, gzip.compress(content + rows, 9))
    assert_contains(refused(path), ["{path}:", "gzip", "300 times"])
