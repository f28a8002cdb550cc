"""Side-information loaders: the protocol, the registry, and loading what they read."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from mmrec.config import Missing
from mmrec.data import Features
from mmrec.errors import DataError, listing
from mmrec.features.missing import Partial, fill_missing
from mmrec.features.source import not_finite, rows_not_finite

logger = logging.getLogger(__name__)

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

    Args:
        path: what the entry's key ``path_key`` says.
        missing: what becomes of items without a vector.
        cache_dir: where the loader may keep what makes its next reading faster; None: nowhere.

    Attributes:
        path_key: the key of the entry, for example ``visual_features``.
    """

    path_key: ClassVar[str]

    def __init__(
        self, path: Path, *, missing: Missing = "drop", cache_dir: Path | None = None
    ) -> None:
        self.path = path
        self.missing = missing
        self.cache_dir = cache_dir

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
    """Read the vectors of ``item_ids`` from every loader, check and complete them.

    Args:
        loaders: each fills in missing vectors by its policy ``missing``, and the log says how
            many; :func:`absent_items` tells which. Under ``drop`` no vector may be missing.
        item_ids: the items of the training split.

    Returns:
        By loader name a read-only matrix [I, F] float32 whose row i belongs to ``item_ids[i]``.

    Raises:
        DataError: a matrix has another shape or holds NaN or infinity, or vectors are missing that
            may not be; the message names the items.
    """
    matrices = fill_missing({loader.name: _read_present(loader, item_ids) for loader in loaders})
    for matrix in matrices.values():
        matrix.setflags(write=False)
    return matrices


def absent_items(loader: Loader, item_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of ``item_ids`` whose vectors the loader's policy fills in or refuses."""
    if loader.missing == "drop":  # they have left with their interactions
        return ()
    known = loader.items()
    return tuple(item_id for item_id in item_ids if item_id not in known)


def _read_present(loader: Loader, item_ids: Sequence[str]) -> Partial:
    absent = absent_items(loader, item_ids)
    if not absent:
        return Partial(loader.missing, np.ones(len(item_ids), np.bool_), _read(loader, item_ids))
    _refuse_or_tell(loader, absent, len(item_ids))
    lacking = frozenset(absent)
    present = np.array([item_id not in lacking for item_id in item_ids], np.bool_)
    there = [item_id for item_id in item_ids if item_id not in lacking]
    return Partial(loader.missing, present, _read(loader, there))


def _refuse_or_tell(loader: Loader, absent: tuple[str, ...], n_items: int) -> None:
    told = f"{loader.name} has no vector for {len(absent)} of the {n_items} items"
    if loader.missing == "error":
        raise DataError(f"{loader.path}: {told}: {listing(absent)} (missing: error)")
    if len(absent) == n_items:
        raise DataError(f"{loader.path}: {told}. Do its ids equal the item ids?")
    logger.info("%s; filled in (missing: %s): %s", told, loader.missing, listing(absent))


def _read(loader: Loader, item_ids: Sequence[str]) -> Features:
    matrix = np.ascontiguousarray(loader.read(item_ids), dtype=np.float32)
    if matrix.ndim != 2 or len(matrix) != len(item_ids) or matrix.shape[1] == 0:
        raise DataError(
            f"{loader.path}: {loader.name} returned the shape {matrix.shape}, "
            f"expected one vector for each of the {len(item_ids)} items"
        )
    bad = rows_not_finite(matrix)
    if len(bad):
        raise not_finite(loader.path, [item_ids[row] for row in bad])
    return matrix
