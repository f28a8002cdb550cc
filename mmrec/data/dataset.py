"""The frozen whole that a model is built on: splits, vocabularies and features."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from mmrec.data.filtering import FilterReport
from mmrec.data.interactions import Interactions
from mmrec.data.vocabulary import Vocabulary
from mmrec.errors import DataError, nearest

Features = npt.NDArray[np.float32]
"""[I, F] float32: row i is the vector of item number i."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions and item features of one experiment, in internal numbers.

    A model reads ``train`` and ``features``; the held-out splits are for the evaluation alone.
    """

    name: str
    users: Vocabulary
    items: Vocabulary
    train: Interactions
    validation: Interactions | None
    test: Interactions
    features: Mapping[str, Features] = field(default_factory=lambda: MappingProxyType({}))
    """By loader name, for example ``VisualAttribute``."""
    report: FilterReport = field(default_factory=FilterReport)

    def __post_init__(self) -> None:
        """Check that every feature matrix has a row for every item."""
        for loader, matrix in self.features.items():
            if matrix.ndim != 2 or len(matrix) != len(self.items):
                raise DataError(
                    f"{loader}: expected a matrix of {len(self.items)} rows, one for each item, "
                    f"found the shape {matrix.shape}"
                )

    @property
    def n_users(self) -> int:
        """The number of users U; internal numbers run from 0 to U-1."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """The number of items I; internal numbers run from 0 to I-1."""
        return len(self.items)

    def features_of(self, loader: str) -> Features:
        """Return the features [I, F] that ``loader`` has read.

        Raises:
            DataError: the experiment has no such loader.
        """
        if loader not in self.features:
            known = ", ".join(self.features) or "none"
            raise DataError(
                f"no side information from loader {loader!r}{nearest(loader, self.features)}; "
                f"loaded: {known}"
            )
        return self.features[loader]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything a result depends on: ids, splits, ratings and features."""
        digest = hashlib.sha256()
        for ids in (self.users.ids, self.items.ids):
            digest.update(f"{len(ids)} ids\n".encode())
            digest.update("".join(f"{name}\n" for name in ids).encode())
        for split in (self.train, self.validation, self.test):
            digest.update(f"{'no' if split is None else len(split)} rows\n".encode())
            for array in () if split is None else (split.users, split.items, split.ratings):
                digest.update(np.ascontiguousarray(array).data)
        for loader, matrix in sorted(self.features.items()):
            digest.update(f"{loader}{matrix.shape}".encode())
            digest.update(np.ascontiguousarray(matrix).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        held_out = 0 if self.validation is None else len(self.validation)
        widths = ", ".join(f"{name} {x.shape[1]}" for name, x in self.features.items())
        return (
            f"<Dataset {self.name} ({self.n_users} users x {self.n_items} items; train "
            f"{len(self.train)}, validation {held_out}, test {len(self.test)}; {widths})>"
        )
