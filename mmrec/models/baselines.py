"""Recommenders that are not trained, as baselines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmrec.config import Natural
from mmrec.data import ColdItems, Dataset
from mmrec.models import Recommender, RecommenderConfig, register


@register("MostPop")
class MostPop(Recommender):
    """Scores an item by the number of its training interactions.

        s(u, i) = number of training interactions of i

    Cost: nothing is trained. ``seed`` has no effect.

    Kind: yardstick.
    """

    uses_seed = False

    def __init__(self, config: RecommenderConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._popularity = torch.from_numpy(dataset.train.item_degrees.astype(np.float32))

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return the popularity [B, I] for users [B]."""
        return lambda users: self._popularity.to(users.device).repeat(len(users), 1)


class RandomConfig(RecommenderConfig):
    """Configuration of :class:`Random`."""

    random_seed: Natural | None = None
    """Elliot's name for ``seed``; it takes precedence if both are given."""


@register("Random")
class Random(Recommender):
    """Scores every item of every user by an independent uniform number.

    The numbers of a user come from that user's own generator, so they depend neither on the other
    users nor on the batches in which they are computed.

    Cost: U I random numbers at each evaluation.

    Kind: yardstick.
    """

    Config = RandomConfig

    def __init__(self, config: RandomConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._seed = config.seed if config.random_seed is None else config.random_seed

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return uniform scores [B, I] for users [B]."""
        return self._scorer(self.n_items)

    def cold_scorer(self, cold: ColdItems) -> Callable[[Tensor], Tensor]:
        """Return uniform scores [B, C], the user's numbers after those of the trained items."""
        scores = self._scorer(self.n_items + len(cold))
        return lambda users: scores(users)[:, self.n_items :]

    def _scorer(self, n: int) -> Callable[[Tensor], Tensor]:
        def scores(user: int) -> Tensor:
            rng = np.random.default_rng([self._seed, user])
            return torch.from_numpy(rng.random(n, dtype=np.float32))

        return lambda users: torch.stack([scores(int(u)) for u in users]).to(users.device)
