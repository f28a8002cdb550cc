"""AttributeItemKNN and AttributeUserKNN: neighbours by the attributes of items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, cast

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from mmrec.data import ColdItems, Dataset
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import Matrix, SparseArray, transposed
from mmrec.graph.similarities import divided, indicators, squared_norms
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, product_scorer, training_matrix
from mmrec.models.cold_neighbours import weights_of_cold_items
from mmrec.models.content_neighbours import (
    AttributeNeighboursConfig,
    Cut,
    item_vectors,
    nearest,
)
from mmrec.models.userknn import Votes


class AttributeItemKNNConfig(AttributeNeighboursConfig):
    """Hyper-parameters of :class:`AttributeItemKNN`."""

    cut: Cut = "column"
    """Whether each candidate keeps its neighbours (column) or each item of the history (row)."""


@register("AttributeItemKNN")
class AttributeItemKNN(ClosedForm):
    """Item-based nearest neighbours by attributes (Gantner et al., RecSys 2011), as in Elliot.

    This is ItemKNN with ``implementation: standard`` on the rows of an item-by-attribute matrix:

        s(u, j) = sum_i r_ui S_ij

    over the ``neighbors`` items i most similar to the candidate j, which include j. With ``cut:
    row`` they are the items i of the history that have j among their neighbours. Items without
    attributes, and constant vectors for correlation, have the similarity 0 to all items.

    Public code: Elliot is followed. It reads attributes of 0 and 1 only; here any modalities work,
    concatenated. The default loader is ``ItemAttributes``.

    Cost: ``I^2`` similarities in blocks of rows, ``I^2 F`` operations for dense features. I
    ``neighbors`` weights are kept.

    Shapes: I items, F attributes or features.

    Kind: neighbours.
    """

    Config = AttributeItemKNNConfig
    config: AttributeItemKNNConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: AttributeItemKNNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self.vectors = item_vectors(config, dataset)
        self.left = training_matrix(dataset.train, implicit=config.implicit)
        chosen = nearest(self.vectors, config)
        self.right = chosen if config.cut == "row" else transposed(chosen)

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        """Score each cold item as if it were the only one."""
        chosen = self.right if self.config.cut == "row" else None
        weights = weights_of_cold_items(
            *(self.config, self._dataset, cold, chosen), zeros_compete=False, with_itself=True
        )
        return product_scorer(self.left, weights)


class AttributeUserKNNConfig(AttributeNeighboursConfig):
    """Hyper-parameters of :class:`AttributeUserKNN`."""

    profile: Literal["binary", "tfidf"] = "binary"
    """``binary``: a user is the mean of the items' vectors. ``tfidf``: attributes of 0 and 1 are
    weighted by their rarity before."""
    votes: Votes = "reverse"
    """``reverse``: the ratings of users that have the user among their neighbours count, as in
    Elliot. ``own``: those of the user's own neighbours."""


@register("AttributeUserKNN")
class AttributeUserKNN(ClosedForm):
    """User-based nearest neighbours by attributes (Gantner et al., RecSys 2011), as in Elliot.

    The profile of a user is the mean of the vectors of the user's items, whatever the ratings.
    ``profile: tfidf`` first weights the attribute f by ``ln(I / items that have f)`` and divides
    each item's vector by its norm. Profiles are compared as in UserKNN with ``implementation:
    standard``, also with respect to ``votes``. A user without items has no neighbours.

    Public code: Elliot is followed. There, an attribute in the profile ``tfidf`` has the weight of
    the last item that has it, divided by the number of items; here it is the mean. Dense features
    are an extension.

    Cost: ``U^2`` similarities in blocks of rows, ``U^2 F`` operations for dense features. U
    ``neighbors`` weights are kept.

    Shapes: U users, I items, F attributes or features.

    Kind: neighbours.
    """

    Config = AttributeUserKNNConfig
    config: AttributeUserKNNConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: AttributeUserKNNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        items = item_vectors(config, dataset)
        if config.profile == "tfidf":
            items = self._weighted(items)
        self.right = training_matrix(dataset.train, implicit=config.implicit)
        self.vote(self._means(items))

    def vote(self, profiles: Matrix) -> None:
        """Choose the neighbours by profiles, [U, F]."""
        self.vectors = profiles
        chosen = nearest(profiles, self.config)
        self.left = chosen if self.config.votes == "own" else transposed(chosen)

    def _means(self, items: Matrix) -> Matrix:
        """Return the mean of the vectors of each user's items, [U, F].

        Sums are divided, and not shares added up: equal shares of 0 and 1 have equal bits, which
        hamming compares.
        """
        history = indicators(self.right)
        sums, degrees = cast("Matrix", history @ items), np.diff(history.indptr)
        if isinstance(sums, np.ndarray):
            return sums / np.maximum(degrees, 1)[:, None]
        sums.data /= np.repeat(degrees, np.diff(sums.indptr))
        return sums

    def _weighted(self, items: Matrix) -> SparseArray:
        """Return the vectors of the items with weighted attributes, of norm 1, [I, F]."""
        if isinstance(items, np.ndarray):
            raise ModelError(
                "profile: tfidf weights attributes of 0 and 1, which the features "
                f"{', '.join(self.config.sources.values())} are not; accepted for them: binary"
            )
        counts = np.bincount(items.indices, minlength=items.shape[1])
        values = items.data * np.log(self.n_items / np.maximum(counts, 1))[items.indices]
        weighted = csr_array((values, items.indices, items.indptr), shape=items.shape)
        lengths = np.repeat(np.sqrt(squared_norms(weighted)), np.diff(items.indptr))
        weighted.data = divided(weighted.data, lengths)
        return weighted
