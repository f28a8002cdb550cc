"""Recommendation lists from other programs, evaluated with the models of an experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmrec.data import Dataset, Interactions
from mmrec.data.mismatches import TRAINING, unknown_ids
from mmrec.errors import ModelError
from mmrec.evaluation import Ranking, ranking_from_frame, read_recommendations
from mmrec.evaluation.list_cautions import few_lists, short_lists, trained_items
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
    config: RecommendationFileConfig
    no_cold_items = "its lists were made elsewhere"

    def __init__(self, config: RecommendationFileConfig, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        self._frame = read_recommendations(config.file)
        self._users, self._items = dataset.users, dataset.items
        self._has_test_items = dataset.test.user_degrees > 0
        for what, known in (("user", self._users), ("item", self._items)):
            warning = unknown_ids(config.file, self._frame[f"{what}_id"], known, what, TRAINING)
            if warning is not None:
                logger.warning("%s", warning)

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Refuse: a file holds lists, not scores of all items."""
        raise ModelError("a recommendation file has no scores of the items that it does not list")

    def rank(self, train: Interactions, top_k: int, device: torch.device) -> Ranking:
        """Return the file's lists, cut at ``top_k``; warn of what makes their figures doubtful."""
        ranking = ranking_from_frame(self._frame, self._users, self._items, top_k)
        rows = self._users.numbers(self._frame["user_id"], missing="negative")
        lengths = np.bincount(rows[rows >= 0], minlength=len(self._users))
        n_missing = int(np.count_nonzero(self._has_test_items & (lengths == 0)))
        file = self.config.file
        for warning in (
            short_lists(file, int(lengths.max()), (top_k,)),
            few_lists(file, int(np.count_nonzero(self._has_test_items)), n_missing),
            trained_items(file, ranking, train),
        ):
            if warning is not None:
                logger.warning("%s", warning)
        return ranking
