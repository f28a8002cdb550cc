"""Item vectors in NumPy's files: a matrix (``.npy``) or named arrays (``.npz``)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from mmrec.errors import DataError
from mmrec.features.ids import ids_of_array, number_rows, rows_of_id_file
from mmrec.features.source import (
    BLOCK_BYTES,
    ItemwiseSource,
    MatrixSource,
    Numbers,
    Source,
    check_matrix,
    check_vector,
    could_be_vector,
    other_names,
    reading,
)
from mmrec.features.unpacking import unpack

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # in UTF-8, which only names of fields need
}

_UNNAMED = "arr_0"
"""numpy's name of an array that was saved without a name."""

_SAMPLED = 16
"""Members of an archive whose shapes are checked in any case."""


def open_npy(path: Path) -> Source:
    """Map a matrix [N, F]; the ids are in a file next to it, or the row numbers.

    Raises:
        DataError: the file is damaged or is not a matrix of numbers.
    """
    with reading(path, "a matrix"):
        matrix = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    is_vector = matrix.ndim == 1 and matrix.dtype.names is None
    if is_vector:  # of one item: its folder was meant
        raise DataError(f"{path}: expected a folder of <item>.npy files")
    rows = rows_of_id_file(path, len(check_matrix(path, matrix)))
    return MatrixSource(path, rows, matrix, is_mapped=True)


def open_npz(path: Path) -> Source:
    """Read the arrays ``ids`` [N] and ``features`` [N, F], or one vector [F] for each id.

    Raises:
        DataError: the file is damaged or contains other arrays.
    """
    with reading(path, "an archive of arrays"), zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if {"ids", "features"} <= set(names):
            n_ids, n_rows = (_shape(archive, f"{x}.npy")[:1] for x in ("ids", "features"))
            if n_ids != n_rows:
                raise ValueError(f"{sum(n_ids):,} ids for {sum(n_rows):,} vectors")
            rows = number_rows(ids_of_array(_array(archive, "ids"), f"{path}: ids"), path)
            return MatrixSource(path, rows, _matrix(path, archive, "features"))
        shapes = [_shape(archive, name) for name in _sample(archive)]
    if names in ([], [_UNNAMED]) or {"ids", "features"} & set(names):
        raise other_names(path, names)
    if not all(map(could_be_vector, shapes)):  # the names are not those of items
        raise other_names(path, names)

    def read_vectors(item_ids: Sequence[str]) -> list[Numbers]:
        vectors = []
        with reading(path, "an archive of arrays"), zipfile.ZipFile(path) as archive:
            for item_id in item_ids:
                place = f"{path}: {item_id}.npy"
                with reading(place, "a vector"):
                    vectors.append(check_vector(place, _array(archive, item_id)))
        return vectors

    return ItemwiseSource(path, number_rows(names, path).keys(), read_vectors)


def _sample(archive: zipfile.ZipFile) -> list[str]:
    """Return the first members of an archive, and one of each size.

    There may be hundreds of thousands, and vectors of one length have the same size.
    """
    members = archive.infolist()
    by_size = {member.file_size: member.filename for member in members}
    first = [member.filename for member in members[:_SAMPLED]]
    return list(dict.fromkeys([*first, *by_size.values()]))


def _shape(archive: zipfile.ZipFile, member: str) -> tuple[int, ...]:
    """Return the shape in the header of an array."""
    with archive.open(member) as file:
        header = _header(file)
    return (0,) if header is None else header[0]


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]] | None:
    """Return the shape of an array, whether it is in Fortran's order, and its type.

    None for a version that numpy does not have; ``read_array`` names it.
    """
    read_header = _HEADERS.get(np.lib.format.read_magic(file))
    return None if read_header is None else read_header(file)


def _array(archive: zipfile.ZipFile, name: str) -> Numbers:
    member = f"{name}.npy"
    with archive.open(member) as file:
        refuse_short(file, archive.getinfo(member).file_size)
    with archive.open(member) as file:
        array: Numbers = np.lib.format.read_array(file, allow_pickle=False)
    return array


def refuse_short(file: IO[bytes], n_stored: int) -> None:
    """Refuse an array whose header declares more than it has, before memory is allocated."""
    header = _header(file)
    if header is None:
        return
    shape, _, kind = header
    if math.prod(shape) * kind.itemsize > n_stored:
        raise ValueError(
            f"its header declares the shape {shape} of {kind}, but it has only {n_stored:,} bytes"
        )


def _matrix(path: Path, archive: zipfile.ZipFile, name: str) -> Numbers:
    """Read a matrix of numbers in pieces, and any other array at once."""
    with archive.open(f"{name}.npy") as file:
        header = _header(file)
        if header is not None:
            shape, is_fortran, kind = header
            if kind.kind in "fiu" and len(shape) == 2 and min(shape) > 0:
                return _unpacked(path, file, shape, kind, is_fortran=is_fortran)
    return _array(archive, name)


def _unpacked(
    path: Path, file: IO[bytes], shape: tuple[int, int], kind: np.dtype[Any], *, is_fortran: bool
) -> Numbers:
    n_bytes = shape[0] * shape[1] * kind.itemsize

    def pieces() -> Iterator[bytes]:
        missing = n_bytes
        while piece := file.read(min(missing, BLOCK_BYTES)):
            missing -= len(piece)
            yield piece
        if missing:
            raise ValueError(f"it ends after {n_bytes - missing} of {n_bytes} bytes")
        file.read(1)  # at the end, the checksum is compared

    numbers = unpack(path, pieces(), kind)
    return numbers.reshape(shape[::-1]).T if is_fortran else numbers.reshape(shape)
