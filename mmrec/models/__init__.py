"""Recommenders, and what is needed to write one.

A recommender is an attribute of this package by its name in experiment files, for example
``mmrec.models.LATTICE``; its module is imported when it is used.
"""

from typing import TYPE_CHECKING

from mmrec.models.base import Model, Recommender
from mmrec.models.batch import Batch
from mmrec.models.configs import (
    FeaturesConfig,
    ModelConfig,
    MultimodalConfig,
    RecommenderConfig,
)
from mmrec.models.external import (
    executed_digests,
    find_recommender,
    load_external_module,
    source_digests,
)
from mmrec.models.recommendation_file import RecommendationFile, RecommendationFileConfig
from mmrec.models.registry import MODELS, register

__all__ = [
    "MODELS",
    "Batch",
    "FeaturesConfig",
    "Model",
    "ModelConfig",
    "MultimodalConfig",
    "RecommendationFile",
    "RecommendationFileConfig",
    "Recommender",
    "RecommenderConfig",
    "executed_digests",
    "find_recommender",
    "load_external_module",
    "register",
    "source_digests",
]


if not TYPE_CHECKING:  # typed code imports a recommender from its module

    def __getattr__(name: str) -> type[Recommender]:
        if name[:1].isupper() and name in MODELS:
            return MODELS[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
