"""Sparse propagation and item graphs; knows tensors only, no data set."""

from mmrec.graph.adjacency import Adjacency, bipartite_adjacency, symmetric_normalise
from mmrec.graph.approximate import approximate_neighbours, has_approximate_neighbours
from mmrec.graph.item_graph import ItemGraph, RawItemGraphs, Search, fuse
from mmrec.graph.kernels import Backend, default_backend, spmm
from mmrec.graph.layers import mean_of_layers
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.selection import top_k
from mmrec.graph.sparse import Pattern, coalesce, edge_products, propagate

__all__ = [
    "Adjacency",
    "Backend",
    "ItemGraph",
    "Pattern",
    "RawItemGraphs",
    "Search",
    "approximate_neighbours",
    "bipartite_adjacency",
    "coalesce",
    "default_backend",
    "edge_products",
    "fuse",
    "has_approximate_neighbours",
    "mean_of_layers",
    "nearest_neighbours",
    "propagate",
    "spmm",
    "symmetric_normalise",
    "top_k",
]
