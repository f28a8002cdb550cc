"""Recommendation lists from other programs, evaluated with the models of an experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Dataset, IntArray, Interactions
from mmrec.data.mismatches import TRAINING, unknown_ids
from mmrec.errors import ModelError
from mmrec.evaluation import Ranking, ranking_from_frame, read_recommendations
from mmrec.evaluation.list_warnings import (
    few_lists,
    internal_numbers,
    require_known_users,
    short_lists,
    trained_rows,
)
from mmrec.models.base import Recommender
from mmrec.models.configs import RecommenderConfig

logger = logging.getLogger(__name__)


class RecommendationFileConfig(RecommenderConfig):
    """Where the lists are."""

    file: Path
    """The lists, in a form that :func:`mmrec.evaluation.read_recommendations` reads."""


class RecommendationFile(Recommender):
    """The lists of one file: one entry of Elliot's ``RecommendationFolder``.

    Nothing is masked. An item that is not in the training split keeps its place and is never a hit.
    """

    Config = RecommendationFileConfig
    no_cold_items = "its lists were made elsewhere"
    uses_seed = False

    def __init__(self, config: RecommendationFileConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._file = config.file
        self._frame = read_recommendations(config.file)
        self._users, self._items = dataset.users, dataset.items
        self._log(self._warnings(dataset))

    def _warnings(self, dataset: Dataset) -> Iterator[str | None]:
        """Yield what may be wrong with the lists, as ``mmrec evaluate`` does."""
        file, frame = self._file, self._frame
        require_known_users(file, frame["user_id"].unique(), self._users)
        for what, known in (("user", self._users), ("item", self._items)):
            ids = frame[f"{what}_id"]
            yield unknown_ids(file, ids, known, what, TRAINING)
            yield internal_numbers(file, ids.unique(), known.ids, what)
        is_judged = dataset.test.user_degrees > 0
        n_missing = int(np.count_nonzero(is_judged & (self._lengths == 0)))
        yield few_lists(file, int(np.count_nonzero(is_judged)), n_missing)

    @cached_property
    def _lengths(self) -> IntArray:
        """Return [U]: the number of rows of each user."""
        users = self._users.numbers(self._frame["user_id"], missing="negative")
        return np.bincount(users[users >= 0], minlength=len(self._users))

    def _log(self, warnings: Iterable[str | None]) -> None:
        for warning in warnings:
            if warning is not None:
                logger.warning("%s", warning)

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Refuse: a file holds lists, not scores of all items."""
        raise ModelError("a recommendation file has no scores of the items that it does not list")

    def rank(self, train: Interactions, top_k: int, device: torch.device) -> Ranking:
        """Return the file's lists, cut at ``top_k``."""
        ranking = ranking_from_frame(self._frame, self._users, self._items, top_k)
        users, places = np.nonzero(ranking.items >= 0)
        is_trained = train.contains(users, ranking.items[users, places])
        n_trained = int(np.count_nonzero(is_trained))
        self._log(
            [
                short_lists(self._file, self._lengths, [top_k]),
                trained_rows(self._file, n_trained, len(users)),
            ]
        )
        return ranking
