"""Damaged, hostile and mismatched files: each is a DataError that names the file and the place."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import assert_contains, refusal, write_text
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrec.errors import DataError
from mmrec.features import VisualAttribute, load_features
from mmrec.features.convert import convert
from mmrec.features.formats import SUFFIXES

MATRIX = np.arange(1.0, 7.0, dtype=np.float32).reshape(3, 2)
IDS = ["a", "b", "c"]


def refused(path: Path, ids: list[str] | None = None) -> str:
    """What is said about a path, which {path} stands for; and nothing is written."""
    before = state(path.parent)
    loader = VisualAttribute(path)
    reported = refusal(DataError, lambda: load_features([loader], ids or sorted(loader.items())))
    assert state(path.parent) == before
    assert str(path) in reported or str(path.with_suffix("")) in reported
    return reported.replace(str(path), "{path}")


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def pt(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def safetensors(
    shape: list[int], data: bytes, *, kind: str = "F32", metadata: object = None, **others: object
) -> bytes:
    entry = {"dtype": kind, "shape": shape, "data_offsets": [0, len(data)]}
    header: dict[str, object] = {"features": entry, **others}
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


ROWS = MATRIX.tobytes()
HUGE = np.lib.format.magic(2, 0) + (2**31).to_bytes(4, "little") + b"{'descr': '<f4', "


def huge_shape(shape: str) -> bytes:
    """A header that promises more than there is."""
    return npy(MATRIX).replace(b"(3, 2), }" + b" " * (len(shape) - 6), f"{shape}, }}".encode())


FILES: dict[str, tuple[str, bytes, str]] = {
    "npy empty": ("f.npy", b"", ["{path}:", "EOF", "matrix"]),
    "npy of another kind": ("f.npy", b"PK\3\4" * 40, ["{path}:", "matrix"]),
    "npy cut in its header": ("f.npy", npy(MATRIX)[:50], ["{path}:", "EOF", "matrix"]),
    "npy cut in its rows": (
        "f.npy",
        npy(MATRIX)[:-1],
        ["{path}:", "matrix", "file"],
    ),
    "npy with a huge header": ("f.npy", HUGE, ["{path}:", "EOF", "matrix"]),
    "npy with a huge shape": (
        "f.npy",
        huge_shape("(9999999999, 99999)"),
        ["{path}:", "matrix"],
    ),
    "npy with an impossible shape": (
        "f.npy",
        huge_shape("(99999999999999999999, 99)"),
        ["{path}:", "matrix"],
    ),
    "npy with a negative shape": ("f.npy", huge_shape("(-3, -2)"), ["{path}:"]),
    "npy of one vector": ("f.npy", npy(MATRIX[0]), ["{path}:", "folder", "item", "files"]),
    "npy of one number": ("f.npy", npy(np.float32(1)), ["{path}:", "matrix", "row"]),
    "npy of three dimensions": (
        "f.npy",
        npy(MATRIX[None]),
        ["{path}:", "(1, 3, 2)", "matrix", "row", "item"],
    ),
    "npy without columns": ("f.npy", npy(np.ones((3, 0))), ["{path}:"]),
    "npy without rows": ("f.npy", npy(np.ones((0, 3))), ["{path}:"]),
    "npy of complex numbers": (
        "f.npy",
        npy(MATRIX.astype(complex)),
        ["{path}:", "matrix", "numbers"],
    ),
    "npy of text": ("f.npy", npy(np.array([["a"]])), ["{path}:", "matrix", "numbers"]),
    "npy of objects": (
        "f.npy",
        npy(MATRIX.astype(object), allow_pickle=True),
        ["{path}:", "matrix", "pickled", "object"],
    ),
    "npy of NaN": (
        "f.npy",
        npy(np.array([[1, np.nan], [1, 2]])),
        ["{path}:", "NaN", "vectors", "items"],
    ),
    "npz no archive": ("f.npz", b"PK no archive", ["{path}:", "archive", "arrays"]),
    "npz cut": ("f.npz", npz(ids=IDS, features=MATRIX)[:-30], ["{path}:"]),
    "npz empty": (
        "f.npz",
        npz(),
        ["{path}:", "'ids'", "'features'", "item"],
    ),
    "npz without ids": (
        "f.npz",
        npz(features=MATRIX),
        ["{path}:", "'ids'", "'features'", "item"],
    ),
    "npz with too few ids": (
        "f.npz",
        npz(ids=IDS[:2], features=MATRIX),
        ["{path}:", "ids", "vectors"],
    ),
    "npz with an id twice": (
        "f.npz",
        npz(ids=["a", "b", "a"], features=MATRIX),
        ["{path}:", "'a'", "id", "rows"],
    ),
    "npz with an empty id": (
        "f.npz",
        npz(ids=["a", "", "c"], features=MATRIX),
        ["{path}:", "id", "row", "empty"],
    ),
    "npz with ids of floats": (
        "f.npz",
        npz(ids=np.array([1.0, 2.0, 3.0]), features=MATRIX),
        ["{path}:", "ids", "array", "text"],
    ),
    "npz with ids of objects": (
        "f.npz",
        npz(ids=np.array(["a", None, "c"], object), features=MATRIX),
        ["{path}:", "archive", "arrays", "pickled"],
    ),
    "npz with ids of no text": (
        "f.npz",
        npz(ids=np.array([b"\xff", b"b", b"c"]), features=MATRIX),
        ["{path}:", "'utf-8'", "archive", "arrays"],
    ),
    "npz with a vector of objects": (
        "f.npz",
        npz(a=np.array([None], object)),
        ["{path}:", "a.npy", "vector", "pickled", "object"],
    ),
    "npz with a matrix for an item": (
        "f.npz",
        npz(a=MATRIX),
        ["{path}:", "'ids'", "'features'", "found a", "vector", "item"],
    ),
    "safetensors empty": ("f.safetensors", b"", ["{path}:"]),
    "safetensors cut": (
        "f.safetensors",
        safetensors([3, 2], ROWS)[:-1],
        ["{path}:"],
    ),
    "safetensors with a huge header": (
        "f.safetensors",
        (2**60).to_bytes(8, "little") + b"{}" * 99,
        ["{path}:"],
    ),
    "safetensors with a shape that does not fit": (
        "f.safetensors",
        safetensors([3, 3], ROWS),
        ["{path}:"],
    ),
    "safetensors of booleans": (
        "f.safetensors",
        safetensors([3, 8], ROWS, kind="BOOL"),
        ["{path}:", "BOOL", "matrix", "numbers"],
    ),
    "safetensors of another name": (
        "f.safetensors",
        safetensors([3, 2], ROWS).replace(b"features", b"featurez"),
        ["{path}:", "'features'", "tensor"],
    ),
    "safetensors with ids that are no JSON": (
        "f.safetensors",
        safetensors([3, 2], ROWS, metadata={"ids": '["a",\n"b" "c"]'}),
        ["{path}:", "','", "JSON", "ids", "line"],
    ),
    "safetensors with too many ids": (
        "f.safetensors",
        safetensors([3, 2], ROWS, metadata={"ids": '["a", "b", "c", "d"]'}),
        ["{path}:", "ids", "vectors"],
    ),
    "pt empty": ("f.pt", b"", ["{path}:", "file"]),
    "pt cut": ("f.pt", pt(torch.ones(2, 2))[:-40], ["{path}:", "file"]),
    "pt of text": ("f.pt", b"0.1 0.2", ["{path}:", "file"]),
    "pt of a word": ("f.pt", pt("word"), ["{path}:", "matrix", "tensor"]),
    "pt of a list": ("f.pt", pt([1.0]), ["{path}:", "matrix", "tensor", "list"]),
    "pt of one vector": (
        "f.pt",
        pt(torch.ones(2)),
        ["{path}:", "matrix", "row"],
    ),
    "pt of nothing": ("f.pt", pt({}), ["{path}:", "empty"]),
    "pt of sparse": ("f.pt", pt(torch.eye(2).to_sparse()), ["{path}:", "matrix"]),
    "pt with ids that are one word": (
        "f.pt",
        pt({"ids": "ab", "features": torch.eye(2)}),
        ["{path}:", "ids", "list", "tensor"],
    ),
    "pt with an id of a float": (
        "f.pt",
        pt({"ids": ["a", 0.5], "features": torch.eye(2)}),
        ["{path}:", "found 0", "ids", "text", "number"],
    ),
    "pt with an id twice": (
        "f.pt",
        pt({1: torch.ones(2), "1": torch.ones(2)}),
        ["{path}:", "'1'", "id", "rows"],
    ),
    "csv empty": ("f.csv", b"", ["{path}:", "lines", "id", "numbers"]),
    "csv of a header": ("f.csv", b"id,x\n", ["{path}:", "lines", "id", "numbers"]),
    "csv of ids": ("f.csv", b"a,1\nb\n", ["{path}:2:", "'b'", "id", "numbers"]),
    "csv of words": (
        "f.csv",
        b"a,1,2\nb,1,two\n",
        ["{path}:2:", "'b'", "'two'", "numbers", "id"],
    ),
    "csv with an underscore": (
        "f.csv",
        b"a,1,2\nb,3,1_0\n",
        ["{path}:2:", "'b'", "'1_0'", "numbers", "id"],
    ),
    "csv with a gap": ("f.csv", b"a,1,2\nb,,2\n", ["{path}:2:", "'b'", "numbers", "id"]),
    "csv with a short line": (
        "f.csv",
        b"x,y,z\na,1,2\nb,1\n",
        ["{path}:3:", "expected 2", "found 1", "numbers", "line"],
    ),
    "csv with an id twice": (
        "f.csv",
        b"a,1\n\nb,1\na,2\n",
        ["{path}:4:", "'a'", "id", "line"],
    ),
    "csv without an id": ("f.csv", b"a,1\n,2\n", ["{path}:2:", "id", "empty"]),
    "csv with an open quote": ("f.csv", b'a,1\n"b,2\n', ["{path}:", "line"]),
    "csv with one long field": (
        "f.csv",
        b"a,1\n" + b"9" * 200_000 + b",1\n",
        ["{path}:", "line"],
    ),
    "csv in Latin-1": ("f.csv", b"a,1\nZo\xeb,2\n", ["{path}:2:", "UTF-8", "line", "text"]),
    "csv of infinities": (
        "f.csv",
        b"a,1\nb,inf\n",
        ["{path}:", "NaN", "vectors", "items"],
    ),
    "gzip cut": (
        "f.csv.gz",
        gzip.compress(b"".join(b"%d,%d\n" % (n, n * n) for n in range(9999)), mtime=0)[:-9],
        ["{path}:", "line"],
    ),
    "gzip of another kind": (
        "f.tsv.gz",
        b"a\t1\n",
        ["{path}:", "line", "file"],
    ),
    "gzip with a wrong sum": (
        "f.tsv.gz",
        gzip.compress(b"a\t1\n")[:-8] + bytes(8),
        ["{path}:", "line"],
    ),
    "RecBole without a header": ("f.itememb", b"7\t1 2\n", ["{path}:1:", "header"]),
    "RecBole with commas": (
        "f.itememb",
        b"iid:token\temb:float_seq\n7\t1,2\n",
        ["{path}:2:", "'7'", "'1,2'", "numbers", "id"],
    ),
    "RecBole with a short line": (
        "f.itememb",
        b"iid:token\temb:float_seq\n7\t1 2\n8\n",
        ["{path}:3:", "expected 2", "found 1", "columns", "header"],
    ),
    "RecBole with a ragged line": (
        "f.itememb",
        b"iid:token\temb:float_seq\n7\t1 2\n8\t1\n",
        ["{path}:3:", "expected 2", "found 1", "numbers", "line"],
    ),
    "a pickle": ("f.pkl", pickle.dumps(MATRIX), ["{path}:", "folder", "item", "files"]),
}


@pytest.mark.parametrize(("name", "content", "facts"), FILES.values(), ids=FILES.keys())
def test_a_bad_file_is_named(name: str, content: bytes, facts: list[str], tmp_path: Path) -> None:
    assert_contains(refused(write_text(tmp_path / name, content)), facts)


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        ("f.ids.txt", "a\nb\n", ["f.ids.txt:", "f.npy", "ids", "rows"]),
        ("f.ids.txt", "a\nb\nc\nd\n", ["f.ids.txt:", "f.npy", "ids", "rows"]),
        ("f.ids.txt", "a\nb\na\n", ["f.ids.txt:", "'a'", "id", "lines"]),
        ("f.txt", "a\n\nc\n", ["f.txt:", "id", "line", "empty"]),
        ("f.txt", "", ["f.txt:", "id", "line", "empty"]),
        ("f.txt", b"a\nZo\xeb\nc\n", ["f.txt:", "'utf-8'", "ids"]),
        ("f.tsv", "a\t0\nb\t1\nc\t2\n", ["f.tsv:1:", "'a\\t0'", "id", "line"]),
        ("f.json", '["a",\n"b",\n"c"', ["f.json:", "','", "JSON", "line"]),
        ("f.json", '["a"]\n["b"]', ["f.json:", "JSON", "line"]),
        ("f.json", '"abc"', ["f.json:", "list", "ids", "mapping"]),
        ("f.json", '["a", null, "c"]', ["f.json:", "text", "number", "id"]),
        ("f.json", '["a", true, "c"]', ["f.json:", "text", "number", "id"]),
        ("f.json", '{"a": 0, "b": 1}', ["f.json:", "f.npy", "ids", "rows"]),
        ("f.json", '{"a": 0, "b": 0, "c": 2}', ["f.json:", "'a'", "'b'", "row"]),
        ("f.json", '{"a": 0, "a": 1, "c": 2}', ["f.json:", "'a'", "id", "rows"]),
        ("f.json", '{"a": 0, "b": 3, "c": 2}', ["f.json:", "'b'", "row"]),
        ("f.json", '{"a": 0, "b": "1", "c": 2}', ["f.json:", "'b'", "'1'", "row"]),
        ("f.json", '{"a": 0, "b": -1, "c": 2}', ["f.json:", "'b'", "-1", "row"]),
        ("f.json", '{"a": 0, "b": true, "c": 2}', ["f.json:", "'b'", "True", "row"]),
        ("f.json", '{"0": 1, "1": 2, "2": 0}', ["f.json:", "id to row", "list"]),
        ("f.json", "[" * 100_000, ["f.json:", "ids"]),
        ("f.json", "[" + "9" * 5000 + "]", ["f.json:", "ids"]),
    ],
)
def test_a_bad_id_file_is_named(
    name: str, content: str | bytes, facts: list[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "f.npy", MATRIX)
    write_text(tmp_path / name, content)
    message = refused(tmp_path / "f.npy")
    assert_contains(message.removeprefix(f"{tmp_path}/"), facts)


def test_two_id_files_are_one_too_many(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", MATRIX)
    write_text(tmp_path / "f.json", '["a", "b", "c"]')
    write_text(tmp_path / "f.txt", "c\nb\na\n")
    assert_contains(
        refused(tmp_path / "f.npy"),
        ["{path}:", "f.txt", "f.json", "VisualAttribute"],
    )


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize("name", [f"f{ending}" for known in SUFFIXES.values() for ending in known])
def test_nothing_is_unpickled(name: str, tmp_path: Path) -> None:
    marker = tmp_path / "exploded"
    bomb = Bomb(marker)
    array = np.array([bomb], object)
    hostile = [
        pickle.dumps(bomb),
        npy(array, allow_pickle=True),
        npz(a=array),
        npz(ids=array, features=array),
        zipped("a.npy", pickle.dumps(bomb)),
        zipped("f/data.pkl", pickle.dumps(bomb)),
        pt({"a": bomb}),
        pt(bomb),
        gzip.compress(pickle.dumps(bomb)),
    ]
    for content in hostile:
        path = write_text(tmp_path / name, content)
        refused(path)
        refusal(DataError, convert, path, tmp_path / "target.npz")
        assert not marker.exists()
    pickle.loads(hostile[0])
    assert marker.exists()  # the bomb does work


SOUND: dict[str, Callable[[], bytes]] = {
    "f.npy": lambda: npy(MATRIX),
    "f.npz": lambda: npz(ids=IDS, features=MATRIX),
    "g.npz": lambda: npz(a=MATRIX[0], b=MATRIX[1]),
    "f.safetensors": lambda: safetensors([3, 2], ROWS, metadata={"ids": json.dumps(IDS)}),
    "f.pt": lambda: pt({"ids": IDS, "features": torch.from_numpy(MATRIX)}),
    "g.pt": lambda: pt({"a": torch.ones(2), "b": torch.ones(2)}),
    "f.csv": lambda: b"id,x,y\na,1,2\nb,3,4\n",
    "f.tsv.gz": lambda: gzip.compress(b"a\t1\t2\nb\t3\t4\n"),
    "f.itememb": lambda: b"iid:token\temb:float_seq\na\t1 2\nb\t3 4\n",
    "f.ids.txt": lambda: b"a\nb\nc\n",
    "f.json": lambda: b'{"a": 0, "b": 1, "c": 2}',
}


@pytest.mark.parametrize("name", SOUND)
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_file_is_a_data_error_or_vectors(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"damaged-{name}"
    folder.mkdir(exist_ok=True)
    content = bytearray(SOUND[name]())
    for _ in range(data.draw(st.integers(1, 3), label="damages")):
        start = data.draw(st.integers(0, len(content)), label="place")
        length = data.draw(st.sampled_from([0, 1, 1, 1, 8, len(content)]), label="length")
        content[start : start + length] = data.draw(st.binary(max_size=9), label="instead")
    write_text(folder / name, bytes(content))
    path = folder / name
    if name in ("f.ids.txt", "f.json"):
        path = folder / "f.npy"
        np.save(path, MATRIX)
    before = state(folder)
    try:
        loader = VisualAttribute(path)
        found = loader.read(list(loader.items()))
    except DataError as error:
        assert str(error).startswith(str(folder))  # noqa: PT017 - either outcome will do
    else:
        assert found.shape == (len(loader.items()), found.shape[1])
        assert found.dtype == np.float32
    assert state(folder) == before
