"""Approximate nearest neighbours, for catalogues where comparing all pairs of items is too slow."""

from __future__ import annotations

import math
from importlib.util import find_spec

import torch
from torch import Tensor

from mmrec.graph.neighbours import directions

_PROBED = 16
"""One cell in 16 is searched for each item."""

_SEED = 42
"""Of the k-means that finds the cells."""


def has_approximate_neighbours() -> bool:
    """Return whether faiss is installed (the extra ``ann``)."""
    return find_spec("faiss") is not None


@torch.no_grad()
def approximate_neighbours(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return ``k`` rows of large cosine for every row, as :func:`nearest_neighbours` does exactly.

    The rows are divided into about ``sqrt(I)`` cells by k-means, and each is compared with the rows
    of the nearest sixteenth of the cells (an inverted file; Johnson et al., "Billion-scale
    similarity search with GPUs", 2017). The result depends on the number of threads only through
    the rounding of the cells' means: the same version of faiss with the same number of threads
    returns the same neighbours.

    Args:
        x: [I, F] float32; it is copied to the CPU from other devices.
        k: neighbours per row; at most I are returned.

    Returns:
        The neighbours [I, k] int64 and their similarities [I, k] float32, largest first. A row
        whose cells contain fewer than k rows has itself in the remaining places.
    """
    import faiss

    unit = directions(x).cpu().numpy()
    n_rows, width = unit.shape
    k = min(k, n_rows)
    n_cells = math.isqrt(n_rows)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, n_cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = _SEED
    index.cp.min_points_per_centroid = 1  # small catalogues are no reason for a warning
    index.nprobe = max(1, n_cells // _PROBED)
    threads_before = faiss.omp_get_max_threads()
    try:
        faiss.omp_set_num_threads(torch.get_num_threads())
        index.train(unit)
        index.add(unit)
        similarities, neighbours = index.search(unit, k)
    finally:
        faiss.omp_set_num_threads(threads_before)
    found, cosines = torch.from_numpy(neighbours), torch.from_numpy(similarities)
    missing = found < 0
    found = torch.where(missing, torch.arange(n_rows)[:, None], found)
    return found.to(x.device), cosines.masked_fill(missing, 0.0).to(x.device)
