"""Side-information loaders: the protocol and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from mmrec.data import Features
from mmrec.errors import DataError, listing

LOADERS: dict[str, type[Loader]] = {}
"""Every registered loader by the name that the experiment file uses."""

_L = TypeVar("_L", bound="type[Loader]")


class Loader(ABC):
    """Reads the vectors of one modality.

    A subclass says which key of its ``side_information`` entry holds its path, which items it has
    a vector for, and reads the vectors of the items it is asked for, in the order asked::

        @register_loader
        class MyTable(Loader):
            path_key = "my_file"
            ...

    Attributes:
        path_key: the key of the entry, for example ``visual_features``.
    """

    path_key: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The name of the loader in the experiment file: its class name."""
        return type(self).__name__

    @abstractmethod
    def items(self) -> Set[str]:
        """Return the ids of all items that have a vector, wanted or not.

        Raises:
            DataError: the path cannot be read.
        """

    @abstractmethod
    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, [len(item_ids), F] float32, row by row.

        Raises:
            DataError: a vector is missing or malformed; the message names the files.
        """


def register_loader(loader: _L) -> _L:
    """Make a :class:`Loader` known under its class name (a decorator)."""
    LOADERS[loader.__name__] = loader
    return loader


def load_features(loaders: Sequence[Loader], item_ids: Sequence[str]) -> Mapping[str, Features]:
    """Read the vectors of ``item_ids`` from every loader, and check what came back.

    Returns:
        By loader name a read-only matrix [I, F] float32 whose row i belongs to ``item_ids[i]``.

    Raises:
        DataError: a matrix has another shape or holds NaN or infinity; the message names the items.
    """
    matrices = {}
    for loader in loaders:
        matrix = np.ascontiguousarray(loader.read(item_ids), dtype=np.float32)
        if matrix.ndim != 2 or len(matrix) != len(item_ids) or matrix.shape[1] == 0:
            raise DataError(
                f"{loader.path}: {loader.name} returned the shape {matrix.shape}, "
                f"expected one vector for each of the {len(item_ids)} items"
            )
        finite = np.isfinite(matrix).all(axis=1)
        if not finite.all():
            bad = listing(item_ids[int(row)] for row in np.flatnonzero(~finite))
            raise DataError(
                f"{loader.path}: the vectors of these items hold NaN or infinity: {bad}"
            )
        matrix.setflags(write=False)
        matrices[loader.name] = matrix
    return matrices
