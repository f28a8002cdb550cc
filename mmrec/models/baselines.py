"""Recommenders that are not trained: the yardsticks that a model has to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mmrec.config import Natural
from mmrec.data import Dataset
from mmrec.models.base import Recommender, RecommenderConfig, register


@register("MostPop")
class MostPop(Recommender):
    """Scores an item by the number of its training interactions, for every user alike."""

    def __init__(self, config: RecommenderConfig, dataset: Dataset) -> None:
        self._popularity = torch.from_numpy(dataset.train.item_degrees.astype(np.float32))

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return the popularity [B, I] for users [B]."""
        return lambda users: self._popularity.to(users.device).repeat(len(users), 1)


class RandomConfig(RecommenderConfig):
    """Configuration of :class:`Random`."""

    random_seed: Natural | None = None
    """Elliot's name for ``seed``; it wins where both are given."""


@register("Random")
class Random(Recommender):
    """Scores every item of every user by an independent uniform number.

    A user's scores come from a generator of that user's own, so they depend neither on the other
    users nor on the batches in which they are asked for.
    """

    Config = RandomConfig

    def __init__(self, config: RandomConfig, dataset: Dataset) -> None:
        self._seed = config.seed if config.random_seed is None else config.random_seed
        self._n_items = dataset.n_items

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return uniform scores [B, I] for users [B]."""
        return lambda users: torch.stack([self._scores(int(u)) for u in users]).to(users.device)

    def _scores(self, user: int) -> Tensor:
        rng = np.random.default_rng([self._seed, user])
        return torch.from_numpy(rng.random(self._n_items, dtype=np.float32))
