"""ItemKNN: items that are similar to those of a user, by their ratings."""

from __future__ import annotations

from mmrec.data import Dataset
from mmrec.graph.row_blocks import SparseArray, transposed
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.neighbours import NeighboursConfig, nearest


class ItemKNNConfig(NeighboursConfig):
    """Hyper-parameters of :class:`ItemKNN`."""


@register("ItemKNN")
class ItemKNN(ClosedForm):
    """Item-based nearest neighbours (Sarwar et al., WWW 2001), as in Elliot.

    Each candidate j keeps its ``neighbors`` most similar items i, which are compared by their
    columns ``x_i`` of the training ratings R. The score is a sum over those of them that the user
    has rated, neither centred nor divided by the sum of similarities:

        s(u, j) = sum_i r_ui S_ij

    ``implementation: standard`` is cosine, dot, or ``1 / (1 + d)`` of a distance d over all users.
    The item itself is one of its neighbours. With a distance, every item has ``neighbors``
    neighbours, rated by common users or not.

    ``implementation: aiolli`` (asymmetric cosine: Aiolli, RecSys 2013) leaves the item itself out
    and adds s, which is ``shrink`` plus 1e-6, to the denominator:

    - cosine: ``x_i.x_j / (|x_i| |x_j| + s)``
    - asymmetric: ``x_i.x_j / (|x_j|^(2a) |x_i|^(2(1-a)) + s)``, where a is ``asymmetric_alpha`` and
      j is the candidate
    - pearson and adjusted: cosine of ratings without their item's or their user's mean
    - jaccard or tanimoto: ``c / (n_i + n_j - c + s)`` for c common users
    - dice: ``c / (n_i + n_j + s)``
    - tversky: ``c / (c + tversky_alpha (n_j - c) + tversky_beta (n_i - c) + s)``

    Equal similarities are taken by ascending item number, also if rounding makes them differ.

    Public code: Elliot is followed. It leaves equal similarities to an unstable sort and computes
    in float32; here similarities are computed in float64. RecBole and Cornac keep the neighbours of
    the items of the history instead.

    Cost: ``sum_u n_u^2`` products for cosine, dot and aiolli; I^2 for distances, and I times the
    number of ratings for manhattan, chebyshev, canberra, braycurtis and hamming. I ``neighbors``
    weights are kept.

    Shapes: U users, I items; n_u and n_i are numbers of ratings.

    Kind: neighbours.
    """

    Config = ItemKNNConfig
    config: ItemKNNConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: ItemKNNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        ratings = training_matrix(dataset.train, implicit=config.implicit)
        self.left = ratings
        self.right = transposed(nearest(transposed(ratings), config))
