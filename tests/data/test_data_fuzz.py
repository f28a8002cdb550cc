"""Damaged interaction files: each is a DataError that names the file, or a sound table."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refusal, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.data import Table, align, read_labelled, read_split
from mmrec.errors import DataError

LABELLED = "userID\titemID\trating\ttimestamp\tx_label\n" + "".join(
    f"{row % 3}\t{row}\t{row % 5}\t{1000 + row}\t{row % 3}\n" for row in range(9)
)
SOUND: dict[str, bytes] = {
    "t.tsv": b"u\ti\t4\t10\nv\tj\t5\t11\n\nu\tj\t1\t12\n",
    "t.csv": b'user,item,rating,note\nu,i,4,\nv,"j, k",5,"a\nb"\n',
    "t.tsv.gz": gzip.compress(b"u\ti\nv\tj\n" * 99, mtime=0),
    "t.inter": b"user_id:token\titem_id:token\trating:float\nu\ti\t4\nv\tj\t5\n",
    "labelled.inter": LABELLED.encode(),
    "labelled.inter.gz": gzip.compress(LABELLED.encode(), mtime=0),
    "t.json": json.dumps({"0": [1, 2], "1": ["a", 3]}).encode(),
}


def read(path: Path) -> list[Table]:
    header = ".csv" in path.name
    if path.name.startswith("labelled"):
        return list(read_labelled(path, header=header).values())
    return [read_split(path, header=header)]


def check(path: Path) -> None:
    """The file is refused by its name, or read as tables that can be brought together."""
    before = {entry.name: entry.read_bytes() for entry in path.parent.iterdir()}
    reported, tables = "", []
    try:
        tables = read(path)
    except DataError as error:  # either outcome will do
        reported = str(error)
    if reported:
        assert reported.startswith(str(path))
        assert len(reported) < len(str(path)) + 700
    else:
        for table in tables:
            frame = table.frame
            assert len(frame)
            assert np.isfinite(frame["rating"]).all()
            assert not frame.duplicated(["user_id", "item_id"]).any()
            for column in ("user_id", "item_id"):
                texts = frame[column].tolist()
                assert all(isinstance(text, str) and text.strip() for text in texts)
                assert not any(character in text for text in texts for character in "\t\r\n\0")
            aligned = align({"train": table, "test": table}, {})
            assert len(aligned.splits["train"]) == len(frame)
    assert {entry.name: entry.read_bytes() for entry in path.parent.iterdir()} == before


@pytest.mark.parametrize("name", SOUND)
@settings(max_examples=150)
@given(data=st.data())
def test_bytes_that_are_changed(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(SOUND[name])
    pieces = st.one_of(
        st.binary(max_size=9),
        st.sampled_from(
            [b"\n", b"\r", b"\t", b",", b'"', b"\0", b"\xef\xbb\xbf", b"\xff", b"[", b"}"]
        ),
    )
    for _ in range(data.draw(st.integers(1, 3), label="damages")):
        start = data.draw(st.integers(0, len(content)), label="place")
        length = data.draw(st.sampled_from([0, 1, 1, 1, 8, len(content)]), label="length")
        content[start : start + length] = data.draw(pieces, label="instead")
    check(write_text(folder_of(name, tmp_path_factory) / name, bytes(content)))


@pytest.mark.parametrize("name", [name for name in SOUND if name.endswith(".gz")])
@settings(max_examples=100)
@given(data=st.data())
def test_text_that_is_changed_before_it_is_compressed(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(gzip.decompress(SOUND[name]))
    start = data.draw(st.integers(0, len(content)), label="place")
    content[start : start + 2] = data.draw(st.binary(max_size=4), label="instead")
    path = folder_of(name, tmp_path_factory) / name
    check(write_text(path, gzip.compress(bytes(content), 1)))


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(value=_values)
def test_json_of_any_other_shape(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = folder_of("json", tmp_path_factory) / "t.json"
    check(write_text(path, json.dumps(value)))


def folder_of(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    folder.mkdir(exist_ok=True)
    return folder


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["t.tsv", "t.csv", "t.inter", "t.json", "t.pkl", "t.tsv.gz"])
def test_nothing_is_unpickled(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "exploded"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        content = pickle.dumps(Bomb(marker), protocol)
        path = write_text(tmp_path / name, content)
        for data in (content, gzip.compress(content)):
            write_text(path, data)
            assert refusal(DataError, read, path).startswith(str(path))
            assert not marker.exists()
