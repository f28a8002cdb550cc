"""Weights of cold items in the neighbour models on item features.

A cold item is scored as if it were the only item without training rows: neither the neighbours of
trained items nor its own depend on other cold items.

Shapes: I trained items, C cold items, B rows of a block.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

from mmrec.data import ColdItems, Dataset
from mmrec.graph.row_blocks import (
    DenseArray,
    Matrix,
    SparseArray,
    blocks,
    dense,
    keep_largest,
    transposed,
    without_noise,
)
from mmrec.models.content_neighbours import (
    ContentNeighboursConfig,
    joint_vectors,
    similarities,
)


def weights_of_cold_items(
    config: ContentNeighboursConfig,
    dataset: Dataset,
    cold: ColdItems,
    chosen: SparseArray | None,
    *,
    zeros_compete: bool,
    with_itself: bool,
) -> SparseArray:
    """Return the weights of the trained items in the scores of the cold ones, [I, C].

    Args:
        config: says which similarity and how many neighbours.
        dataset: has the trained items.
        cold: the cold items.
        chosen: the neighbours of each trained item, [I, I], if those of the history choose; None
            if each candidate chooses its own.
        zeros_compete: whether similarities of 0 count among the neighbours, see
            :func:`mmrec.graph.row_blocks.keep_largest`.
        with_itself: whether a candidate that chooses can be its own neighbour.
    """
    n, n_cold = dataset.n_items, len(cold)
    rows = similarities(joint_vectors(config, dataset, cold), config, fitted=n)
    if chosen is None:

        def of_candidates(start: int, stop: int) -> Matrix:
            return _with_own(rows(n + start, n + stop), n, start, with_itself=with_itself)

        kept = keep_largest(
            of_candidates, n_cold, config.k, zeros_compete=zeros_compete, width=n + 1
        )
        return transposed(kept[:, :n])
    thresholds = without_noise(_thresholds(chosen, config.k, zeros_compete=zeros_compete))
    parts = []
    for start, stop in blocks(n_cold, n + n_cold):
        block = dense(rows(n + start, n + stop))[:, :n]
        parts.append(csr_array(np.where(without_noise(block) > thresholds, block, 0)))
    return transposed(cast("SparseArray", vstack(parts, format="csr")))


def _with_own(block: Matrix, n: int, start: int, *, with_itself: bool) -> Matrix:
    """Return the similarities of candidates with the trained items and with themselves, [B, I+1].

    Args:
        block: [B, I+C].
        n: I.
        start: the number of the first candidate.
        with_itself: False for 0 instead of the own similarity.
    """
    own = block.diagonal(n + start)[:, None] * with_itself
    if isinstance(block, np.ndarray):
        return np.concatenate([block[:, :n], own], axis=1)
    return cast("SparseArray", hstack([block[:, :n], csr_array(own)], format="csr"))


def _thresholds(chosen: SparseArray, k: int, *, zeros_compete: bool) -> DenseArray:
    """Return the similarity that a further item has to exceed to be among the k of each item, [I].

    The further item has the highest number, so it comes after others of an equal similarity.
    """
    n, counts = chosen.shape[0], np.diff(chosen.indptr)
    if n < k:
        return np.full(n, -np.inf)
    least = np.zeros(n)  # of rows without a value
    filled = counts > 0
    least[filled] = np.minimum.reduceat(chosen.data, chosen.indptr[:-1][filled])
    others = np.minimum(least, 0) if zeros_compete else np.full(n, -np.inf)
    return np.where(counts == k, least, others)
