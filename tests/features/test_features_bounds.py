"""Small files that would fill the memory are refused before they do."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as arrow
import pytest
import torch
from helpers import assert_contains, refusal, write_text
from pyarrow import parquet

from mmrec.errors import DataError
from mmrec.features.formats import open_source


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    """The start of a .npy file."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


HUGE = 25_000_000_000
IDS = header((2,), "<U1") + "ab".encode("utf-32-le")


def folder(path: Path) -> Path:
    path.mkdir()
    write_text(path / "a.npy", header((HUGE,)))
    return path


def saved(value: object) -> Callable[[Path], Path]:
    def save(path: Path) -> Path:
        torch.save(value, path)
        return path

    return save


def expanded(*shape: int) -> torch.Tensor:
    return torch.zeros([1] * len(shape)).expand(shape)


def sparse() -> torch.Tensor:
    place = torch.zeros(2, 1, dtype=torch.int64)
    return torch.sparse_coo_tensor(place, torch.ones(1), (2, 10**12), check_invariants=True)


def safetensors(text: bytes, n_header: int | None = None) -> Callable[[Path], Path]:
    n = len(text) if n_header is None else n_header
    return lambda path: write_text(path, struct.pack("<Q", n) + text + bytes(4))


DEEP_IDS = {
    "features": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]},
    "__metadata__": {"ids": "[" * 100_000},
}

CASES: dict[str, tuple[str, Callable[[Path], Path], list[str]]] = {
    "features": (
        "a.npz",
        lambda p: archive(p, ids=IDS, features=header((2, HUGE)) + bytes(99)),
        ["ends after 99"],
    ),
    "more ids than vectors": (
        "a.npz",
        lambda p: archive(p, ids=header((HUGE,), "<i8"), features=header((2, 1)) + bytes(8)),
        ["25,000,000,000 ids for 2 vectors"],
    ),
    "ids": (
        "a.npz",
        lambda p: archive(p, ids=header((HUGE,), "<i8"), features=header((HUGE, 1))),
        ["declares", str(HUGE)],
    ),
    "a vector of an archive": ("a.npz", lambda p: archive(p, a=header((HUGE,))), ["declares"]),
    "a vector of a folder": ("a", folder, ["declares", str(HUGE)]),
    "a mapped matrix": ("a.npy", lambda p: write_text(p, header((2, HUGE))), ["a.npy"]),
    "the header of a matrix": (
        "a.npy",
        lambda p: write_text(p, b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 30) + b" " * 99),
        ["a.npy"],
    ),
    "Python objects": ("a.npy", lambda p: write_text(p, header((2, 2), "|O")), ["pickled"]),
    "an expanded matrix": ("a.pt", saved(expanded(10**8, 1000)), ["4 bytes"]),
    "expanded features": (
        "a.pt",
        saved({"ids": ["a"], "features": expanded(1, 10**9)}),
        ["4 bytes"],
    ),
    "an expanded vector": ("a.pt", saved({"a": expanded(10**10)}), ["4 bytes"]),
    "a sparse matrix": ("a.pt", saved({"ids": ["a", "b"], "features": sparse()}), ["dense"]),
    "the header of safetensors": ("a.safetensors", safetensors(b"{}", 1 << 40), ["a.safetensors"]),
    "nested ids": ("a.safetensors", safetensors(json.dumps(DEEP_IDS).encode()), ["ids"]),
    "a line of a table": (
        "a.csv.gz",
        lambda p: write_text(p, gzip.compress(b"a" + b",1" * (1 << 24))),
        ["16,777,216"],
    ),
}


@pytest.mark.parametrize(("name", "write", "facts"), CASES.values(), ids=CASES.keys())
def test_what_a_file_declares_is_not_believed(
    name: str, write: Callable[[Path], Path], facts: list[str], tmp_path: Path
) -> None:
    path = write(tmp_path / name)

    def read() -> object:
        source = open_source(path)
        return source.read(list(source.ids)[:2])

    message = refusal(DataError, read)
    assert_contains(message, [path, *facts])
    assert "\n" not in message


def test_views_that_have_their_numbers_are_read(tmp_path: Path) -> None:
    numbers = torch.arange(12.0).reshape(4, 3)
    torch.save({"a": numbers[1], "b": numbers[2]}, tmp_path / "a.pt")
    np.testing.assert_array_equal(open_source(tmp_path / "a.pt").read(["b"]), numbers[2:3])


def test_repeated_ids_of_a_table_are_refused_in_the_first_block(tmp_path: Path) -> None:
    n = 500_000
    ids = arrow.DictionaryArray.from_arrays(arrow.array(np.zeros(n, np.int32)), ["a"])
    table = arrow.table({"id": ids, "f0": arrow.array(np.zeros(n, np.float32))})
    parquet.write_table(table, tmp_path / "a.parquet")
    message = refusal(DataError, open_source, tmp_path / "a.parquet")
    assert_contains(message, ["a.parquet", "'a'", "duplicate"])
