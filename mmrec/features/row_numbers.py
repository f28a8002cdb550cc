"""Numbers of rows: as the ids of a file without ids, and in columns that are no features."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmrec.errors import DataError
from mmrec.features.columns import NAME_IDS, VectorColumns

_FEWEST_ROWS = 4
"""Fewer rows can have the numbers of the rows by chance."""
_WHOLE = re.compile(r"-?\d{1,15}(\.0*)?")


class RowNumbers(dict[str, int]):
    """The row of each id if the file has no ids: the ids are the numbers of the rows."""

    @classmethod
    def of(cls, n_rows: int, first: int = 0) -> RowNumbers:
        """Number rows from ``first``."""
        return cls((str(row + first), row) for row in range(n_rows))

    @classmethod
    def if_equal(cls, rows: dict[str, int]) -> dict[str, int]:
        """Return ``rows``, as row numbers if their ids are, from 0 or 1."""
        first = next(iter(rows))
        if first not in ("0", "1"):
            return rows
        numbered = cls.of(len(rows), int(first))
        return numbered if numbered == rows else rows


def refuse_copies(
    path: Path, ids: Collection[str], matrix: npt.NDArray[Any], names: Sequence[str] = ()
) -> None:
    """Refuse a matrix with a column of row numbers or ids, which are no features.

    Args:
        path: for messages.
        ids: of the rows, in their order.
        matrix: [N, F] of numbers.
        names: of the columns, if they have names.

    Raises:
        DataError: a column numbers the rows from 0 or 1, repeats the ids or, if there are no ids,
            has the numbers of the rows in another order.
    """
    if len(matrix) < _FEWEST_ROWS:
        return
    numbers = np.arange(len(matrix))
    found = {
        "numbers the rows (0, 1, 2, ...)": numbers,
        "numbers the rows (1, 2, ...)": numbers + 1,
    }
    head = _as_numbers(list(islice(ids, _FEWEST_ROWS)))
    if head is not None and len(_columns_from(matrix, head)):
        copies = _as_numbers(ids)
        found |= {} if copies is None else {"repeats the ids": copies}
    for what, values in found.items():
        column = _column_of(matrix, values)
        if column is not None:
            raise DataError(
                f"{path}: {_named(column, names)} {what}, so it is not a feature: remove it"
                f"{' or call it index, which is not read' if names else ''}"
            )
    column = _shuffled_numbers(matrix) if isinstance(ids, RowNumbers) else None
    if column is not None:
        raise DataError(
            f"{path}: {_named(column, names)} has the numbers of the rows in another order, so it "
            "seems to have the ids: write them into a file of ids, and remove the column"
        )


def refuse_other_ids(
    path: Path,
    ids: Collection[str],
    matrix: npt.NDArray[Any],
    columns: VectorColumns,
    names: Sequence[str],
) -> None:
    """Refuse a table without a name of the ids if another column than the first may have them.

    Args:
        path: for messages.
        ids: of the first column, in the order of the rows.
        matrix: [N, F], the columns of numbers.
        columns: where the ids and the numbers are.
        names: of the columns of numbers, if they have names.

    Raises:
        DataError: the first column numbers the rows or has the name of such a column, and another
            column has the name of an index or, unlike the others, different whole numbers.
    """
    if len(matrix) < _FEWEST_ROWS or not all(map(_WHOLE.fullmatch, ids)):
        return
    numbered = RowNumbers.if_equal({item_id: row for row, item_id in enumerate(ids)})
    other = None
    if columns.other_index is not None and (columns.is_index or isinstance(numbered, RowNumbers)):
        other = f"the column {columns.other_index!r} is not read"
    elif isinstance(numbered, RowNumbers):
        whole = list(_columns_of_whole_numbers(matrix))
        if whole and len(whole) < matrix.shape[1]:
            other = f"{_named(whole[0], names)} has different whole numbers"
    if other is not None:
        how = NAME_IDS if names else "write a header that calls the column of the ids 'id'"
        raise DataError(
            f"{path}: the first column seems to number the rows, and {other}: which has the ids? "
            f"{how[0].upper()}{how[1:]}"
        )


def _named(column: int, names: Sequence[str]) -> str:
    return f"the column {names[column]!r}" if names else f"column {column} of the numbers"


def _as_numbers(ids: Collection[str]) -> npt.NDArray[np.int64] | None:
    """Return whole numbers; None if an id is something else."""
    if not all(map(_WHOLE.fullmatch, ids)):
        return None
    return np.array([int(item_id.partition(".")[0]) for item_id in ids], np.int64)


def _columns_from(matrix: npt.NDArray[Any], values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the columns whose first numbers are those of ``values``."""
    head = slice(_FEWEST_ROWS)
    return np.flatnonzero((matrix[head] == _cast(values[head], matrix)[:, None]).all(axis=0))


def _column_of(matrix: npt.NDArray[Any], values: npt.NDArray[np.int64]) -> int | None:
    wanted = _cast(values, matrix)
    columns = _columns_from(matrix, values)
    return next((int(n) for n in columns if (matrix[:, n] == wanted).all()), None)


def _cast(values: npt.NDArray[np.int64], matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):  # of half precision
        return values.astype(matrix.dtype)


def _shuffled_numbers(matrix: npt.NDArray[Any]) -> int | None:
    """Return the first column that has each of the numbers of the rows once, from 0 or 1."""
    n_rows = len(matrix)
    head = matrix[:_FEWEST_ROWS].astype(np.float64)
    fits = ((head == np.round(head)) & (head >= 0) & (head <= n_rows)).all(axis=0)
    for column in np.flatnonzero(fits):
        values = np.sort(matrix[:, column].astype(np.float64))
        if values[0] in (0, 1) and (values == np.arange(n_rows) + values[0]).all():
            return int(column)
    return None


def _columns_of_whole_numbers(matrix: npt.NDArray[Any]) -> Iterator[int]:
    """Yield the columns whose numbers are whole and all different."""
    head = matrix[:_FEWEST_ROWS]
    for column in np.flatnonzero((head == np.round(head)).all(axis=0)):
        values = matrix[:, column]
        if (values == np.round(values)).all() and len(np.unique(values)) == len(values):
            yield int(column)
