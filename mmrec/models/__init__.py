"""Recommenders, and what is needed to write one."""

from mmrec.models.base import (
    MODELS,
    Batch,
    Model,
    ModelConfig,
    MultimodalConfig,
    Recommender,
    RecommenderConfig,
    register,
    train_edges,
    trainable_features,
)
from mmrec.models.baselines import MostPop, Random
from mmrec.models.external import find_recommender, load_external_module, source_digests
from mmrec.models.lattice import LATTICE, LATTICEConfig
from mmrec.models.lightgcnm import LightGCNM, LightGCNMConfig
from mmrec.models.losses import bpr_loss, l2_penalty
from mmrec.models.recommendation_file import RecommendationFile, RecommendationFileConfig

__all__ = [
    "LATTICE",
    "MODELS",
    "Batch",
    "LATTICEConfig",
    "LightGCNM",
    "LightGCNMConfig",
    "Model",
    "ModelConfig",
    "MostPop",
    "MultimodalConfig",
    "Random",
    "RecommendationFile",
    "RecommendationFileConfig",
    "Recommender",
    "RecommenderConfig",
    "bpr_loss",
    "find_recommender",
    "l2_penalty",
    "load_external_module",
    "register",
    "source_digests",
    "train_edges",
    "trainable_features",
]
