"""iALS: implicit matrix factorisation by alternating least squares."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from mmrec.config import Count, Natural, NonNegativeReal, PositiveReal
from mmrec.data import Dataset, FloatArray
from mmrec.graph.row_blocks import SparseArray
from mmrec.models import RecommenderConfig, register
from mmrec.models.closed_form import ClosedForm, training_matrix
from mmrec.models.least_squares import LeastSquares

_ONLY_2008 = {"alpha": "alpha0", "epsilon": "alpha0", "scaling": "alpha0", "epochs": "n_iterations"}
"""The keys of ``ials2008`` alone, each with the key that ``ials2022`` has instead."""

_ONLY_2022 = {"alpha0": "alpha", "nu": "reg", "n_iterations": "epochs"}
"""The keys of ``ials2022`` alone, each with the key that ``ials2008`` has instead."""


class IALSConfig(RecommenderConfig):
    """Hyper-parameters of :class:`IALS`."""

    objective: Literal["ials2008", "ials2022"] = "ials2008"
    """The objective of Hu, Koren and Volinsky (2008) or that of Rendle et al. (2022)."""
    factors: Count = 10
    """Width of the factors; 128 by default with ``ials2022``."""
    reg: NonNegativeReal = 0.1
    """Weight of the penalty on squared norms; 0.02 by default with ``ials2022``."""
    epochs: Count = 2
    """``ials2008``: solutions for all users and all items; too few by default, 10 to 15 are usual.
    The factors are evaluated once, after the last epoch."""
    scaling: Literal["linear", "log"] = "linear"
    """``ials2008``: the confidence of an interaction is ``1 + alpha`` or
    ``1 + alpha ln(1 + 1 / epsilon)``."""
    alpha: NonNegativeReal = 1.0
    """``ials2008``: weight of an interaction in addition to the 1 of every cell."""
    epsilon: PositiveReal = 1.0
    """``ials2008``: of ``scaling: log``."""
    n_iterations: Count = 12
    """``ials2022``: solutions for all users and all items."""
    alpha0: NonNegativeReal = 0.1
    """``ials2022``: weight of all cells."""
    nu: NonNegativeReal = 1.0
    """``ials2022``: the penalty grows with this power of the degree; 0 is a plain L2 penalty."""
    seed: Natural = Field(42, lt=2**32)
    """Every random draw of the trial comes from this number."""

    @model_validator(mode="before")
    @classmethod
    def _of_the_objective(cls, written: Any) -> Any:  # noqa: ANN401 - whatever the file has
        """Set the defaults of ``ials2022``, and refuse keys that have no effect."""
        if not isinstance(written, dict):
            return written
        is_new = written.get("objective") == "ials2022"
        for key, other in (_ONLY_2008 if is_new else _ONLY_2022).items():
            if key in written and written[key] != cls.model_fields[key].default:
                raise ValueError(
                    f"{key}: has no effect with objective: {'ials2022' if is_new else 'ials2008'}; "
                    f"its key is {other}"
                )
        return {"factors": 128, "reg": 0.02} | written if is_new else written


@register("iALS")
class IALS(ClosedForm):
    """Implicit ALS (Hu, Koren and Volinsky, ICDM 2008), also as revisited by Rendle et al. (2022).

    Let ``p_ui`` be 1 for an interaction and 0 else; ratings are not read. ``objective: ials2008``
    minimises, with the confidence ``c_ui = c`` of interactions and 1 of other cells,

        sum_ui c_ui (p_ui - x_u.y_i)^2 + reg (sum_u |x_u|^2 + sum_i |y_i|^2)

    ``objective: ials2022`` ("Revisiting the Performance of iALS on Item Recommendation Benchmarks",
    RecSys 2022) minimises, with the numbers n of interactions,

        sum_{p_ui = 1} (1 - x_u.y_i)^2 + alpha0 sum_ui (x_u.y_i)^2
            + reg (sum_u (n_u + alpha0 I)^nu |x_u|^2 + sum_i (n_i + alpha0 U)^nu |y_i|^2)

    An epoch solves for all users, then for all items. Initial factors are normal, with a standard
    deviation of 0.01 or of ``0.1 / sqrt(factors)``; those of users are drawn first. Solutions are
    exact, in float64, and depend neither on the number of threads nor on blocks.

    Public code: Elliot writes the confidences over the training matrix that its models share. Later
    trials and models of the same process train on them, so a grid has other confidences than its
    file says. Here the matrix is not shared. Elliot also evaluates every epoch and keeps the best;
    here the number of epochs is a hyper-parameter to search.

    Cost: an epoch takes ``E f min(n, f)`` operations, plus ``(U + I) f^2``. Memory: ``(U + I) f``
    numbers.

    Shapes: U users, I items, E interactions, f ``factors``; n are numbers of interactions of a user
    or an item.

    Kind: factorisation.
    """

    Config = IALSConfig
    config: IALSConfig
    uses_seed = True  # for the factors before the first epoch
    left: FloatArray
    right: FloatArray

    def __init__(self, config: IALSConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        by_user = training_matrix(dataset.train, implicit=True)
        by_item: SparseArray = by_user.T.tocsr()
        sides = self._equations(by_user), self._equations(by_item)
        is_new = config.objective == "ials2022"
        users, items = self.initial_factors()
        for _ in range(config.n_iterations if is_new else config.epochs):
            users = sides[0].solve(items)
            items = sides[1].solve(users)
        self.left, self.right = users.numpy(), items.numpy().T

    def initial_factors(self) -> tuple[Tensor, Tensor]:
        """Return the factors of users [U, f] and items [I, f] before the first epoch, float64."""
        f, seed = self.config.factors, self.config.seed
        if self.config.objective == "ials2022":
            rng = np.random.default_rng(seed)
            draws = [rng.normal(0, 0.1 / math.sqrt(f), (n, f)) for n in self.sizes]
        else:
            # A generator of its own with the stream that numpy's global one has in Elliot.
            legacy = np.random.RandomState(seed)
            draws = [legacy.normal(0, 0.01, (n, f)) for n in self.sizes]
        return torch.from_numpy(draws[0]), torch.from_numpy(draws[1])

    def confidence(self) -> float:
        """Return ``c`` of ``objective: ials2008``."""
        is_log = self.config.scaling == "log"
        return 1 + self.config.alpha * (math.log1p(1 / self.config.epsilon) if is_log else 1)

    def _equations(self, interactions: SparseArray) -> LeastSquares:
        """Return the normal equations of the rows of a matrix."""
        config = self.config
        if config.objective == "ials2022":
            degrees = np.diff(interactions.indptr) + config.alpha0 * interactions.shape[1]
            penalties = config.reg * degrees**config.nu
            return LeastSquares(interactions, penalties, background=config.alpha0)
        c = self.confidence()
        penalties = np.full(interactions.shape[0], config.reg)
        return LeastSquares(interactions, penalties, weight=c - 1, target=c)
