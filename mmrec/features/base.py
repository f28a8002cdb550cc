"""The interface of loaders, finding loaders by name, and loading features."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from mmrec.config import Missing
from mmrec.data import Features
from mmrec.errors import ConfigError, DataError, listing
from mmrec.features.detached import mapped_file
from mmrec.features.missing import Partial, fill_missing
from mmrec.features.source import not_finite, rows_not_finite
from mmrec.registry import Registry

logger = logging.getLogger(__name__)

LOADERS: Registry[type[Loader]] = Registry("loader", package="mmrec.features.loaders")
"""All loaders by name."""

_L = TypeVar("_L", bound="type[Loader]")


class Loader(ABC):
    """Reads the vectors of one modality.

    A subclass defines the class attributes and the two abstract methods::

        @register_loader
        class LyricsAttribute(Loader):
            path_key = "lyrics"
            modality = "lyrics"
            ...

    Args:
        path: value of ``path_key`` in the entry of ``side_information``.
        missing: policy for items without a vector.
        cache_dir: where the loader may keep files that speed up later reading; None for nowhere.

    Attributes:
        path_key: key of the path in the entry of ``side_information``, such as ``visual_features``.
        modality: modality whose default loader this is, used by models without the key
            ``loaders``; None for no modality. Subclasses do not inherit it.
    """

    path_key: ClassVar[str]
    modality: ClassVar[str | None] = None

    def __init__(
        self, path: Path, *, missing: Missing = "drop", cache_dir: Path | None = None
    ) -> None:
        self.path = path
        self.missing = missing
        self.cache_dir = cache_dir

    @property
    def name(self) -> str:
        """The name in experiment files: the name of the class."""
        return type(self).__name__

    @property
    def has_row_numbers(self) -> bool:
        """Whether the path has no ids, so that the ids are the row numbers 0 to N-1."""
        return False

    @abstractmethod
    def items(self) -> Set[str]:
        """Return the ids of all items with a vector.

        Raises:
            DataError: the path cannot be read.
        """

    @abstractmethod
    def read(self, item_ids: Sequence[str]) -> Features:
        """Return the vectors of ``item_ids``, in their order, [len(item_ids), F] float32.

        Raises:
            DataError: a vector is missing or malformed; the message names the files.
        """


def register_loader(loader: _L) -> _L:
    """Register a :class:`Loader` under the name of its class (a decorator).

    Raises:
        ConfigError: another loader has the name, or is the default of the modality.
    """
    modality = vars(loader).get("modality")
    other = default_loaders().get(str(modality), loader.__name__)
    if other != loader.__name__:
        raise ConfigError(
            f"the loader {loader.__name__} cannot be the default of the modality "
            f"{modality!r}, which is {other}; remove the attribute 'modality', and name the "
            "loader in the model's key 'loaders'"
        )
    LOADERS.add(loader.__name__, loader, loader)
    return loader


def default_loaders() -> dict[str, str]:
    """Return the name of the default loader of each modality that has one."""
    modalities = {name: vars(loader).get("modality") for name, loader in LOADERS.items()}
    return {modality: name for name, modality in modalities.items() if modality is not None}


def load_features(loaders: Sequence[Loader], item_ids: Sequence[str]) -> Mapping[str, Features]:
    """Read the vectors of ``item_ids`` from every loader, check and complete them.

    Args:
        loaders: each completes missing vectors by its policy ``missing`` and logs their number.
            With the policy ``drop``, no vector may be missing.
        item_ids: the items of the training split.

    Returns:
        A read-only matrix [I, F] float32 by loader name, whose row i belongs to ``item_ids[i]``.

    Raises:
        DataError: a matrix has the wrong shape or contains NaN or infinity, or vectors are missing;
            the message names the items.
    """
    matrices = fill_missing({loader.name: _read_present(loader, item_ids) for loader in loaders})
    for matrix in matrices.values():
        matrix.setflags(write=False)
    return matrices


def absent_items(loader: Loader, item_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the items without a vector, which the policy of the loader completes or refuses."""
    if loader.missing == "drop":  # their interactions have been dropped
        return ()
    known = loader.items()
    return tuple(item_id for item_id in item_ids if item_id not in known)


def _read_present(loader: Loader, item_ids: Sequence[str]) -> Partial:
    absent = absent_items(loader, item_ids)
    if not absent:
        return Partial(loader.missing, np.ones(len(item_ids), np.bool_), _read(loader, item_ids))
    _refuse_or_log(loader, absent, len(item_ids))
    missing = frozenset(absent)
    present = np.array([item_id not in missing for item_id in item_ids], np.bool_)
    available = [item_id for item_id in item_ids if item_id not in missing]
    return Partial(loader.missing, present, _read(loader, available))


def _refuse_or_log(loader: Loader, absent: tuple[str, ...], n_items: int) -> None:
    finding = f"{loader.name} has no vector for {len(absent)} of the {n_items} items"
    if loader.missing == "error":
        raise DataError(f"{loader.path}: {finding}: {listing(absent)} (missing: error)")
    if len(absent) == n_items:
        raise DataError(f"{loader.path}: {finding}; do its ids equal the item ids?")
    logger.info("%s; completed by 'missing: %s': %s", finding, loader.missing, listing(absent))


def _read(loader: Loader, item_ids: Sequence[str]) -> Features:
    matrix = np.ascontiguousarray(loader.read(item_ids), dtype=np.float32)
    if matrix.ndim != 2 or len(matrix) != len(item_ids) or matrix.shape[1] == 0:
        raise DataError(
            f"{loader.path}: {loader.name} returned the shape {matrix.shape}; "
            f"expected a vector for each of the {len(item_ids)} items"
        )
    mapped = mapped_file(matrix)
    cache = None if loader.cache_dir is None else loader.cache_dir.resolve()
    if mapped is not None and mapped.parent.resolve() != cache:
        matrix = np.array(matrix)  # a view would change when the file is rewritten
    bad = rows_not_finite(matrix)
    if len(bad):
        raise not_finite(loader.path, [item_ids[row] for row in bad])
    return matrix
