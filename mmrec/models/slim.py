"""Slim: sparse linear weights between items."""

from __future__ import annotations

from mmrec.config import Flag, NonNegativeReal
from mmrec.data import Dataset
from mmrec.graph.row_blocks import SparseArray, keep_largest, rows_of, transposed
from mmrec.models import RecommenderConfig, register
from mmrec.models.all_pairs import all_pairs, gram_matrix
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.configs import Neighborhood, Share
from mmrec.models.elastic_net import ElasticNet


class SlimConfig(RecommenderConfig):
    """Hyper-parameters of :class:`Slim`."""

    alpha: NonNegativeReal = 0.001
    """Weight of both penalties, for each user."""
    l1_ratio: Share = 0.001
    """Share of the L1 penalty; the rest is the L2 penalty."""
    neighborhood: Neighborhood = 10
    """How many of the largest weights each item keeps; -1 for all."""
    positive_only: Flag = True
    """Whether weights are at least 0."""
    hide_item: Flag = True
    """Whether an item has no weight with itself. It takes most of the weight otherwise, which says
    nothing about items that a user does not know."""
    implicit: Flag = False
    """Every rating becomes 1. ``alpha`` for ratings r corresponds to ``alpha / r^2`` for ones."""


@register("Slim")
class Slim(ClosedForm):
    """SLIM (Ning and Karypis, ICDM 2011) as an elastic net (Levy and Jack, LSRS 2013).

    With the ratings X [U, I], column j of the weights W [I, I] is the minimiser over w of

        1 / (2 U) |x_j - X w|^2 + alpha l1_ratio |w|_1 + alpha (1 - l1_ratio) / 2 |w|^2

    with ``w_j = 0``, and ``w >= 0`` if ``positive_only``. Scores are ``X W``. Each column keeps its
    ``neighborhood`` largest weights.

    Small penalties leave hundreds of weights for each item and take long. ``seed`` has no effect.

    Public code: here W is the optimum. RecBole and Elliot stop scikit-learn's descent early and in
    a random order of coordinates; their weights are up to 0.005 away from it. Elliot means to hide
    item j while it is fitted, but takes a matrix by rows for one by columns and hides the ratings
    of user j: its items predict themselves with weights near 1, and it fails where I > U. This is
    not reproduced. Elliot also keeps one weight less where there are no more than ``neighborhood``.
    ``positive_only``, ``hide_item`` and ``implicit`` are not keys of Elliot's. RecBole's model
    always uses ones, has no ``neighborhood``, and has an ``alpha`` of 0.2 and an ``l1_ratio`` of
    0.02.

    Cost: for A weights of an item, some ``A^3 + A I`` operations for each item. Memory: ``16 I^2``
    bytes, which are logged before they are allocated; what does not fit is refused.

    Shapes: U users, I items.

    Kind: linear.
    """

    Config = SlimConfig
    config: SlimConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: SlimConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        ratings = training_matrix(dataset.train, implicit=config.implicit)
        penalty = self.n_users * config.alpha
        net = ElasticNet(
            l1=penalty * config.l1_ratio,
            l2=penalty * (1 - config.l1_ratio),
            is_positive=config.positive_only,
            is_hidden=config.hide_item,
        )
        with all_pairs("Slim", self.n_items, 2):
            columns = net.columns(gram_matrix(ratings))
        if config.neighborhood != -1:
            columns = keep_largest(rows_of(columns), self.n_items, config.neighborhood)
        self.left, self.right = ratings, transposed(columns)
