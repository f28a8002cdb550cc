"""RP3beta and P3alpha: random walks of three steps over users and items."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from mmrec.config import Flag, NonNegativeReal
from mmrec.data import Dataset
from mmrec.graph.row_blocks import (
    Matrix,
    Rows,
    SparseArray,
    by_pairs,
    keep_largest,
    rows_of,
    transposed,
    without_diagonal,
)
from mmrec.models import RecommenderConfig, register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.configs import Neighborhood


class RP3betaConfig(RecommenderConfig):
    """Hyper-parameters of :class:`RP3beta`."""

    neighborhood: Neighborhood = 10
    """How many weights are kept of each row, and then of each column; -1 for all."""
    alpha: NonNegativeReal = 1.0
    """Exponent of the probabilities of a step."""
    beta: NonNegativeReal = 0.6
    """Exponent of the number of ratings that a candidate's weights are divided by; 0 is P3alpha."""
    normalize_similarity: Flag = False
    """Whether the weights that a row keeps are divided by their sum."""
    implicit: Flag = False
    """Every rating becomes 1."""


@register("RP3beta")
class RP3beta(ClosedForm):
    """RP3beta (Paudel et al., ACM TiiS 7(1), 2017), and P3alpha (Cooper et al., WWW 2014).

    Walks go from an item i of the history to one of its users and on to a candidate j. With the
    ratings r and the number of ratings ``n_i`` of an item,

        S_ij = n_j^(-beta) sum_u (1 / n_i)^alpha (r_uj / sum_k r_uk)^alpha,  S_ii = 0
        s(u, j) = sum_i r_ui W_ij

    W is what two cuts leave of S. First, each row i keeps its ``neighborhood`` largest weights,
    which ``normalize_similarity`` divides by their sum. Then each column j keeps its
    ``neighborhood`` largest of what is left. Equal weights are taken by ascending item number.
    P3alpha is ``beta: 0``.

    Public code: Elliot and the evaluation code of Ferrari Dacrema et al. (RecSys 2019) cut both
    rows and columns, as here; WarpRec cuts rows only. ``implicit`` is not a key of Elliot's.

    Cost: ``sum_u n_u^2`` products, in blocks of rows. I ``neighborhood`` weights are kept.

    Shapes: I items; n_u and n_i are numbers of ratings.

    Kind: neighbours. Graphs: users and items.
    """

    Config = RP3betaConfig
    config: RP3betaConfig
    left: SparseArray
    right: SparseArray

    def __init__(self, config: RP3betaConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._k = self.n_items if config.neighborhood == -1 else config.neighborhood
        ratings = training_matrix(dataset.train, implicit=config.implicit)
        self.left = ratings
        self.right = self.cut_columns(self.cut_rows(ratings))

    def weights(self, ratings: SparseArray) -> Rows:
        """Return a function that computes rows of S, the weights before any cut, [I, I].

        Args:
            ratings: [U, I].
        """
        alpha, beta = self.config.alpha, self.config.beta
        to_item, to_user = _divided_by_row_sum(ratings), transposed(ratings)
        degrees = np.diff(to_user.indptr)
        to_item.data **= alpha
        to_user.data = np.repeat(1 / np.maximum(degrees, 1.0), degrees) ** alpha
        penalties = np.maximum(degrees, 1.0) ** -beta

        def rows(start: int, stop: int) -> Matrix:
            block = to_user[start:stop] @ to_item
            return by_pairs(block, start, lambda weight, i, j: weight * penalties[j])

        return without_diagonal(rows)

    def cut_rows(self, ratings: SparseArray) -> SparseArray:
        """Return the largest weights of each row, [I, I]."""
        kept = keep_largest(self.weights(ratings), self.n_items, self._k)
        return _divided_by_row_sum(kept) if self.config.normalize_similarity else kept

    def cut_columns(self, weights: SparseArray) -> SparseArray:
        """Return the largest weights of each column, [I, I]."""
        return transposed(keep_largest(rows_of(transposed(weights)), self.n_items, self._k))


def _divided_by_row_sum(matrix: SparseArray) -> SparseArray:
    """Divide each row by its sum; rows without values stay as they are."""
    lengths = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(matrix.shape[0]), lengths)
    sums = np.bincount(rows, matrix.data, matrix.shape[0])
    return csr_array((matrix.data / sums[rows], matrix.indices, matrix.indptr), shape=matrix.shape)
