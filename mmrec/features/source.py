"""What all formats of item vectors have in common: ids, and the vectors of those asked for."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mmrec.data import Features
from mmrec.errors import DataError, listing

Numbers = npt.NDArray[Any]
"""An array of any kind of real numbers, in any byte order."""

BLOCK_BYTES = 1 << 23
"""What is read at once where a whole matrix need not be in memory (8 MiB)."""


class Source(ABC):
    """Item vectors behind one path, in one of the formats of :mod:`mmrec.features.formats`.

    Only the vectors of the items asked for need to be sound, where the format lets them be read
    one by one.

    Attributes:
        path: the file or folder, which every message names.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def ids(self) -> Set[str]:
        """The ids of all items that have a vector; iterates in the order of the rows."""

    @abstractmethod
    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32; perhaps a mapped view.

        Values are not checked: they may be NaN or infinite.

        Raises:
            DataError: an item has no vector, or a vector is malformed.
        """

    def release(self) -> None:  # noqa: B027 - most sources hold nothing
        """Let go of what reading has left in memory; views that were returned stay valid."""

    def _refuse_absent(self, item_ids: Sequence[str], what: str) -> None:
        known = self.ids
        absent = [item_id for item_id in item_ids if item_id not in known]
        if absent:
            raise DataError(f"{self.path}: no {what} for the items {listing(absent)}")


class MatrixSource(Source):
    """Vectors that are the rows of one matrix, in memory or mapped.

    Args:
        path: what messages name.
        rows: the row of every id.
        matrix: [N, F] of numbers.
        is_bfloat16: the numbers are uint16 that stand for bfloat16, which numpy lacks.

    Raises:
        DataError: the matrix has another shape or holds no numbers.
    """

    def __init__(
        self, path: Path, rows: dict[str, int], matrix: Numbers, *, is_bfloat16: bool = False
    ) -> None:
        super().__init__(path)
        self._matrix = check_matrix(path, matrix)
        self._is_bfloat16 = is_bfloat16
        if len(matrix) != len(rows):
            raise DataError(f"{path}: {len(rows)} ids for {len(matrix)} vectors")
        self._rows = rows

    @property
    def ids(self) -> Set[str]:
        """The ids, in the order of the rows."""
        return self._rows.keys()

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
        """Drop the pages of a mapped file; those that are touched again are read again."""
        base: object = self._matrix
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


class ItemwiseSource(Source):
    """Vectors that stand apart from each other, and are read one by one when they are asked for.

    Args:
        path: what messages name.
        ids: the ids of all items.
        read_vectors: returns the vectors of the ids it is given, each [F] of numbers, or raises a
            DataError.
        name_vector: says how messages call the vector of an id.
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
        """The ids of all items, readable or not."""
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
    """Turn whatever a parser raises at a damaged file into one kind of error.

    Raises:
        DataError: the block raised anything; the message names the file and the reason.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers answer damaged files with many kinds of errors
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        if "allow_pickle" in reason or "Python objects in dtype" in reason:
            reason = "it holds a pickled object"
        raise DataError(f"{path}: cannot be read as {what}: {reason}") from error


def check_matrix(place: Path | str, matrix: Numbers) -> Numbers:
    """Return ``matrix`` if it is one.

    Raises:
        DataError: it has no rows or columns, is not 2-D, or does not hold real numbers.
    """
    if matrix.dtype.kind not in "fiu":
        raise DataError(f"{place}: expected a matrix of numbers, found {matrix.dtype}")
    if matrix.ndim != 2 or not matrix.size:
        raise DataError(
            f"{place}: expected a matrix of one row for each item, found the shape {matrix.shape}"
        )
    return matrix


def check_vector(place: Path | str, vector: Numbers) -> Numbers:
    """Return ``vector`` [F] if it is one; of a matrix of one row, as Ducho writes text, the row.

    Raises:
        DataError: it is empty, neither [F] nor [1, F], or does not hold real numbers.
    """
    if vector.dtype.kind not in "fiu":
        raise DataError(f"{place}: expected a vector of numbers, found {vector.dtype}")
    if vector.shape not in ((vector.size,), (1, vector.size)) or not vector.size:
        raise DataError(f"{place}: expected a 1-D vector, found the shape {vector.shape}")
    return vector.reshape(-1)


def take_rows(matrix: Numbers, rows: Sequence[int]) -> Numbers:
    """Return the given rows; without a copy if they follow each other in ``matrix``."""
    if not rows:
        return matrix[:0]
    wanted = np.array(rows)
    consecutive = bool((np.diff(wanted) == 1).all())
    taken: Numbers = matrix[wanted[0] : wanted[-1] + 1] if consecutive else matrix[wanted]
    return taken


def as_float32(numbers: Numbers) -> Features:
    """Return ``numbers`` as float32, without a copy if they are."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinity
        converted: Features = np.asarray(numbers).astype(np.float32, copy=False)
    return converted


def block_rows(width: int) -> int:
    """Return how many float32 vectors of this width are handled at once."""
    return max(1, BLOCK_BYTES // (4 * width))


def rows_not_finite(matrix: Features) -> npt.NDArray[np.int64]:
    """Return the numbers of the rows that hold NaN or infinity, ascending."""
    step = block_rows(max(1, matrix.shape[1]))
    bad = [
        start + np.flatnonzero(~np.isfinite(matrix[start : start + step]).all(axis=1))
        for start in range(0, len(matrix), step)
    ]
    return np.concatenate(bad) if bad else np.empty(0, np.int64)


def not_finite(path: Path, item_ids: Sequence[str]) -> DataError:
    """Return the error that says which items' vectors hold NaN or infinity."""
    return DataError(
        f"{path}: the vectors of these items hold NaN or infinity: {listing(item_ids)}"
    )
