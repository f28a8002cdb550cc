"""Sparse propagation and item graphs; knows tensors only, no data set."""

from mmrec.graph.adjacency import Adjacency, bipartite_adjacency, symmetric_normalise
from mmrec.graph.item_graph import ItemGraph, RawItemGraphs, fuse
from mmrec.graph.neighbours import nearest_neighbours
from mmrec.graph.normalised import mean_of_normalised_layers
from mmrec.graph.selection import top_k
from mmrec.graph.sparse import (
    Backend,
    Pattern,
    coalesce,
    default_backend,
    edge_products,
    propagate,
    spmm,
)

__all__ = [
    "Adjacency",
    "Backend",
    "ItemGraph",
    "Pattern",
    "RawItemGraphs",
    "bipartite_adjacency",
    "coalesce",
    "default_backend",
    "edge_products",
    "fuse",
    "mean_of_normalised_layers",
    "nearest_neighbours",
    "propagate",
    "spmm",
    "symmetric_normalise",
    "top_k",
]
