"""What the neighbour models on interactions share: hyper-parameters, and similarities cut to k."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, model_validator

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.graph.row_blocks import Rows, SparseArray, keep_largest
from mmrec.graph.shrunk_similarities import ShrunkSettings, ShrunkSimilarity, shrunk_similarities
from mmrec.graph.similarities import Similarity, similar_rows
from mmrec.models.configs import RecommenderConfig, Share
from mmrec.text import value_text

logger = logging.getLogger(__name__)


def _zero_if_false(value: object) -> object:
    return 0.0 if value is False or str(value).strip().lower() == "false" else value


_OFF = BeforeValidator(_zero_if_false)
"""Elliot writes False for 0."""

_ONLY_AIOLLI = ("shrink", "normalize", "asymmetric_alpha", "tversky_alpha", "tversky_beta")


class NeighboursConfig(RecommenderConfig):
    """Hyper-parameters of models with neighbours on interactions, Elliot's keys."""

    unsupported: ClassVar[Mapping[str, str]] = {
        **RecommenderConfig.unsupported,
        "row_weights": "it cannot be set from a file in Elliot either; remove the key",
    }

    neighbors: Count = 40
    """How many neighbours are kept."""
    similarity: Literal[Similarity, ShrunkSimilarity] = "cosine"
    """The similarity, one of those of ``implementation``."""
    implementation: Literal["standard", "aiolli"] = "standard"
    """``standard``: cosine, dot, and distances d as ``1 / (1 + d)``. ``aiolli``: similarities with
    ``shrink`` in the denominator."""
    implicit: Flag = False
    """Every rating becomes 1."""
    shrink: NonNegativeReal = 0.0
    """Added to the denominator; for ``aiolli``, as all keys below."""
    normalize: Flag = True
    """Whether products are divided by norms; for cosine, asymmetric, pearson and adjusted."""
    asymmetric_alpha: Annotated[Share, _OFF] = 0.0
    """Exponent of the choosing side's norm in asymmetric."""
    tversky_alpha: Annotated[NonNegativeReal, _OFF] = 0.0
    """Weight in tversky of what only the choosing side has."""
    tversky_beta: Annotated[NonNegativeReal, _OFF] = 0.0
    """Weight in tversky of what only the neighbour has."""

    @model_validator(mode="after")
    def _check_similarity(self) -> NeighboursConfig:
        names = get_args(ShrunkSimilarity if self.implementation == "aiolli" else Similarity)
        if self.similarity not in names:
            raise ValueError(
                f"similarity: found {self.similarity!r}; accepted with implementation "
                f"{self.implementation}: {', '.join(names)}"
            )
        return self


def similarities(vectors: SparseArray, config: NeighboursConfig) -> Rows:
    """Return a function that computes rows of the similarities; row j is that of a choosing side.

    Args:
        vectors: [N, F], the ratings of N users or of N items.
        config: says which similarity.
    """
    if config.implementation == "standard":
        return similar_rows(vectors, config.similarity)  # type: ignore[arg-type]
    settings = ShrunkSettings(**{name: getattr(config, name) for name in _ONLY_AIOLLI})
    return shrunk_similarities(vectors, config.similarity, settings)  # type: ignore[arg-type]


def nearest(vectors: SparseArray, config: NeighboursConfig) -> SparseArray:
    """Return the similarities of each vector with its neighbours, [N, N]; row j are those of j.

    In ``standard`` zeros are never neighbours. In ``aiolli`` zeros count among the k, so that
    negative similarities are kept only if fewer than k are positive or zero.
    """
    is_shrunk = config.implementation == "aiolli"
    if not is_shrunk:
        defaults = {name: type(config).model_fields[name].default for name in _ONLY_AIOLLI}
        for name, default in defaults.items():
            if getattr(config, name) != default:
                logger.warning(
                    "%s: %s has no effect with implementation: standard, only with aiolli",
                    name,
                    value_text(getattr(config, name)),
                )
    rows = similarities(vectors, config)
    return keep_largest(rows, vectors.shape[0], config.neighbors, zeros_compete=is_shrunk)
