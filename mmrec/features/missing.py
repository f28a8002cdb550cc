"""Completing missing vectors: the policies of the key ``missing``.

``drop``: items without a vector are dropped, with their interactions (as in Elliot). ``zeros``: a
vector of zeros. ``mean``: the mean vector of the training items with a vector. ``neighbours``: the
mean vector of the most similar items (:func:`fill_missing`). ``error``: the run is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmrec.config import Missing
from mmrec.data import BoolArray, Features, FloatArray, IntArray

N_NEIGHBOURS = 10
"""Number of similar items of the policy ``neighbours``."""

_BLOCK_ITEMS = 256
"""Items without a vector that are compared at a time."""
_BLOCK_VALUES = 1 << 22
"""Values that are normalised at a time (32 MiB in float64)."""


@dataclass(frozen=True, eq=False)
class Partial:
    """The available vectors of one modality.

    Shapes: I items, P of them with a vector, F features.
    """

    policy: Missing
    present: BoolArray
    """[I]: items with a vector; at least one."""
    vectors: Features
    """[P, F]: vectors in the order of the items."""


def fill_missing(partials: Mapping[str, Partial]) -> dict[str, Features]:
    """Give every item a vector in every modality.

    With the policy ``neighbours``, a missing vector is the mean of those of the
    :data:`N_NEIGHBOURS` most similar items with a vector. The similarity of two items is their mean
    cosine over the other modalities in which both have a vector; the cosine with a zero vector is
    0. Ties are resolved by the order of the items. The result is equal on all machines, except for
    the rounding of the mean. Items without such a modality get the ``mean``.

    Args:
        partials: by loader name, for the same items.

    Returns:
        Vectors [I, F] float32 by loader name.
    """
    return {name: _complete(name, partials) for name in partials}


def _complete(name: str, partials: Mapping[str, Partial]) -> Features:
    own = partials[name]
    if own.present.all():
        return own.vectors
    matrix = np.zeros((len(own.present), own.vectors.shape[1]), np.float32)
    matrix[own.present] = own.vectors
    if own.policy == "mean":
        matrix[~own.present] = _mean(own.vectors)
    elif own.policy == "neighbours":
        others = [partial for key, partial in partials.items() if key != name]
        absent = np.flatnonzero(~own.present)
        for start in range(0, len(absent), _BLOCK_ITEMS):
            items = absent[start : start + _BLOCK_ITEMS]
            matrix[items] = _means_of_neighbours(items, own, others)
    return matrix


def _mean(vectors: Features) -> FloatArray:
    mean: FloatArray = vectors.mean(axis=0, dtype=np.float64)
    return mean


def _means_of_neighbours(items: IntArray, own: Partial, others: list[Partial]) -> FloatArray:
    candidates = np.flatnonzero(own.present)
    total = np.zeros((len(items), len(candidates)))
    shared = np.zeros(total.shape, np.int8)
    for other in others:
        rows = np.flatnonzero(other.present[items])
        columns = np.flatnonzero(other.present[candidates])
        place = np.ix_(rows, columns)
        row_of = np.cumsum(other.present) - 1
        total[place] += _cosines(
            other.vectors[row_of[items[rows]]], other.vectors, row_of[candidates[columns]]
        )
        shared[place] += 1
    # Rounded: mathematically equal values are equal, in any order of summation.
    similarity = np.round(total / np.maximum(shared, 1), 10)
    similarity[shared == 0] = -np.inf
    means = np.empty((len(items), own.vectors.shape[1]))
    for row, similarities in enumerate(similarity):
        nearest = _largest(similarities)
        means[row] = _mean(own.vectors[nearest] if len(nearest) else own.vectors)
    return means


def _largest(similarities: FloatArray) -> IntArray:
    """Return ascending indices of the largest values: the first of ties, none of -inf."""
    threshold = -np.inf
    if len(similarities) > N_NEIGHBOURS:
        threshold = np.partition(similarities, -N_NEIGHBOURS)[-N_NEIGHBOURS]
    above = np.flatnonzero(similarities > threshold)
    if threshold == -np.inf:
        return above
    ties = np.flatnonzero(similarities == threshold)[: N_NEIGHBOURS - len(above)]
    return np.sort(np.concatenate([above, ties]))


def _cosines(left: Features, vectors: Features, rows: IntArray) -> FloatArray:
    """Return the cosines of ``left`` [A, F] and ``vectors[rows]``, [A, len(rows)]."""
    result = np.empty((len(left), len(rows)))
    directions = _directions(left)
    step = max(1, _BLOCK_VALUES // vectors.shape[1])
    for start in range(0, len(rows), step):
        block = _directions(vectors[rows[start : start + step]])
        result[:, start : start + step] = directions @ block.T
    return result


def _directions(vectors: Features) -> FloatArray:
    """Return the normalised vectors; zero vectors are unchanged."""
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("if,if->i", wide, wide))
    return wide / np.where(lengths > 0, lengths, 1)[:, None]
