"""Files of interactions that can be read, but whose rows would not be those that were meant."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import assert_contains, refusal, write_text

from mmrec.data import TableForm, read_split, timestamps_of
from mmrec.errors import DataError

PAIRS = "u1\t10\nu1\t11\nu2\t10\nu3\t12\n"


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize("head", ["customer\tsong\n", "users\titems\n", "uid\tsid\n"])
def test_a_first_line_unlike_all_others_is_refused(head: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", head + PAIRS)
    assert_contains(refusal(DataError, read_split, path), [f"{path}:1:", "header: true"])


@pytest.mark.parametrize(
    "first", ["anna\tbook\nanna\t1\n", "anna\t1\n", "u1\tbook\n", "anna\tbook\nbob\tpen\n"]
)
def test_a_first_line_that_may_be_a_row_is_one(first: str, tmp_path: Path) -> None:
    table = read_split(write_text(tmp_path / "r.tsv", first + PAIRS))
    assert len(table.frame) == (first + PAIRS).count("\n")


def test_a_first_line_with_a_rating_is_a_row(tmp_path: Path) -> None:
    rows = "anna\tbook\t5\n" + PAIRS.replace("\n", "\t4\n")
    assert len(read_split(write_text(tmp_path / "r.tsv", rows)).frame) == 5


def test_a_few_lines_do_not_tell_a_header(tmp_path: Path) -> None:
    assert len(read_split(write_text(tmp_path / "r.tsv", "anna\tbook\nu1\t1\n")).frame) == 2


@pytest.mark.parametrize("head", ["item\tuser\n", "user_id:token\titem_id:token\n"])
def test_a_repeated_header_is_refused(head: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", head + PAIRS + head + PAIRS)
    message = refusal(DataError, lambda: read_split(path, header=True))
    assert_contains(message, [f"{path}:6:", "header"])


@pytest.mark.parametrize(
    "content",
    [
        {"user": ["u1", "u2"], "item": [3, 4]},
        {"userID": [1, 2], "itemID": [3, 4], "rating": [5, 4]},
        {"train": [1], "val": [2], "test": [3]},
    ],
    ids=["columns", "columns with ratings", "splits"],
)
def test_json_of_another_form_is_refused(content: dict[str, list[int]], tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.json", json.dumps(content))
    assert_contains(refusal(DataError, read_split, path), [f"{path}:", *content])


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gbk", "utf-16"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf_8_is_not_read_as_another_encoding(encoding: str, mark: str, tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", f"{mark}Zoë\t1\nu2\t2\n")
    form = TableForm(encoding=encoding)
    assert_contains(refusal(DataError, lambda: read_split(path, form=form)), [path, encoding])


def test_ascii_is_text_of_every_encoding(tmp_path: Path) -> None:
    path = write_text(tmp_path / "r.tsv", PAIRS)
    assert len(read_split(path, form=TableForm(encoding="latin-1")).frame) == 4


@pytest.mark.parametrize("name", ["\ufeff10", "1\u200b0", "1.2E+17", "1e+01"])
def test_ids_that_are_not_what_they_seem_are_a_warning(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = read_split(write_text(tmp_path / "r.tsv", f"u1\t{name}\nu2\t7\n"))
    assert set(table.frame["item_id"]) == {name, "7"}
    [message] = warnings_of(caplog)
    assert_contains(message, ["r.tsv", "item_id", repr(name)])


@pytest.mark.parametrize("name", ["a b", "1e5", "B00E+X", "Zoë", "-1"])
def test_other_ids_are_no_warning(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_split(write_text(tmp_path / "r.tsv", f"u1\t{name}\nu2\t7\n"))
    assert not warnings_of(caplog)


def test_ratings_that_are_items_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lists = "".join(f"u\t{item}\t{(item + 1) % 30}\n" for item in range(30))
    read_split(write_text(tmp_path / "r.tsv", lists))
    [message] = warnings_of(caplog)
    assert_contains(message, ["r.tsv", "30", "items"])


@pytest.mark.parametrize("time", ["9999-12-31", "1600-01-01T00:00:00Z"])
@pytest.mark.parametrize("rule", ["last", "latest"])
def test_dates_that_are_out_of_range_are_refused(time: str, rule: str, tmp_path: Path) -> None:
    path = write_text(
        tmp_path / "r.tsv", f"u\ta\t1\t2014-07-23\nu\tb\t1\t{time}\nu\tb\t2\t{time}\n"
    )
    form = TableForm(duplicates=rule)  # type: ignore[arg-type]

    def times() -> object:
        return timestamps_of(read_split(path, timestamps=True, form=form), "temporal_hold_out")

    assert_contains(refusal(DataError, times), [f"{path}:", time])


def test_timestamps_that_cannot_order_rows_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    units = "u\ta\t1\t1400000000\nu\tb\t1\t1500000000000\n"
    for name, text, facts in (
        ("units.tsv", units, ["seconds", "1400000000", "1500000000000"]),
        ("equal.tsv", "u\ta\t1\t7\nu\tb\t1\t7\n", ["equal.tsv", "7"]),
    ):
        caplog.clear()
        table = read_split(write_text(tmp_path / name, text), timestamps=True)
        timestamps_of(table, "temporal_hold_out")
        [message] = warnings_of(caplog)
        assert_contains(message, [name, *facts])
    for rows, expected in (
        ("u\ta\t1\t1400000000\nu\tb\t1\t1500000000\n", [1_400_000_000, 1_500_000_000]),
        ("u\ta\t1\t1400000000000\nu\tb\t1\t1500000000000\n", [14 * 10**11, 15 * 10**11]),
        ("u\ta\t1\t5\nu\tb\t1\t1500000000\nu\tc\t1\t1500000000000\n", [5, 15 * 10**8, 15 * 10**11]),
        ("u\ta\t1\t7\n", [7]),
    ):
        caplog.clear()
        table = read_split(write_text(tmp_path / "r.tsv", rows), timestamps=True)
        np.testing.assert_array_equal(timestamps_of(table, ""), expected)
        assert not warnings_of(caplog)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("r.tsv", content)
    return file.getvalue()


def tarred(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("r.tsv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "a zip archive": zipped,
    "a tar archive": tarred,
    "a bzip2 file": bz2.compress,
    "an xz file": lzma.compress,
    "a gzip stream in a gzip stream": lambda content: gzip.compress(gzip.compress(content)),
    "a Parquet table": lambda content: b"PAR1\x15\x04" + content,
    "a pickle": pickle.dumps,
}


@pytest.mark.parametrize("what", PACKED)
@pytest.mark.parametrize("name", ["r.tsv", "r.csv", "r.json", "r.tsv.gz"])
def test_files_that_are_not_text_are_named(what: str, name: str, tmp_path: Path) -> None:
    content = PACKED[what](PAIRS.encode())
    path = write_text(tmp_path / name, gzip.compress(content) if name[-2:] == "gz" else content)
    assert_contains(refusal(DataError, read_split, path), [f"{path}:", what])


@pytest.mark.parametrize("user", ["PAR1", "BZh91", "PK"])
def test_text_that_starts_like_another_file(user: str, tmp_path: Path) -> None:
    table = read_split(write_text(tmp_path / "r.tsv", f"{user}\t1\n"))
    assert list(table.frame["user_id"]) == [user]
