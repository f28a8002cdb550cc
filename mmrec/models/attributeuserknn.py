"""AttributeUserKNN: items of users whose items have similar attributes."""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from scipy.sparse import csr_array

from mmrec.data import Dataset
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import Matrix, SparseArray, transposed
from mmrec.graph.similarities import divided, indicators, squared_norms
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.content_neighbours import AttributeNeighboursConfig, item_vectors, nearest
from mmrec.models.userknn import Votes


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
