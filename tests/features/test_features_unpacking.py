"""Matrices that cannot be mapped are unpacked in pieces."""

from __future__ import annotations

import errno
import io
import tempfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pytest
import torch
from helpers import assert_contains, refusal
from pyarrow import parquet
from safetensors.torch import save_file

from mmrec.errors import DataError
from mmrec.features.convert import convert, fingerprint
from mmrec.features.formats import open_source

ENDINGS = [".npz", ".csv", ".tsv.gz", ".itememb", ".parquet"]
MATRIX = np.random.default_rng(0).normal(size=(60, 7)).astype(np.float32)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmrec.features.source.BLOCK_BYTES", 200)
    monkeypatch.setattr("mmrec.features.arrays.BLOCK_BYTES", 90)
    monkeypatch.setattr("mmrec.features.tensors._MAPPED_BYTES", 300)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "image_feat.npy"
    np.save(path, MATRIX)
    return path


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("ending", [*ENDINGS, ".pt"])
def test_files_are_unpacked_to_a_temporary_file(
    ending: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = tmp_path / f"f{ending}"
    assert convert(source, path).fingerprint == fingerprint(open_source(source))
    opened = open_source(path)
    np.testing.assert_array_equal(opened.read(["3", "59", "0"]), MATRIX[[3, 59, 0]])
    opened.release()
    np.testing.assert_array_equal(opened.read(list(map(str, range(60)))), MATRIX)
    assert not list(temporary.iterdir())


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kind", ["<f8", ">f4", "<f2", "<i8", "|u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_archives_of_every_kind_of_numbers(kind: str, order: Any, tmp_path: Path) -> None:
    numbers = np.asarray(np.abs(MATRIX) * 100, kind, order=order)
    ids = [f"i{row}" for row in range(len(numbers))]
    np.savez_compressed(tmp_path / "f.npz", ids=np.array(ids), features=numbers)
    read = open_source(tmp_path / "f.npz").read(ids)
    np.testing.assert_array_equal(read, numbers.astype(np.float32))


@pytest.mark.parametrize("failing", ["write", "flush"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_folder_for_temporary_files_is_an_error(
    failing: str, ending: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"f{ending}"
    convert(source, path)

    class FullDisk(io.BytesIO):
        pass

    def refuse(self: io.BytesIO, *_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    setattr(FullDisk, failing, refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullDisk())
    facts = [f"{path}:", tempfile.gettempdir(), "No space left on device", "TMPDIR"]
    assert_contains(refusal(DataError, open_source, path), facts)


@pytest.mark.parametrize(
    "ending", [name for name in ENDINGS if name not in (".tsv.gz", ".itememb")]
)
def test_opening_does_not_need_memory_for_the_matrix(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmrec.features.arrays.BLOCK_BYTES", 1 << 13)
    monkeypatch.setattr("mmrec.features.source.BLOCK_BYTES", 1 << 13)
    matrix = np.random.default_rng(0).normal(size=(256, 512)).astype(np.float32)  # 512 KiB
    np.save(tmp_path / "image_feat.npy", matrix)
    path = tmp_path / f"f{ending}"
    convert(tmp_path / "image_feat.npy", path)
    open_source(path)  # imports what it needs
    tracemalloc.start()
    try:
        opened = open_source(path)
        assert tracemalloc.get_traced_memory()[1] < matrix.nbytes / 2
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(opened.read(["7"]), matrix[[7]])


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content[:-28], "it ends after 1652 of 1680"),
        (lambda content: content.replace(b"(60, 7)", b"(61, 7)"), "60 ids for 61 vectors"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), None),
    ],
)
def test_an_archive_whose_matrix_is_cut_off_or_changed(
    change: Any, reason: str | None, tmp_path: Path
) -> None:
    """Missing bytes show a changed shape, the checksum shows a changed number."""
    file = io.BytesIO()
    np.save(file, MATRIX)
    path = tmp_path / "f.npz"
    with zipfile.ZipFile(path, "w") as archive:
        ids = io.BytesIO()
        np.save(ids, np.arange(60))
        archive.writestr("ids.npy", ids.getvalue())
        archive.writestr("features.npy", change(file.getvalue()) if reason else file.getvalue())
    if reason is None:
        content = path.read_bytes()
        path.write_bytes(content.replace(MATRIX.tobytes(), change(MATRIX.tobytes())))
        reason = "Bad CRC-32"
    message = refusal(DataError, open_source, path)
    assert_contains(message, [f"{path}:", reason, "archive", "arrays"])


@pytest.mark.usefixtures("small_pieces")
def test_bfloat16_is_read_exactly(tmp_path: Path) -> None:
    features = torch.from_numpy(MATRIX).to(torch.bfloat16)
    ids = list(map(str, range(60)))
    save_file({"features": features}, tmp_path / "f.safetensors")
    torch.save({"ids": ids, "features": features}, tmp_path / "f.pt")
    for name in ("f.safetensors", "f.pt"):
        read = open_source(tmp_path / name).read(ids)
        np.testing.assert_array_equal(read, features.float().numpy())


@pytest.mark.usefixtures("small_pieces")
def test_tables_of_other_forms(tmp_path: Path) -> None:
    ids = [f"i{row}" for row in range(60)]
    columns = {f"f{column}": MATRIX[:, column] for column in range(7)}
    columns["f3"] = np.arange(60)[::-1]  # whole numbers next to others
    fixed = arrow.FixedSizeListArray.from_arrays(MATRIX.ravel(), 7)
    expected = np.column_stack(list(columns.values())).astype(np.float32)
    for table, matrix in (
        ({"id": ids} | columns, expected),
        ({"id": ids, "v": fixed}, MATRIX),
        ({"id": ids, "v": arrow.array(list(MATRIX), arrow.large_list(arrow.float64()))}, MATRIX),
    ):
        parquet.write_table(arrow.table(table), tmp_path / "f.parquet", row_group_size=17)
        np.testing.assert_array_equal(open_source(tmp_path / "f.parquet").read(ids), matrix)
