"""The data of a model: splits, vocabularies and features."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mmrec.data.cold import ColdItems
from mmrec.data.filtering import FilterReport
from mmrec.data.interactions import Interactions
from mmrec.data.permuted import Features, PermutedFeatures
from mmrec.data.vocabulary import Vocabulary
from mmrec.errors import DataError, listing, nearest
from mmrec.files import sha256

PARTS = ("users", "items", "train", "validation", "test", "cold_items")
"""The parts of a data set's fingerprint, in addition to its loaders."""

_Digests = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions and item features of an experiment, in internal numbers.

    Models read ``train`` and ``features``; held-out splits are for evaluation only.
    """

    name: str
    users: Vocabulary
    items: Vocabulary
    train: Interactions
    validation: Interactions | None
    test: Interactions
    features: Mapping[str, Features] = field(default_factory=lambda: MappingProxyType({}))
    """By loader name, such as ``VisualAttribute``."""
    report: FilterReport = field(default_factory=FilterReport)
    fold: str = ""
    """Name of the fold, such as ``0/2``; empty for a single fold."""
    cold_items: ColdItems | None = None
    """With ``evaluation.candidates: all``, the items to rank without training rows."""
    permuted_by: int | None = field(default=None, init=False)
    """The seed that permuted the features among the items; None if each item has its own."""
    shared: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    """Objects that models built from this data set, kept for other trials."""

    def __post_init__(self) -> None:
        """Check the names and shapes of the feature matrices."""
        for loader, matrix in self.features.items():
            if loader in PARTS:
                raise DataError(f"{loader}: a loader cannot be called {listing(PARTS)}")
            if matrix.ndim != 2 or len(matrix) != len(self.items):
                raise DataError(
                    f"{loader}: expected a row for each of the {len(self.items)} items, "
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

    @property
    def splits(self) -> dict[str, Interactions]:
        """All splits: ``train``, ``validation`` if it exists, and ``test``."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in splits.items() if split is not None}

    @property
    def held_out(self) -> dict[str, Interactions]:
        """The held-out splits: ``test``, and ``validation`` if it exists."""
        validation = {} if self.validation is None else {"validation": self.validation}
        return {"test": self.test} | validation

    @property
    def selected_on(self) -> str:
        """The split that epochs and trials are selected on; ``test`` without a validation split."""
        return "test" if self.validation is None else "validation"

    def features_of(self, loader: str) -> Features:
        """Return the features [I, F] of a loader.

        Raises:
            DataError: the experiment does not have the loader.
        """
        if loader not in self.features:
            known = ", ".join(self.features) or "none"
            raise DataError(
                f"no side information from loader {loader!r}{nearest(loader, self.features)}; "
                f"loaded: {known}"
            )
        return self.features[loader]

    def view(self, loaders: Iterable[str], *, permuted_by: int | None = None) -> Dataset:
        """Return the same data with the features of some loaders alone, in their order.

        Args:
            loaders: those that the data set does not have are left out.
            permuted_by: the seed of a permutation that gives every item the vectors of another
                item; None for none. Features that are permuted already stay as they are.

        Returns:
            A view, which has the same ``shared`` objects.
        """
        names = [name for name in dict.fromkeys(loaders) if name in self.features]
        view = copy(self)
        for digest in ("fingerprint", "fingerprints"):
            vars(view).pop(digest, None)  # they are those of all loaders
        chosen: Mapping[str, Features] = self.features
        if names != list(chosen):
            chosen = MappingProxyType({name: chosen[name] for name in names})
        seed = permuted_by if self.permuted_by is None else None
        if seed is not None:
            chosen = PermutedFeatures(chosen, self.n_items, seed)
            object.__setattr__(view, "permuted_by", seed)
        object.__setattr__(view, "features", chosen)
        if self.cold_items is not None:
            object.__setattr__(view, "cold_items", self.cold_items.view(names, seed))
        return view

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all data: ids, splits, ratings and features."""
        return fingerprint_of(self.fingerprints)

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """SHA-256 of each part: ``users``, ``items``, existing splits, and loaders.

        The fingerprint of a split depends on the ids of its users and items, not on their numbers:
        ids without a row in the split do not change it. If there are cold items, ``cold_items`` is
        that of their ids, their vectors and the test split with them.
        """
        users, items = _digests(self.users.ids), _digests(self.items.ids)
        parts = {"users": sha256(users.data), "items": sha256(items.data)}
        for name, split in self.splits.items():
            parts[name] = _fingerprint_of_split(split, users, items)
        for loader, matrix in sorted(self.features.items()):
            parts[loader] = sha256(*_content(matrix))
        if self.cold_items is not None:
            parts["cold_items"] = _fingerprint_of_cold_items(self.cold_items, users, items)
        return MappingProxyType(parts)

    def __repr__(self) -> str:
        held_out = 0 if self.validation is None else len(self.validation)
        fold = f" fold {self.fold}" if self.fold else ""
        widths = ", ".join(f"{name} {x.shape[1]}" for name, x in self.features.items())
        return (
            f"<Dataset {self.name}{fold} ({self.n_users} users x {self.n_items} items; train "
            f"{len(self.train)}, validation {held_out}, test {len(self.test)}; {widths})>"
        )


def fingerprint_of(fingerprints: Mapping[str, str]) -> str:
    """Return the fingerprint of a data set from the fingerprints of its parts."""
    return sha256("".join(f"{part} {x}\n" for part, x in sorted(fingerprints.items())).encode())


def _content(matrix: Features) -> tuple[bytes, memoryview]:
    return str(matrix.shape).encode(), np.ascontiguousarray(matrix).data


def _fingerprint_of_split(split: Interactions, users: _Digests, items: _Digests) -> str:
    known = np.append(items, np.zeros((1, items.shape[1]), np.uint8), axis=0)  # COLD is the last
    rows = (users[split.users], known[split.items], split.ratings)
    return sha256(*(np.ascontiguousarray(column).data for column in rows))


def _fingerprint_of_cold_items(cold: ColdItems, users: _Digests, items: _Digests) -> str:
    own = _digests(cold.items.ids)
    rows = _fingerprint_of_split(cold.joint_test, users, np.concatenate([items, own]))
    vectors = (_content(matrix) for _, matrix in sorted(cold.features.items()))
    return sha256(own.data, rows.encode(), *(piece for content in vectors for piece in content))


def _digests(ids: Sequence[str]) -> _Digests:
    """Return a digest of each id, [n, 16] uint8."""
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=16).digest() for name in ids)
    return np.frombuffer(digests, np.uint8).reshape(len(ids), 16)
