"""What the neighbour models on item features share: keys, vectors, and similarities cut to k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from pydantic import model_validator
from scipy.sparse import csr_array

from mmrec.config import Count, Flag, NonNegativeReal
from mmrec.data import ColdItems, Dataset
from mmrec.errors import ModelError
from mmrec.graph.row_blocks import DenseArray, Matrix, Rows, SparseArray, keep_largest
from mmrec.graph.similarities import (
    ON_NON_ZEROS,
    Similarity,
    divided,
    similar_rows,
    squared_norms,
)
from mmrec.models.configs import FeaturesConfig
from mmrec.models.views import view_of

Cut = Literal["row", "column"]
"""Who chooses neighbours: the items of the history (row), or the candidates (column)."""


class ContentNeighboursConfig(FeaturesConfig):
    """Hyper-parameters of models with neighbours by item features."""

    neighbors: Count = 40
    """How many neighbours are kept."""
    similarity: Similarity = "cosine"
    """The similarity: cosine, dot, or a distance d as ``1 / (1 + d)``. Those that see only which
    values are zero, from jaccard to yule, need attributes of 0 and 1."""
    shrink: NonNegativeReal = 0.0
    """Added to the denominator of cosine."""
    implicit: Flag = False
    """Every rating becomes 1."""
    normalize_features: Flag = False
    """Whether each modality's vectors are divided by their norms before they are concatenated."""

    @property
    def k(self) -> int:
        """How many neighbours are kept."""
        return self.neighbors

    @model_validator(mode="after")
    def _check_shrink(self) -> ContentNeighboursConfig:
        if self.shrink and self.similarity != "cosine":
            raise ValueError(
                f"shrink: found {self.shrink} with similarity: {self.similarity}; accepted: 0, or "
                "similarity: cosine"
            )
        return self


class AttributeNeighboursConfig(ContentNeighboursConfig):
    """Hyper-parameters of Elliot's neighbour models on attributes."""

    modalities: tuple[str, ...] = ("attributes",)
    """The modalities, one or more; several are concatenated."""
    loader: str | None = None
    """Elliot's key for the only loader, instead of ``modalities`` and ``loaders``."""

    @model_validator(mode="after")
    def _check_loader(self) -> AttributeNeighboursConfig:
        default = type(self).model_fields["modalities"].default
        if self.loader is not None and (self.loaders or self.modalities != default):
            raise ValueError(
                "loader: cannot be combined with modalities and loaders; accepted: one or the other"
            )
        return self

    @property
    def sources(self) -> Mapping[str, str]:
        """The loader of each modality, in the order of ``modalities``."""
        return super().sources if self.loader is None else {"attributes": self.loader}


def item_vectors(config: ContentNeighboursConfig, dataset: Dataset) -> Matrix:
    """Return the concatenated features of the items, [I, F] float64.

    If all values are 0 or 1, the matrix is sparse and has no columns for attributes that no item
    has, as in Elliot.
    """
    return _concatenated(config, _parts(config, dataset), dataset.n_items)


def joint_vectors(config: ContentNeighboursConfig, dataset: Dataset, cold: ColdItems) -> Matrix:
    """Return :func:`item_vectors` and below them those of the cold items, [I+C, F].

    The trained items decide whether the features are attributes, and which: others of the cold
    items are left out.
    """
    names = config.sources.values()
    added = (np.asarray(cold.features[name], np.float64) for name in names)
    parts = [np.concatenate(pair) for pair in zip(_parts(config, dataset), added, strict=True)]
    return _concatenated(config, parts, dataset.n_items)


def _parts(config: ContentNeighboursConfig, dataset: Dataset) -> list[DenseArray]:
    view = view_of(config, dataset)
    return [np.asarray(view.features_of(name), np.float64) for name in config.sources.values()]


def _concatenated(
    config: ContentNeighboursConfig, parts: Sequence[DenseArray], n_trained: int
) -> Matrix:
    are_attributes = [np.all((x == 0) | (x == 1), axis=1) for x in parts]
    if config.normalize_features:
        parts = [_normalised(x) for x in parts]
    vectors: DenseArray = np.concatenate(parts, axis=1)
    is_used = vectors[:n_trained].any(axis=0)
    if is_used.any() and all(x[:n_trained].all() for x in are_attributes):
        vectors = vectors[:, is_used]
    return csr_array(vectors) if all(x.all() for x in are_attributes) else vectors


def _normalised(x: DenseArray) -> DenseArray:
    return divided(x, np.sqrt(squared_norms(x))[:, None])


def similarities(
    vectors: Matrix, config: ContentNeighboursConfig, *, fitted: int | None = None
) -> Rows:
    """Return a function that computes rows of the similarities of all vectors.

    Args:
        vectors: [N, F], of items or of users.
        config: says which similarity.
        fitted: the number of first vectors that variances are computed of; all by default.

    Raises:
        ModelError: the similarity does not fit the vectors.
    """
    if isinstance(vectors, np.ndarray) and config.similarity in ON_NON_ZEROS:
        others = [name for name in get_args(Similarity) if name not in ON_NON_ZEROS]
        raise ModelError(
            f"similarity: {config.similarity} compares attributes of 0 and 1, which the features "
            f"{', '.join(config.sources.values())} are not; accepted for them: {', '.join(others)}"
        )
    return similar_rows(vectors, config.similarity, config.shrink, fitted=fitted)


def nearest(vectors: Matrix, config: ContentNeighboursConfig) -> SparseArray:
    """Return the similarities of each vector with its neighbours, [N, N]; row j are those of j.

    A vector may be its own neighbour; zeros are never neighbours.

    Args:
        vectors: [N, F], of items or of users.
        config: says which similarity and how many neighbours.
    """
    return keep_largest(similarities(vectors, config), vectors.shape[0], config.k)
