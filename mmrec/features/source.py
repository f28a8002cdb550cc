"""The interface of item vectors in all formats."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.row_numbers import RowNumbers, refuse_copies

Numbers = npt.NDArray[Any]
"""An array of any kind of real numbers, in any byte order."""

BLOCK_BYTES = 1 << 23
"""Bytes that are read at a time if the whole matrix need not be in memory (8 MiB)."""


class Source(ABC):
    """Item vectors of a file or folder, in a format of :mod:`mmrec.features.formats`.

    If the format allows reading single vectors, only the requested ones need to be valid.

    Attributes:
        path: the file or folder, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def ids(self) -> Set[str]:
        """The ids of all items with a vector, in the order of the rows."""

    @property
    def has_row_numbers(self) -> bool:
        """Whether the file has no ids, so that the ids are the row numbers 0 to N-1."""
        return False

    @property
    def is_mapped(self) -> bool:
        """Whether :meth:`read` may return views of the file itself, which change with it."""
        return False

    @abstractmethod
    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32; possibly a mapped view.

        Values may be NaN or infinite.

        Raises:
            DataError: an item has no vector, or a vector is malformed.
        """

    def release(self) -> None:  # noqa: B027 - most sources keep nothing
        """Free memory after reading; returned views stay valid."""

    def _refuse_absent(self, item_ids: Sequence[str], what: str) -> None:
        known = self.ids
        absent = [item_id for item_id in item_ids if item_id not in known]
        if absent:
            raise DataError(f"{self.path}: no {what} for the items {listing(absent)}")


class MatrixSource(Source):
    """The rows of a matrix, in memory or mapped.

    Args:
        path: for messages.
        rows: the row of every id; :class:`RowNumbers` if the file has no ids.
        matrix: [N, F] of numbers.
        is_bfloat16: the numbers are uint16 with the bits of bfloat16, which numpy does not have.
        is_mapped: the matrix is the file itself, mapped into memory.
        names: of the columns, if they have names.

    Raises:
        DataError: the matrix has the wrong shape, does not contain numbers, or has a column of row
            numbers or ids.
    """

    def __init__(
        self,
        path: Path,
        rows: dict[str, int],
        matrix: Numbers,
        *,
        is_bfloat16: bool = False,
        is_mapped: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        super().__init__(path)
        self._matrix = check_matrix(path, matrix)
        self._is_bfloat16 = is_bfloat16
        self._is_mapped = is_mapped
        if len(matrix) != len(rows):
            raise DataError(f"{path}: {len(rows)} ids for {len(matrix)} vectors")
        if not is_bfloat16:
            refuse_copies(path, rows, matrix, names)
        self._rows = rows

    @property
    def ids(self) -> Set[str]:
        """The ids, in the order of the rows."""
        return self._rows.keys()

    @property
    def has_row_numbers(self) -> bool:
        """Whether the file has no ids, so that the ids are the row numbers 0 to N-1."""
        return isinstance(self._rows, RowNumbers)

    @property
    def is_mapped(self) -> bool:
        """Whether :meth:`read` may return views of the file."""
        return self._is_mapped

    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the rows of ``item_ids``, [len(item_ids), F] float32.

        Raises:
            DataError: an item has no row.
        """
        self._refuse_absent(item_ids, "vector")
        taken = take_rows(self._matrix, [self._rows[item_id] for item_id in item_ids])
        if self._is_bfloat16:  # the upper half of a float32
            taken = (taken.astype(np.uint32) << 16).view(np.float32)
        return as_float32(taken)

    def release(self) -> None:
        """Release the pages of a mapped file; they are read again when needed."""
        base: object = self._matrix
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


