"""PureSVD: factors from the truncated singular value decomposition of the interactions."""

from __future__ import annotations

from mmrec.config import Count
from mmrec.data import Dataset, FloatArray
from mmrec.errors import ModelError
from mmrec.models import RecommenderConfig, register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.svd import right_singular_vectors


class PureSVDConfig(RecommenderConfig):
    """Hyper-parameters of :class:`PureSVD`."""

    factors: Count = 10
    """Rank of the approximation, at most the number of users and that of items."""


@register("PureSVD")
class PureSVD(ClosedForm):
    """PureSVD (Cremonesi, Koren and Turrin, RecSys 2010).

    With ``P S Q^T`` the best approximation of the binary interactions R that has the rank
    ``factors``, in the Frobenius norm, scores are

        P S Q^T = R Q Q^T = P P^T R

    Public code: the paper decomposes ratings, with 0 for missing ones. Elliot decomposes binary
    interactions, as here, by a randomised method that has not converged if singular values are
    close: its scores are up to 1 % of the largest one away from the exact ones, and depend on the
    seed. Here they are exact and ``seed`` has no effect.

    Cost: some hundred products of the sparse matrix with ``factors`` vectors, more where singular
    values near that rank are close. Memory: ``2 min(U, I) factors`` numbers.

    Shapes: U users, I items.

    Kind: factorisation.
    """

    Config = PureSVDConfig
    config: PureSVDConfig
    left: FloatArray
    right: FloatArray

    def __init__(self, config: PureSVDConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        rank = config.factors
        if rank > min(self.sizes):
            raise ModelError(
                f"factors: found {rank}; accepted: at most {min(self.sizes)}, the smaller of the "
                f"numbers of users ({self.n_users}) and items ({self.n_items})"
            )
        matrix = training_matrix(dataset.train, implicit=True)
        if self.n_items <= self.n_users:
            items = right_singular_vectors(matrix, rank).numpy()
            self.left, self.right = matrix @ items, items.T
        else:
            users = right_singular_vectors(matrix.T.tocsr(), rank).numpy()
            self.left, self.right = users, (matrix.T @ users).T
