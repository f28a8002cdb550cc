"""EASER: linear weights between items, in closed form."""

from __future__ import annotations

import logging
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator
from torch import Tensor

from mmrec.config import Flag, Integer, NonNegativeReal
from mmrec.data import Dataset
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import DenseArray, SparseArray
from mmrec.models import RecommenderConfig, register
from mmrec.models.all_pairs import all_pairs, gram_matrix
from mmrec.models.closed_form import ClosedForm, training_matrix

logger = logging.getLogger(__name__)

_LARGEST_CONDITION = 1e13
"""Condition number in the 1-norm from which an inverse in float64 has no correct digits left."""


def _all_items(value: int) -> int:
    if value != -1:
        raise ValueError(
            f"found {value}; accepted: -1. EASER uses the weights of all items; Elliot reads this "
            "key and ignores it"
        )
    return value


class EASERConfig(RecommenderConfig):
    """Hyper-parameters of :class:`EASER`."""

    l2_norm: NonNegativeReal = 1000.0
    """Weight of the L2 penalty; 50 to 300 suit small data, more suits very sparse data."""
    implicit: Flag = False
    """Every rating becomes 1, which is recommended for graded ratings."""
    neighborhood: Annotated[Integer, AfterValidator(_all_items)] = -1
    """Must be -1; Elliot has the key and ignores it."""


@register("EASER")
class EASER(ClosedForm):
    """EASE^R (Steck, WWW 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").

    With the ratings R [U, I] and the number of ratings ``n_j`` of an item,

        G = R^T R, with the diagonal replaced: G_jj = n_j + l2_norm
        P = G^-1
        B_ij = -P_ij / P_jj, B_jj = 0
        scores = R B

    On ones, ``n_j`` is the diagonal of ``R^T R``, and this is the model of the paper. On graded
    ratings it is not: the other entries grow with the squared ratings and the diagonal does not.
    A warning says so; ``implicit: True`` avoids it. G is inverted in float64, by Cholesky if it
    is positive definite. ``seed`` has no effect.

    Public code: Elliot is followed, also on graded ratings. RecBole always uses ones. Cornac keeps
    the diagonal of ``R^T R`` and by default replaces negative weights with 0.

    Cost: ``I^3`` operations, and ``24 I^2`` bytes of memory, which are logged before they are
    allocated; what does not fit is refused.

    Shapes: U users, I items.

    Kind: linear.
    """

    Config = EASERConfig
    config: EASERConfig
    left: SparseArray
    right: DenseArray

    def __init__(self, config: EASERConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        ratings = training_matrix(dataset.train, implicit=config.implicit)
        if (ratings.data != 1).any():
            logger.warning(
                "EASER: the ratings are not all 1, and its penalty only fits ones; "
                "'implicit: True' makes them 1"
            )
        with all_pairs("EASER", self.n_items, 3):
            gram = gram_matrix(ratings)
            degrees = np.bincount(ratings.indices, minlength=self.n_items)
            np.fill_diagonal(gram, degrees + config.l2_norm)
            weights = self._inverse(torch.from_numpy(gram))
            weights /= -weights.diagonal().clone()
            weights.fill_diagonal_(0)
        self.left, self.right = ratings, weights.numpy()

    def _inverse(self, gram: Tensor) -> Tensor:
        """Return the inverse of a symmetric matrix.

        Raises:
            ModelError: it is singular, at least within rounding.
        """
        factor, failed = torch.linalg.cholesky_ex(gram)
        inverse: Tensor
        if failed:
            inverse, failed = torch.linalg.inv_ex(gram)
        else:
            inverse = torch.cholesky_inverse(factor)
        del factor
        norm, norm_of_inverse = (torch.linalg.matrix_norm(x, 1) for x in (gram, inverse))
        if failed or not norm * norm_of_inverse < _LARGEST_CONDITION:
            raise ModelError(
                f"l2_norm: with {self.config.l2_norm:g} the matrix of the items is singular, at "
                "least within rounding; use a larger l2_norm"
            )
        return inverse
