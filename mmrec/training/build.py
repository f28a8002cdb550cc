"""Build a recommender as every trial does."""

from __future__ import annotations

import torch

from mmrec.data import Dataset
from mmrec.models import Recommender, RecommenderConfig
from mmrec.models.views import view_of
from mmrec.seeding import seed_for


def build(
    recommender: type[Recommender], config: RecommenderConfig, dataset: Dataset
) -> Recommender:
    """Return a recommender, initialised from the seed of its configuration.

    It sees the features of its modalities alone, in their order, permuted if its configuration
    says ``control: permute``, see :func:`mmrec.models.views.view_of`.

    To be used inside :func:`mmrec.training.determinism.deterministic`.
    """
    torch.manual_seed(seed_for(config.seed, "init"))
    return recommender(config, view_of(config, dataset))
