"""The largest singular values of a sparse matrix, to the precision of float64.

:func:`scipy.sparse.linalg.svds` computes the same numbers, but its last bits depend on the threads
of scipy's BLAS, which no setting of torch reaches.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmrec.errors import ModelError
from mmrec.graph.row_blocks import SparseArray
from mmrec.models.threads import torch_threads

_BLOCK = 4
"""Vectors that are multiplied at once."""

_TOLERANCE = 1e-14
"""Largest residual of an eigenvector, relative to the largest eigenvalue."""

_RESTARTS = 2000


def right_singular_vectors(matrix: SparseArray, rank: int) -> Tensor:
    """Return the right singular vectors of the ``rank`` largest singular values.

    They are eigenvectors of ``M^T M``, found by a block Lanczos method with full
    orthogonalisation and thick restarts, from normal vectors of a fixed seed. Where the basis would
    span nearly all columns, all eigenvectors of the dense ``M^T M`` are computed instead.

    Args:
        matrix: M, sparse [N, M]; it should have at most as many columns as rows.
        rank: at most the number of columns.

    Returns:
        [M, rank] float64, in descending order of the singular values. The largest entry of each
        vector is positive.

    Raises:
        ModelError: the iteration does not converge.
    """
    with torch_threads(1):  # the bits of decompositions depend on the threads
        size = rank + max(rank, 32)
        if size + 2 * _BLOCK > matrix.shape[1]:
            dense = torch.from_numpy((matrix.T @ matrix).toarray())
            vectors = torch.linalg.eigh(dense)[1].flip(1)[:, :rank]
        else:
            vectors = _block_lanczos(matrix, rank, size)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    positive: Tensor = vectors * torch.where(largest < 0, -1.0, 1.0)
    return positive


def _block_lanczos(matrix: SparseArray, rank: int, size: int) -> Tensor:
    """Expand a basis by blocks to ``size`` vectors; keep the best ones; repeat.

    Vectors are rows here, which is faster.
    """
    transposed: SparseArray = matrix.T.tocsr()
    rng = np.random.default_rng(0)
    n = matrix.shape[1]
    basis = torch.empty(size + 2 * _BLOCK, n, dtype=torch.float64)
    projected = torch.zeros(size + _BLOCK, size + _BLOCK, dtype=torch.float64)
    basis[:_BLOCK] = _orthonormal(_normal(rng, n), basis[:0], rng)
    filled = 0
    for _ in range(_RESTARTS):
        while filled < size:
            here, end = slice(filled, filled + _BLOCK), filled + _BLOCK
            image = torch.from_numpy(transposed @ (matrix @ basis[here].T.numpy())).T
            projected[here, :end] = image @ basis[:end].T
            projected[:end, here] = projected[here, :end].T.clone()
            basis[end : end + _BLOCK] = following = _orthonormal(image, basis[:end], rng)
            filled = end
        values, vectors = torch.linalg.eigh(projected[:filled, :filled])
        values, vectors = values.flip(0), vectors.flip(1)
        coupling = following @ image.T
        residuals = (coupling @ vectors[filled - _BLOCK :, :rank]).norm(dim=0)
        if residuals.max() <= _TOLERANCE * values[0]:
            found: Tensor = vectors[:, :rank].T @ basis[:filled]
            return found.T
        kept = (rank + filled) // 2
        basis[:kept] = vectors[:, :kept].T @ basis[:filled]
        basis[kept : kept + _BLOCK] = following
        projected.zero_()
        projected.diagonal()[:kept] = values[:kept]
        filled = kept
    raise ModelError(
        f"factors: the singular vectors of rank {rank} did not converge in {_RESTARTS} restarts; "
        "the singular values near this rank are almost equal; try another number"
    )


def _orthonormal(block: Tensor, basis: Tensor, rng: np.random.Generator) -> Tensor:
    """Return orthonormal rows that are orthogonal to a basis, and span a block together with it.

    Rows without a part outside of the basis are replaced by normal ones.
    """
    norms = block.norm(dim=1, keepdim=True)
    block = block - (block @ basis.T) @ basis
    is_spanned = block.norm(dim=1, keepdim=True) <= 1e-13 * norms
    if is_spanned.any():
        block = torch.where(is_spanned, _normal(rng, block.shape[1]), block)
    for _ in range(2):
        block = torch.linalg.qr((block - (block @ basis.T) @ basis).T)[0].T
    return block


def _normal(rng: np.random.Generator, n: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal((_BLOCK, n)))
