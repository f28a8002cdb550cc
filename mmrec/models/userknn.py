"""UserKNN: items of users that are similar by their ratings."""

from __future__ import annotations

from typing import Literal

from mmrec.data import Dataset
from mmrec.graph.row_blocks import SparseArray, transposed
from mmrec.models import register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.neighbours import NeighboursConfig, nearest

Votes = Literal["reverse", "own"]
"""Whose ratings count for a user: of users that chose the user, or of the user's own choice."""


class UserKNNConfig(NeighboursConfig):
    """Hyper-parameters of :class:`UserKNN`."""

    votes: Votes = "reverse"
    """``reverse``: the ratings of users that have the user among their neighbours count, as in
    Elliot. ``own``: those of the user's own neighbours, as in RecBole."""


@register("UserKNN")
class UserKNN(ClosedForm):
    """User-based nearest neighbours (Resnick et al., CSCW 1994), as in Elliot.

    Each user v chooses the ``neighbors`` most similar users by their rows of the training ratings
    R. The similarities are those of ItemKNN with users instead of items; the choosing user has
    the exponent 2a of asymmetric and the weight ``tversky_alpha``. A score is a sum over users v,
    neither centred nor divided by the sum of similarities:

        s(u, i) = sum_v S_uv r_vi

    With ``votes: reverse`` these are the users that chose u, of which there may be any number. A
    user whom nobody chose has the score 0 for all items, which are then listed by ascending number.
    With ``votes: own`` they are the users that u chose.

    Public code: Elliot computes ``votes: reverse``, which is the default for equal numbers; RecBole
    and textbooks compute ``votes: own``.

    Cost: ``sum_i n_i^2`` products for cosine, dot and aiolli; U^2 for distances, and U times the
    number of ratings for manhattan, chebyshev, canberra, braycurtis and hamming. U ``neighbors``
    weights are kept.

    Shapes: U users, I items; n_i are numbers of ratings.

    Kind: neighbours.
    """

    Config = UserKNNConfig
    config: UserKNNConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: UserKNNConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        ratings = training_matrix(dataset.train, implicit=config.implicit)
        chosen = nearest(ratings, config)
        self.left = chosen if config.votes == "own" else transposed(chosen)
        self.right = ratings
