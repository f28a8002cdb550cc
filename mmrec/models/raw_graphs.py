"""The raw features' item graphs, built once for all trials on the same data."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from copy import deepcopy
from weakref import WeakKeyDictionary

from torch import Tensor

from mmrec.data import Dataset
from mmrec.graph import RawItemGraphs, Search

_KEPT = 2
"""Graphs kept for each data set: a search over ``top_k`` must not fill the memory with them."""

_Key = tuple[Hashable, int, Search]
_graphs_of: WeakKeyDictionary[Dataset, dict[_Key, RawItemGraphs]] = WeakKeyDictionary()


def shared_raw_graphs(
    dataset: Dataset,
    features: Sequence[Tensor],
    source: Hashable,
    top_k: int,
    search: Search,
) -> RawItemGraphs:
    """Return the graphs of the raw features, from an earlier trial if there was one.

    They depend on nothing that is trained or drawn, and take longer than many epochs: all pairs of
    items are compared over the full width of their features.

    Args:
        dataset: what the features belong to.
        features: of each modality, [I, F_m], as loaded, on the CPU.
        source: what tells them from other features of the same data.
        top_k: neighbours of each item.
        search: how they are found.

    Returns:
        A copy, which may be moved to another device.
    """
    known = _graphs_of.setdefault(dataset, {})
    key = (source, top_k, search)
    graphs = known.pop(key, None) or RawItemGraphs([x.detach() for x in features], top_k, search)
    known[key] = graphs  # the latest is last
    for oldest in list(known)[:-_KEPT]:
        del known[oldest]
    return deepcopy(graphs)
