"""Parquet tables as item vectors, where pyarrow is installed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing, nearest
from mmrec.features.ids import ids_of_values, number_rows
from mmrec.features.source import MatrixSource, Source, as_float32, reading


def open_parquet(path: Path) -> Source:
    """Read the column ``id`` and either one column of lists or any number of columns of numbers.

    Raises:
        DataError: pyarrow is not installed, the file is damaged, or has other columns.
    """
    arrow, parquet = pyarrow(path)
    with reading(path, "a Parquet table"), path.open("rb") as raw:
        file = parquet.ParquetFile(raw)
        schema = file.schema_arrow
        columns = _vector_columns(path, arrow, schema)
        ids: list[str] = []
        blocks: list[Features] = []
        for batch in file.iter_batches(columns=["id", *columns]):
            first = len(ids)
            ids.extend(ids_of_values(batch.column("id").to_pylist(), f"{path}: id"))
            blocks.append(_vectors(path, arrow, [batch.column(name) for name in columns], first))
    if not ids:
        raise DataError(f"{path}: the table has no rows")
    widths = {block.shape[1] for block in blocks}
    if len(widths) > 1:
        raise DataError(f"{path}: vectors of different lengths: {listing(sorted(widths))}")
    return MatrixSource(path, number_rows(ids, path), np.concatenate(blocks))


def pyarrow(path: Path) -> tuple[Any, Any]:
    """Return the modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        DataError: they are not installed; the message says how to mend that.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(f"{path}: Parquet files need pyarrow: pip install pyarrow") from error


def _vector_columns(path: Path, arrow: Any, schema: Any) -> list[str]:  # noqa: ANN401 - untyped
    """Return the names of the columns that hold the vectors."""
    names = list(schema.names)
    if names.count("id") != 1:
        raise DataError(
            f"{path}: expected one column 'id'{nearest('id', names)}, found {listing(names)}"
        )
    others = [name for name in names if name != "id"]
    lists = [name for name in others if _is_list(arrow, schema.field(name).type)]
    numbers = [name for name in others if _is_number(arrow, schema.field(name).type)]
    if (len(lists) == 1 and len(others) == 1) or (others and len(numbers) == len(others)):
        return others
    told = listing(f"{name} ({schema.field(name).type})" for name in others)
    raise DataError(
        f"{path}: expected one column of lists or only columns of numbers beside 'id', "
        f"found {told or 'none'}"
    )


def _is_list(arrow: Any, kind: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    types = arrow.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and _is_number(arrow, kind.value_type)


def _is_number(arrow: Any, kind: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    return bool(arrow.types.is_integer(kind) or arrow.types.is_floating(kind))


def _vectors(path: Path, arrow: Any, columns: list[Any], first: int) -> Features:  # noqa: ANN401
    """Return a block of vectors, [n, F] float32, whose first row is row ``first`` of the table."""
    for column in columns:
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise DataError(f"{path}: the vector of row {first + row} is missing")
    if not _is_list(arrow, columns[0].type):
        return as_float32(np.column_stack([column.to_numpy() for column in columns]))
    lengths = np.array(columns[0].value_lengths())
    odd = np.flatnonzero(lengths != lengths[0])
    if len(odd):
        raise DataError(
            f"{path}: vectors of different lengths: {lengths[0]} in row {first}, "
            f"{lengths[odd[0]]} in row {first + odd[0]}"
        )
    values = columns[0].flatten()
    if values.null_count:
        row = values.is_null().to_pylist().index(True) // lengths[0]
        raise DataError(f"{path}: the vector of row {first + row} has a gap")
    return as_float32(values.to_numpy(zero_copy_only=False).reshape(len(lengths), -1))
