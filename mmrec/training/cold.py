"""Figures of cold items: how well a recommender ranks items without training rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmrec.data import ColdItems, Interactions
from mmrec.evaluation import Evaluator, rank
from mmrec.models import Recommender

COLD = "cold"
"""Begins the names of figures of lists of cold items alone, such as ``cold/Recall@20``."""
JOINT = "all"
"""Begins the names of figures of lists of trained and cold items."""


@dataclass(frozen=True, eq=False)
class ColdProtocol:
    """How cold items are evaluated on the test split; nothing is selected by these figures."""

    alone: Evaluator
    """Of the test rows of cold items; its item numbers are those among the cold items."""
    joint: Evaluator
    """Of all test rows, with trained and cold items."""
    top_k: int
    """Length of the lists."""

    @classmethod
    def of(
        cls,
        train: Interactions,
        cold: ColdItems,
        metrics: Sequence[str],
        cutoffs: Sequence[int],
        relevance_threshold: float,
        top_k: int,
    ) -> ColdProtocol:
        """Return the protocol of a fold.

        Args:
            train: the training split.
            cold: the cold items.
            metrics: names of metrics that read hits only.
            cutoffs: lengths at which lists are cut.
            relevance_threshold: the least rating that is relevant.
            top_k: length of the lists.

        Raises:
            DataError: no test row of a cold item is relevant.
        """
        settings = metrics, cutoffs, relevance_threshold
        none = np.empty(0, np.int64)
        no_rows = Interactions.from_arrays(none, none, train.n_users, len(cold))
        same_rows = replace(train, n_items=cold.joint_test.n_items)
        return cls(
            alone=Evaluator(no_rows, cold.test, *settings),
            joint=Evaluator(same_rows, cold.joint_test, *settings),
            top_k=top_k,
        )

    @torch.no_grad()
    def evaluate(
        self, recommender: Recommender, cold: ColdItems, device: torch.device
    ) -> dict[str, float]:
        """Return the figures of a recommender, those of lists of cold items alone first.

        Args:
            recommender: has a ``cold_scorer``, and is in evaluation mode.
            cold: the cold items as the recommender sees them.
            device: of the recommender.

        Raises:
            ModelError: the scores have the wrong shape, or one is NaN.
        """
        of_cold, of_trained = recommender.cold_scorer(cold), recommender.scorer()
        lists = (COLD, of_cold, self.alone), (JOINT, _side_by_side(of_trained, of_cold), self.joint)
        figures: dict[str, float] = {}
        for name, scorer, evaluator in lists:
            ranking = rank(scorer, evaluator.train, self.top_k, device=device)
            found = evaluator.evaluate(ranking).figures
            figures |= {f"{name}/{label}": value for label, value in found.items()}
        return figures


def _side_by_side(
    of_trained: Callable[[Tensor], Tensor], of_cold: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """Return a function from users [B] to the scores of trained and of cold items, [B, I+C]."""
    return lambda users: torch.cat([of_trained(users), of_cold(users)], dim=1)
