"""Graphs built from interactions and from item features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from mmrec.graph.approximate import approximate_neighbours
from mmrec.graph.matrix import SparseMatrix
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.row_blocks import keep_largest, transposed, without_diagonal
from mmrec.graph.sparse import Pattern

NeighbourSearch = Literal["exact", "approximate"]

SEARCHES: Mapping[NeighbourSearch, Callable[[Tensor, int], tuple[Tensor, Tensor]]] = {
    "exact": nearest_neighbours,
    "approximate": approximate_neighbours,
}
"""The functions that return the nearest rows of each row, and their cosines."""


def bipartite(matrix: SparseMatrix, *, self_loops: bool = False) -> SparseMatrix:
    """Return the graph whose nodes are the users 0..U-1 followed by the items U..U+I-1.

    Args:
        matrix: the interactions R, [U, I].
        self_loops: add the identity.

    Returns:
        ``[[0, R], [R^T, 0]]``, [U+I, U+I], with the values of R; not normalised.
    """
    n_users, n_items = matrix.shape
    n_nodes = n_users + n_items
    users, items = matrix.pattern.rows, matrix.pattern.cols + n_users
    rows, cols = [users, items], [items, users]
    values = [matrix.values, matrix.values]
    if self_loops:
        nodes = torch.arange(n_nodes, device=matrix.device)
        rows, cols = [*rows, nodes], [*cols, nodes]
        values = [*values, matrix.values.new_ones(n_nodes)]
    return SparseMatrix.from_edges(
        torch.cat(rows), torch.cat(cols), (n_nodes, n_nodes), torch.cat(values)
    )


def block_diagonal(matrix: SparseMatrix, n: int) -> SparseMatrix:
    """Return n copies of a matrix along a diagonal, [nN, nM] for [N, M], block after block."""
    (n_rows, n_columns), pattern = matrix.shape, matrix.pattern
    blocks = torch.arange(n, device=matrix.device).repeat_interleave(len(matrix))
    rows = pattern.rows.repeat(n) + n_rows * blocks
    cols = pattern.cols.repeat(n) + n_columns * blocks
    return SparseMatrix(Pattern(rows, cols, (n * n_rows, n * n_columns)), matrix.values.repeat(n))


@torch.no_grad()
def knn_graph(
    x: Tensor,
    k: int,
    *,
    values: Literal["cosine", "ones"] = "cosine",
    diagonal: Literal["keep", "one", "zero"] = "keep",
    search: NeighbourSearch = "exact",
) -> SparseMatrix:
    """Return the graph of the ``k`` rows of the largest cosine to each row; constant.

    The graph is directed: row i has the neighbours of i. Rows are compared block by block; the
    [I, I] similarities never exist. The cosine with a zero vector is 0.

    Args:
        x: [I, F] float.
        k: neighbours of each row, the row itself usually among them; at most I are taken.
        values: the cosines, or 1 for every neighbour.
        diagonal: ``keep`` what the search finds, ``one`` to set the diagonal to 1 (also of a row
            that is not among its own neighbours), ``zero`` to remove it.
        search: how neighbours are found.

    Returns:
        [I, I], not normalised.
    """
    neighbours, cosines = SEARCHES[search](x, k)
    weights = torch.ones_like(cosines) if values == "ones" else cosines
    if diagonal == "keep":
        return SparseMatrix(Pattern.from_lists(neighbours, len(x)), weights.flatten())
    itself = torch.arange(len(x), device=x.device)[:, None]
    if diagonal == "one":
        pattern, weights = with_unit_diagonal([neighbours], [weights])
        return SparseMatrix(pattern, weights)
    graph = SparseMatrix(Pattern.from_lists(neighbours, len(x)), weights.flatten())
    return graph.select((neighbours != itself).flatten().nonzero()[:, 0])


def with_unit_diagonal(lists: list[Tensor], values: list[Tensor]) -> tuple[Pattern, Tensor]:
    """Put neighbour lists side by side and set the diagonal to 1.

    Args:
        lists: neighbours, tensors [I, K_m] int64; values of one neighbour in several lists add up.
        values: of the same shapes; those of an item with itself are ignored.

    Returns:
        The edges and their values [E], differentiable in ``values``.
    """
    items = torch.arange(len(lists[0]), device=lists[0].device)[:, None]
    others = [x.masked_fill(ids == items, 0.0) for ids, x in zip(lists, values, strict=True)]
    ones = values[0].new_ones(len(items), 1)
    pattern = Pattern.from_lists(torch.cat([*lists, items], dim=1), len(items))
    return pattern, torch.cat([*others, ones], dim=1).flatten()


def co_occurrence_graph(matrix: SparseMatrix, k: int) -> SparseMatrix:
    """Return for each row the ``k`` other rows that share most columns with it.

    Equal counts are taken by ascending row number. Rows are compared block by block.

    Args:
        matrix: [N, M], for example the interactions of users; its values do not count.
        k: neighbours of each row; a row that shares columns with fewer rows has fewer.

    Returns:
        [N, N] on the CPU: the numbers of shared columns, in each row the largest first.
    """
    columns, offsets = matrix.pattern.cols.cpu().numpy(), matrix.pattern.rowptr.cpu().numpy()
    incidence = csr_array((np.ones(len(columns)), columns, offsets), shape=matrix.shape)
    transpose, n_rows = transposed(incidence), matrix.shape[0]
    others = without_diagonal(lambda start, stop: incidence[start:stop] @ transpose)
    common = keep_largest(others, n_rows, k).tocoo()
    order = np.lexsort((common.col, -common.data, common.row))
    rows, cols = (torch.from_numpy(x[order].astype(np.int64)) for x in (common.row, common.col))
    counts = torch.from_numpy(common.data[order]).to(matrix.values.dtype)
    return SparseMatrix(Pattern(rows, cols, (n_rows, n_rows)), counts)


def drop_edges(
    matrix: SparseMatrix,
    share: float,
    rng: np.random.Generator,
    *,
    by: Literal["degree", "uniform"] = "degree",
) -> SparseMatrix:
    """Return a matrix that keeps ``floor(E (1 - share))`` edges, drawn without replacement.

    Args:
        matrix: for example the interactions [U, I], E edges.
        share: of the edges that are left out, from 0 up to 1.
        rng: draws the edges. One key is drawn per edge, whatever ``share`` is.
        by: ``uniform``, or by ``degree``: an edge is drawn with a probability in proportion to
            ``1 / sqrt(d_row d_col)``, so that edges of popular nodes are left out most often
            (FREEDOM, Zhou and Shen, ACM MM 2023).
    """
    n_edges = len(matrix)
    keys = rng.gumbel(size=n_edges)  # the largest of log weight + Gumbel noise: without replacement
    if by == "degree":
        rows, cols = matrix.pattern.rows.cpu().numpy(), matrix.pattern.cols.cpu().numpy()
        degrees = np.bincount(rows)[rows] * np.bincount(cols)[cols]
        keys -= np.log(degrees) / 2
    kept = np.argsort(-keys, kind="stable")[: int(n_edges * (1 - share))]
    return matrix.select(torch.from_numpy(np.sort(kept)).to(matrix.device))


def drop_uniformly(
    matrix: SparseMatrix,
    share: float,
    rng: np.random.Generator,
    what: Literal["edges", "nodes"] = "edges",
) -> SparseMatrix:
    """Return a matrix without some edges, drawn uniformly and without replacement.

    Args:
        matrix: for example the interactions [U, I], E edges.
        share: of what is left out, from 0 to 1.
        rng: draws what is left out.
        what: ``edges`` leaves out ``round(E share)`` of them; ``nodes`` leaves out all edges of
            ``round(U share)`` rows and of ``round(I share)`` columns. Halves are rounded to even.
    """
    pattern = matrix.pattern
    if what == "edges":
        kept = _kept(len(matrix), share, rng).to(matrix.device)
    else:
        rows, cols = (_kept(n, share, rng).to(matrix.device) for n in matrix.shape)
        kept = rows[pattern.rows] & cols[pattern.cols]
    return matrix.select(kept.nonzero()[:, 0])


def _kept(n: int, share: float, rng: np.random.Generator) -> Tensor:
    """Return [n] bool, False at ``round(n share)`` places."""
    kept = torch.ones(n, dtype=torch.bool)
    kept[torch.from_numpy(rng.choice(n, size=round(n * share), replace=False))] = False
    return kept
