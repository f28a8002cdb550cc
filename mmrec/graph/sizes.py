"""How many bytes graphs hold, before there are any: what the other modules of this package keep.

Counted in int64 and float32, with the int32 copies of the CPU's kernels; CUDA has fewer copies, of
twice the size. Peaks are of what is alive at one time; what an allocator wastes is not known.

Shapes: I items, M modalities, k neighbours, E edges, D width.
"""

from __future__ import annotations

from mmrec.graph.neighbours import block_rows

_PATTERN = 8 + 8 + 4
"""An edge of a pattern in use: row, column, and the column for the kernels."""
_TRANSPOSED = 4 + 8
"""An edge of its transpose: column and permutation."""
_MERGED = 64
"""An edge while it is merged: row, column, key, the sorted key, its place before and after, the
distinct keys, and what is left of the last step."""


def constant_graph(n_edges: int) -> int:
    """Return the bytes of a constant matrix that gradients pass, its values in both orders."""
    return n_edges * (_PATTERN + _TRANSPOSED + 4 + 4)


def merging(n_edges: int) -> int:
    """Return the bytes that :func:`mmrec.graph.bipartite_adjacency` needs to make one."""
    return n_edges * _MERGED


def neighbour_search(n_items: int, width: int) -> int:
    """Return the bytes of a search for nearest neighbours: directions and a block of cosines."""
    return 4 * n_items * (width + min(block_rows(n_items), n_items))


def learned_edges(n_items: int, n_modalities: int, k: int) -> int:
    """Return the edges of a graph of neighbour lists and a diagonal."""
    return n_items * (n_modalities * min(k, n_items) + 1)


def raw_item_graphs(n_items: int, n_modalities: int, k: int) -> int:
    """Return the bytes of :class:`mmrec.graph.RawItemGraphs`, if no two lists share a neighbour."""
    return learned_edges(n_items, n_modalities, k) * (8 + 8 + 4 * n_modalities)


def raw_item_graphs_build(n_items: int, widths: list[int], k: int) -> int:
    """Return the bytes that making them needs beside: the widest search, or the merging."""
    lists = n_items * len(widths) * (min(k, n_items) + 1)
    search = neighbour_search(n_items, max(widths)) + lists * (_PATTERN + 4)
    return max(search, lists * (_MERGED + _PATTERN + 4))


def fused_graph(n_items: int, n_modalities: int, k: int, width: int) -> int:
    """Return the bytes of :func:`mmrec.graph.fuse` with what its gradient is computed from.

    Args:
        n_items: I.
        n_modalities: M.
        k: neighbours in a list.
        width: of the projected features.
    """
    learned = learned_edges(n_items, n_modalities, k)
    dense = 4 * n_items * width * n_modalities * 3  # projected, their directions, a gradient
    # A list: its pattern; cosines, a mask, cosines without the item itself, weighted ones.
    lists = learned * (_PATTERN + 13)
    # Side by side: pattern and transpose; similarities, products of scales, normalised, shared out.
    normalised = learned * (_PATTERN + _TRANSPOSED + 16)
    # With the raw graphs, as many edges again: places, pattern and transpose; values, the values
    # in the order of the transpose, and two gradients.
    fused = 2 * learned * (8 + _PATTERN + _TRANSPOSED + 16)
    search = neighbour_search(n_items, width)
    return dense + max(search + lists, lists + normalised + fused)
