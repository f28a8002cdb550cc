"""Recommenders in closed form: no gradient, and scores that are a product of two matrices.

Shapes: U users, I items, B users of a batch, N columns of the left matrix.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from mmrec.data import Interactions
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import DenseArray, Matrix, SparseArray
from mmrec.models.base import Recommender

logger = logging.getLogger(__name__)

_LARGEST_RATING = 1e100
"""Products of three ratings, as in a score, are finite in float64 up to here."""


def training_matrix(train: Interactions, *, implicit: bool) -> SparseArray:
    """Return the training ratings as a new matrix, [U, I] float64 with sorted columns.

    Ratings of 0 or less count as absent, also for ``implicit``; a warning says how many there are.

    Args:
        train: the training split.
        implicit: every rating becomes 1.

    Raises:
        ModelError: no rating is above 0, or one is too large to be multiplied.
    """
    kept = train.ratings > 0
    n_absent = len(train) - int(kept.sum())
    if n_absent == len(train):
        raise ModelError(
            f"none of the {len(train)} training ratings is above 0, so none counts; "
            "'binarize: True' makes every rating 1"
        )
    if train.ratings.max() > _LARGEST_RATING and not implicit:
        raise ModelError(
            f"found the training rating {train.ratings.max():g}; accepted: at most "
            f"{_LARGEST_RATING:g}, or 'binarize: True'"
        )
    if n_absent:
        logger.warning(
            "%d of the %d training ratings are 0 or less; they count as absent",
            n_absent,
            len(train),
        )
    ratings = np.ones(int(kept.sum())) if implicit else train.ratings[kept]
    places = (train.users[kept], train.items[kept])
    return csr_array((ratings, places), shape=(train.n_users, train.n_items))


class ClosedForm(Recommender):
    """Scores by ``left[users] @ right``; a subclass sets both matrices in ``__init__``.

    Products are computed on the CPU in float64, so that scores are the same on every device.

    Attributes:
        left: [U, N], for example the ratings.
        right: [N, I], for example weights between items.
    """

    uses_seed = False
    left: Matrix
    right: Matrix

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return a function from users [B] to scores [B, I] float64 on their device."""
        return product_scorer(self.left, self.right)


def product_scorer(left: Matrix, right: Matrix) -> Callable[[Tensor], Tensor]:
    """Return a function from users [B] to ``left[users] @ right``, [B, I] on their device."""

    def scores(users: Tensor) -> Tensor:
        return torch.from_numpy(_product(left[users.cpu().numpy()], right)).to(users.device)

    return scores


def _product(rows: Matrix, right: Matrix) -> DenseArray:
    """Return ``rows @ right`` as a dense matrix, [B, I].

    Sparse products add the terms of each row in the order of its columns. Dense ones are torch's,
    which runs with the threads of the trial.
    """
    if isinstance(rows, np.ndarray) and isinstance(right, np.ndarray):
        product: DenseArray = (torch.from_numpy(rows) @ torch.from_numpy(right)).numpy()
        return product
    if isinstance(rows, np.ndarray):
        return np.asarray((right.T @ rows.T).T)
    result = rows @ right
    return np.asarray(result if isinstance(result, np.ndarray) else result.toarray())
