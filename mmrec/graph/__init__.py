"""Sparse matrices, graphs of users and items, and propagation; knows tensors only."""

from mmrec.graph.approximate import approximate_neighbours, has_approximate_neighbours
from mmrec.graph.attention import edge_softmax
from mmrec.graph.batch_rows import BatchRows
from mmrec.graph.builders import (
    NeighbourSearch,
    bipartite,
    block_diagonal,
    co_occurrence_graph,
    drop_edges,
    drop_uniformly,
    knn_graph,
)
from mmrec.graph.kernels import Backend, default_backend, spmm
from mmrec.graph.matrix import SparseMatrix
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.normalisation import normalise_rows
from mmrec.graph.propagation import layers, mean_of_layers
from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate
from mmrec.graph.top_k import top_k

__all__ = [
    "Backend",
    "BatchRows",
    "NeighbourSearch",
    "Pattern",
    "SparseMatrix",
    "approximate_neighbours",
    "bipartite",
    "block_diagonal",
    "co_occurrence_graph",
    "coalesce",
    "default_backend",
    "drop_edges",
    "drop_uniformly",
    "edge_products",
    "edge_softmax",
    "has_approximate_neighbours",
    "knn_graph",
    "layers",
    "mean_of_layers",
    "nearest_neighbours",
    "normalise_rows",
    "propagate",
    "spmm",
    "top_k",
]
