"""How large a model is going to be, told before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmrec.data import Dataset


@dataclass(frozen=True)
class DataShape:
    """The sizes of a data set."""

    n_users: int
    n_items: int
    n_train: int
    """Training interactions."""
    n_held_out: int
    """Interactions of validation and test together."""
    widths: Mapping[str, int]
    """By loader name, the number of values of an item."""

    @classmethod
    def of(cls, dataset: Dataset, widths: Mapping[str, int] | None = None) -> DataShape:
        """Measure a data set; ``widths`` stand for features that have not been loaded."""
        if widths is None:
            widths = {loader: matrix.shape[1] for loader, matrix in dataset.features.items()}
        held_out = [split for split in (dataset.validation, dataset.test) if split is not None]
        return cls(
            n_users=dataset.n_users,
            n_items=dataset.n_items,
            n_train=len(dataset.train),
            n_held_out=sum(map(len, held_out)),
            widths=widths,
        )


@dataclass(frozen=True)
class Footprint:
    """What a model needs on the device it runs on; bytes but for the two counts of numbers.

    What every training needs, gradients and the optimiser's moments among it, is left out: it
    follows from ``parameters``.
    """

    parameters: int = 0
    """Numbers (float32) that are trained."""
    passing_gradients: int = 0
    """Of these, how many have a gradient in the first step of an epoch alone."""
    build: int = 0
    """Held for a while when the model is made, beside parameters and ``resident``."""
    resident: int = 0
    """Held all the time beside parameters, such as graphs."""
    step: int = 0
    """Held for a while in the step that needs most."""
    ranking: int = 0
    """Held while users are ranked, such as embeddings; the ranking's own buffers not."""
    gathered: int = 0
    """Held for a while where sparse products gather all rows first (CUDA without torch-sparse)."""
