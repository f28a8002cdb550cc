"""Item features that belong to other items, for the control of an experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
"""[I, F] float32: row i is the vector of item number i."""


class PermutedFeatures(Mapping[str, Features]):
    """The matrices of other features with their rows permuted, each made when it is read.

    The permutation is the same for all loaders, whose vectors stay together.

    Args:
        features: [I, F] by loader.
        n_items: I.
        seed: draws the permutation, with a generator of its own.
    """

    def __init__(self, features: Mapping[str, Features], n_items: int, seed: int) -> None:
        self._features = features
        self._order = np.random.default_rng(seed).permutation(n_items)

    def __getitem__(self, loader: str) -> Features:
        return self._features[loader][self._order]

    def __contains__(self, loader: object) -> bool:
        return loader in self._features

    def __iter__(self) -> Iterator[str]:
        return iter(self._features)

    def __len__(self) -> int:
        return len(self._features)
