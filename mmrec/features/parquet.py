"""Item vectors in Parquet tables; requires pyarrow."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing, nearest
from mmrec.features.columns import (
    NAME_IDS,
    is_id_name,
    vector_columns,
    warn_of_other_columns,
)
from mmrec.features.ids import ids_of_values, number_rows
from mmrec.features.source import MatrixSource, Source, as_float32, block_rows, reading
from mmrec.features.unpacking import unpack
from mmrec.installation import install_hint

_ID_ROWS = 1 << 16
"""Ids that are read at a time."""
_BUFFER_BYTES = 1 << 20
"""Bytes of a column that are read at a time; by default, it would be a whole row group."""


def open_parquet(path: Path, id_column: str | None = None) -> Source:
    """Read a column of ids and one column of lists or any number of columns of numbers.

    The ids are in the column ``id_column``, or in the only one that is called ``id`` or has one of
    the names of the items in interactions.

    Raises:
        DataError: pyarrow is not installed, or the file is damaged or has other columns.
    """
    arrow, parquet = pyarrow(path)
    with reading(path, "a Parquet table"), path.open("rb") as raw:
        metadata = parquet.read_metadata(raw)
        schema = metadata.schema.to_arrow_schema()
        id_name, columns = _columns(path, arrow, schema, id_column)
        if not metadata.num_rows:
            raise DataError(f"{path}: the table has no rows")
        file = parquet.ParquetFile(
            raw, metadata=metadata, buffer_size=_BUFFER_BYTES, pre_buffer=False
        )
        rows = number_rows(_read_ids(file, id_name, f"{path}: {id_name}"), path)
        if _is_list(arrow, schema.field(columns[0]).type):
            return MatrixSource(path, rows, _read_lists(path, file, columns[0]))
        warn_of_other_columns(path, columns)
        return MatrixSource(path, rows, _read_columns(path, file, columns), names=columns)


def pyarrow(path: Path) -> tuple[Any, Any]:
    """Return the modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        DataError: they are not installed; the message says how to install them.
    """
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(f"{path}: Parquet files need pyarrow: {install_hint('parquet')}") from error


def _columns(
    path: Path,
    arrow: Any,  # noqa: ANN401 - untyped
    schema: Any,  # noqa: ANN401
    id_column: str | None,
) -> tuple[str, list[str]]:
    """Return the names of the column with the ids and of those with the vectors."""
    names = list(schema.names)
    if id_column is None and not any(map(is_id_name, names)):
        raise DataError(
            f"{path}: expected one column 'id'{nearest('id', names)}, found {listing(names)}; "
            f"{NAME_IDS}"
        )
    if len(set(names)) < len(names):
        raise DataError(f"{path}: several columns have the same name: {listing(names, 20)}")
    columns = vector_columns(path, names, id_column)
    id_name, others = names[columns.id], [names[column] for column in columns.numbers]
    lists = [name for name in others if _is_list(arrow, schema.field(name).type)]
    numbers = [name for name in others if _is_number(arrow, schema.field(name).type)]
    if (len(lists) == 1 and len(others) == 1) or (others and len(numbers) == len(others)):
        return id_name, others
    found = listing(f"{name} ({schema.field(name).type})" for name in others)
    raise DataError(
        f"{path}: expected {id_name!r} and one column of lists, or {id_name!r} and columns of "
        f"numbers; found {found or 'none'}"
    )


def _is_list(arrow: Any, kind: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    types = arrow.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and _is_number(arrow, kind.value_type)


def _is_number(arrow: Any, kind: Any) -> bool:  # noqa: ANN401 - pyarrow has no types
    return bool(arrow.types.is_integer(kind) or arrow.types.is_floating(kind))


def _read_column(file: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    return file.read(columns=[name], use_threads=False).column(0)


def _read_ids(file: Any, name: str, place: str) -> Iterator[str]:  # noqa: ANN401 - as above
    """Yield the ids in blocks: a small file can repeat one id a billion times."""
    for batch in file.iter_batches(_ID_ROWS, columns=[name], use_threads=False):
        yield from ids_of_values(batch.column(0).to_pylist(), place)


def _read_columns(path: Path, file: Any, names: Sequence[str]) -> Features:  # noqa: ANN401
    """Return columns of numbers as a matrix [N, F] float32, read one after the other."""
    kinds = [field.type.to_pandas_dtype() for field in map(file.schema_arrow.field, names)]
    common = np.result_type(*kinds)

    def columns() -> Iterator[bytes]:
        for name in names:
            column = _read_column(file, name)
            _refuse_gaps(path, column, 0)
            yield as_float32(column.to_numpy().astype(common)).tobytes()

    return unpack(path, columns(), np.float32).reshape(len(names), -1).T


def _read_lists(path: Path, file: Any, name: str) -> Features:  # noqa: ANN401
    """Return a column of lists as a matrix [N, F] float32, read in blocks of rows."""
    width = 0

    def blocks() -> Iterator[bytes]:
        nonlocal width
        first = 0
        for batch in file.iter_batches(_batch_rows(file), columns=[name], use_threads=False):
            block = _vectors(path, batch.column(0), first)
            width = width or block.shape[1]
            if block.shape[1] != width:
                raise _different_lengths(path, (0, width), (first, block.shape[1]))
            yield block.tobytes()
            first += len(block)

    return unpack(path, blocks(), np.float32).reshape(-1, width)


def _batch_rows(file: Any) -> int:  # noqa: ANN401 - pyarrow has no types
    metadata = file.metadata
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    n_numbers = sum(
        group.column(index).num_values for group in groups for index in range(group.num_columns)
    )
    return block_rows(n_numbers // metadata.num_rows)  # at least 1, because of the ids


def _vectors(path: Path, column: Any, first: int) -> Features:  # noqa: ANN401
    """Return a block of lists, [n, F] float32, whose first row is row ``first`` of the table."""
    _refuse_gaps(path, column, first)
    lengths = np.array(column.value_lengths())
    odd = np.flatnonzero(lengths != lengths[0])
    if len(odd):
        raise _different_lengths(path, (first, lengths[0]), (first + odd[0], lengths[odd[0]]))
    if not lengths[0]:
        raise DataError(f"{path}: the vector of row {first} is empty")
    values = column.flatten()
    if values.null_count:
        row = values.is_null().to_pylist().index(True) // lengths[0]
        raise DataError(f"{path}: the vector of row {first + row} contains a null value")
    return as_float32(values.to_numpy(zero_copy_only=False).reshape(len(lengths), -1))


def _refuse_gaps(path: Path, column: Any, first: int) -> None:  # noqa: ANN401
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{path}: the vector of row {first + row} is missing")


def _different_lengths(path: Path, one: tuple[int, int], other: tuple[int, int]) -> DataError:
    """Return the error about two rows, each with the length of its vector."""
    return DataError(
        f"{path}: vectors of different lengths: {one[1]} in row {one[0]}, {other[1]} in row "
        f"{other[0]}"
    )
