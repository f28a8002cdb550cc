"""Writing item vectors in every format, in blocks; only ``pt`` needs the whole matrix in memory."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import IO, TextIO, cast

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.ids import ID_SUFFIXES
from mmrec.features.parquet import pyarrow
from mmrec.features.store import write_matrix_header

Writer = Callable[[Path, Sequence[str], Iterator[Features]], None]
"""Writes ids and their vectors in blocks [n, F] float32, in the order of the ids."""


def _write_folder(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    _refuse_ids(path, "be file names", ids, _is_no_file_name)
    path.mkdir()
    for item_id, vector in zip(ids, chain.from_iterable(blocks), strict=True):
        np.save(path / f"{item_id}.npy", vector)


def _write_npy(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    _refuse_ids(path, "be written in lines", ids, _breaks_a_line)
    with path.open("wb") as file:
        _write_matrix(file, len(ids), blocks)
    lines = "".join(f"{item_id}\n" for item_id in ids)
    id_file(path).write_text(lines, encoding="utf-8", newline="\n")


def id_file(path: Path) -> Path:
    """Return the id file of a matrix."""
    return path.with_name(path.stem + ID_SUFFIXES[0])


def _write_npz(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("ids.npy", "w") as file:
            np.lib.format.write_array(file, np.array(ids, np.str_))
        with archive.open("features.npy", "w", force_zip64=True) as file:
            _write_matrix(file, len(ids), blocks)


def _write_safetensors(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    first = next(blocks)
    shape = [len(ids), first.shape[1]]
    header = json.dumps(
        {
            "__metadata__": {"ids": json.dumps(ids)},
            "features": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * np.prod(shape)]},
        },
        default=int,
    ).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for block in chain([first], blocks):
            file.write(_bytes(block))


def _write_pt(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    import torch

    first = next(blocks)
    features = np.empty((len(ids), first.shape[1]), np.float32)
    row = 0
    for block in chain([first], blocks):
        features[row : row + len(block)] = block
        row += len(block)
    torch.save({"ids": list(ids), "features": torch.from_numpy(features)}, path)


def _write_parquet(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    arrow, parquet = pyarrow(path)
    kind = arrow.list_(arrow.float32())
    schema = arrow.schema([("id", arrow.string()), ("features", kind)])
    start = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            n_rows, width = block.shape
            offsets = arrow.array(np.arange(0, block.size + 1, width, dtype=np.int32))
            vectors = arrow.ListArray.from_arrays(offsets, arrow.array(block.ravel()))
            columns = [arrow.array(ids[start : start + n_rows], arrow.string()), vectors]
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))
            start += n_rows


def _write_csv(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    _refuse_ids(path, "be written in lines", ids, _breaks_a_line)
    with _text(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        for item_id, numbers in _numbered(ids, blocks):
            rows.writerow([item_id, *numbers])


def _write_tsv(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    _refuse_ids(path, "be written in lines", ids, _breaks_a_line)
    with _text(path) as file:
        for item_id, numbers in _numbered(ids, blocks):
            file.write("\t".join([item_id, *numbers]) + "\n")


def _write_recbole(path: Path, ids: Sequence[str], blocks: Iterator[Features]) -> None:
    _refuse_ids(path, "be written in lines", ids, _breaks_a_line)
    rows = _numbered(ids, blocks)
    next(rows)
    with _text(path) as file:
        file.write("iid:token\titem_emb:float_seq\n")
        for item_id, numbers in rows:
            file.write(f"{item_id}\t{' '.join(numbers)}\n")


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        "folder": _write_folder,
        "npy": _write_npy,
        "npz": _write_npz,
        "safetensors": _write_safetensors,
        "pt": _write_pt,
        "parquet": _write_parquet,
        "csv": _write_csv,
        "tsv": _write_tsv,
        "recbole": _write_recbole,
    }
)
"""By format. Each writes to a path that does not exist, and raises a DataError for ids that the
format cannot contain, and an OSError if writing fails."""


def _write_matrix(file: IO[bytes], n_rows: int, blocks: Iterator[Features]) -> None:
    first = next(blocks)
    write_matrix_header(file, n_rows, first.shape[1])
    for block in chain([first], blocks):
        file.write(_bytes(block))


def _bytes(block: Features) -> memoryview:
    return np.ascontiguousarray(block, "<f4").data


def _numbered(
    ids: Sequence[str], blocks: Iterator[Features]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield a header, then ids and numbers with nine digits, which represent float32 exactly."""
    first = next(blocks)
    yield "id", [f"f{column}" for column in range(first.shape[1])]
    vectors = chain.from_iterable(chain([first], blocks))
    for item_id, vector in zip(ids, vectors, strict=True):
        yield item_id, [f"{value:.9g}" for value in vector.tolist()]


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing, compressed reproducibly if its name ends in ``.gz``."""
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(path.open("wb"))
        if path.suffix == ".gz":
            file = cast(
                "IO[bytes]", stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
            )
        yield stack.enter_context(io.TextIOWrapper(file, "utf-8", newline="\n"))


def _refuse_ids(path: Path, what: str, ids: Sequence[str], is_wrong: Callable[[str], bool]) -> None:
    wrong = [repr(item_id) for item_id in ids if is_wrong(item_id)]
    if wrong:
        raise DataError(f"{path.name}: these ids cannot {what}: {listing(wrong)}")


def _is_no_file_name(item_id: str) -> bool:
    separators = {"/", "\0", os.sep, os.altsep or "/"}
    too_long = len(os.fsencode(item_id)) > 255 - len(".npy")
    return too_long or item_id.startswith(".") or not separators.isdisjoint(item_id)


def _breaks_a_line(item_id: str) -> bool:
    return not {"\t", "\r", "\n"}.isdisjoint(item_id)
