"""NumPy's files as item vectors: one matrix (``.npy``), or named arrays (``.npz``)."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmrec.errors import DataError, listing
from mmrec.features.ids import ids_of_array, number_rows, rows_beside
from mmrec.features.source import (
    ItemwiseSource,
    MatrixSource,
    Numbers,
    Source,
    check_matrix,
    check_vector,
    reading,
)


def open_npy(path: Path) -> Source:
    """Map a matrix [N, F]; its ids stand in a file beside it, or are the row numbers.

    Raises:
        DataError: the file is damaged, or no matrix of numbers.
    """
    with reading(path, "a matrix"):
        matrix = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    if matrix.ndim == 1:  # the vector of one item: the folder that it lies in was meant
        raise DataError(f"{path}: expected a folder of <item>.npy files")
    return MatrixSource(path, rows_beside(path, len(check_matrix(path, matrix))), matrix)


def open_npz(path: Path) -> Source:
    """Read the arrays ``ids`` [N] and ``features`` [N, F], or one vector [F] for each id.

    Raises:
        DataError: the file is damaged, or holds other arrays.
    """
    with reading(path, "an archive of arrays"), zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if {"ids", "features"} <= set(names):
            rows = number_rows(ids_of_array(_array(archive, "ids"), f"{path}: ids"), path)
            return MatrixSource(path, rows, _array(archive, "features"))
    if not names or {"ids", "features"} & set(names):
        raise DataError(
            f"{path}: expected the arrays 'ids' and 'features', or one for each item; "
            f"found {listing(names) or 'none'}"
        )

    def read_vectors(item_ids: Sequence[str]) -> list[Numbers]:
        vectors = []
        with reading(path, "an archive of arrays"), zipfile.ZipFile(path) as archive:
            for item_id in item_ids:
                place = f"{path}: {item_id}.npy"
                with reading(place, "a vector"):
                    vectors.append(check_vector(place, _array(archive, item_id)))
        return vectors

    return ItemwiseSource(path, number_rows(names, path).keys(), read_vectors)


def _array(archive: zipfile.ZipFile, name: str) -> Numbers:
    with archive.open(f"{name}.npy") as file:
        array: Numbers = np.lib.format.read_array(file, allow_pickle=False)
    return array
