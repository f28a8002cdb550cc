"""What a recommender sees of the data."""

from __future__ import annotations

from mmrec.data import Dataset
from mmrec.models.configs import FeaturesConfig, RecommenderConfig


def view_of(config: RecommenderConfig, dataset: Dataset) -> Dataset:
    """Return the data that a recommender with a configuration is built on.

    A recommender with modalities sees their loaders alone, in the order of the modalities. With
    ``control: permute`` every item has the vectors of another item, however they are read: see
    :meth:`mmrec.data.Dataset.view`. Initial weights are those of the trial without the control.
    """
    if not isinstance(config, FeaturesConfig):
        return dataset
    seed = config.seed if config.control == "permute" else None
    return dataset.view(tuple(config.sources.values()), permuted_by=seed)