class ItemwiseSource(Source):
    """Vectors that are stored and read one by one.

    Args:
        path: for messages.
        ids: the ids of all items.
        read_vectors: returns the vectors of some ids, each [F] of numbers, or raises a DataError.
        name_vector: returns the name of the vector of an id in messages.
    """

    def __init__(
        self,
        path: Path,
        ids: Set[str],
        read_vectors: Callable[[Sequence[str]], list[Numbers]],
        name_vector: Callable[[str], str] = repr,
    ) -> None:
        super().__init__(path)
        self._ids = ids
        self._read_vectors = read_vectors
        self._name_vector = name_vector

    @property
    def ids(self) -> Set[str]:
        """The ids of all items."""
        return self._ids

    def read(self, item_ids: Sequence[str]) -> Features:
        """Read the vectors of ``item_ids``, [len(item_ids), F] float32.

        Raises:
            DataError: vectors are missing, malformed, or of different lengths.
        """
        self._refuse_absent(item_ids, "vector")
        vectors = self._read_vectors(item_ids)
        lengths = np.array([len(vector) for vector in vectors])
        values, counts = np.unique(lengths, return_counts=True)
        usual = values[counts.argmax()]
        if (lengths != usual).any():
            odd = np.flatnonzero(lengths != usual)
            named = listing(f"{self._name_vector(item_ids[int(i)])} ({lengths[i]})" for i in odd)
            raise DataError(
                f"{self.path}: vectors of different lengths: most have {usual}, but {named}"
            )
        return as_float32(np.stack(vectors))


@contextmanager
def reading(path: Path | str, what: str) -> Iterator[None]:
    """Return a context that turns errors of parsers into a DataError.

    Raises:
        DataError: the block raised an exception; the message contains the file and the reason.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers raise many types of exceptions
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        if "allow_pickle" in reason or "Python objects in dtype" in reason:
            reason = "it contains a pickled object"
        raise DataError(f"{path}: cannot be read as {what}: {reason}") from error


def check_matrix(place: Path | str, matrix: Numbers) -> Numbers:
    """Return ``matrix`` if it is a matrix of numbers.

    Raises:
        DataError: it has no rows or columns, is not 2-D, or does not contain real numbers.
    """
    if matrix.dtype.kind not in "fiu":
        raise DataError(f"{place}: expected a matrix of numbers, found {matrix.dtype}")
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(
            f"{place}: expected a matrix with a row for each item, found the shape {matrix.shape}"
        )
    return matrix


def could_be_vector(shape: Sequence[int]) -> bool:
    """Return whether an array of this shape can be the vector of an item, [F] or [1, F]."""
    return len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)


def other_names(path: Path, names: Iterable[object]) -> DataError:
    """Return the error about a file whose arrays are neither ids and features nor vectors."""
    return DataError(
        f"{path}: expected 'ids' and 'features', or a vector for each item; "
        f"found {listing(names) or 'nothing'}"
    )


def check_vector(place: Path | str, vector: Numbers) -> Numbers:
    """Return a vector [F], or the row of a matrix [1, F] as written by Ducho for text.

    Raises:
        DataError: it is empty, neither [F] nor [1, F], or does not contain real numbers.
    """
    if vector.dtype.kind not in "fiu":
        raise DataError(f"{place}: expected a vector of numbers, found {vector.dtype}")
    if vector.shape not in ((vector.size,), (1, vector.size)) or not vector.size:
        raise DataError(f"{place}: expected a 1-D vector, found the shape {vector.shape}")
    return vector.reshape(-1)


def take_rows(matrix: Numbers, rows: Sequence[int]) -> Numbers:
    """Return the given rows, without a copy if they are consecutive."""
    if not rows:
        return matrix[:0]
    wanted = np.array(rows)
    consecutive = bool((np.diff(wanted) == 1).all())
    taken: Numbers = matrix[wanted[0] : wanted[-1] + 1] if consecutive else matrix[wanted]
    return taken


def as_float32(numbers: Numbers) -> Features:
    """Return ``numbers`` as float32, without a copy if they already are."""
    with np.errstate(over="ignore"):  # values beyond float32 become infinite
        converted: Features = np.asarray(numbers).astype(np.float32, copy=False)
    return converted


def block_rows(width: int) -> int:
    """Return the number of float32 vectors of this width in a block."""
    return max(1, BLOCK_BYTES // (4 * width))


def rows_not_finite(matrix: Features) -> npt.NDArray[np.int64]:
    """Return the rows with NaN or infinity, ascending."""
    step = block_rows(max(1, matrix.shape[1]))
    bad = [
        start + np.flatnonzero(~np.isfinite(matrix[start : start + step]).all(axis=1))
        for start in range(0, len(matrix), step)
    ]
    return np.concatenate(bad) if bad else np.empty(0, np.int64)


def not_finite(path: Path, item_ids: Sequence[str]) -> DataError:
    """Return the error about vectors with NaN or infinity."""
    return DataError(
        f"{path}: the vectors of these items contain NaN, infinity or numbers above "
        f"3e+38, the largest of float32: {listing(item_ids)}"
    )
