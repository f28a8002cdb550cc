"""Replaying what a recommender in closed form computes: similarities, weights and scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from mmrec.graph.row_blocks import Rows, blocks, dense
from mmrec.models import MODELS, Recommender
from replaying.comparison import Comparison, compare
from replaying.recording import Array, Recording

CLOSED_FORM = 1e-6
"""Bound of every entry, relative to the largest entry of the array."""

WEIGHTS = "W"
"""The key of sparse weights that a file has as ``nbr_row``, ``nbr_col`` and ``nbr_value``."""


class ScoresReplay(ABC):
    """Builds a recommender on the recorded data and compares the arrays that it computes.

    The module ``replaying/models/NAME.py`` of a recommender, with its name in lower case, defines
    a subclass called ``Replay``. It has to say which hyper-parameters a file was recorded with,
    and what the recommender computes besides the scores; the other methods have defaults.

    Neighbours whose similarities are equal may be taken in any order. Where a file says which
    columns of the weights have such ties (``tied_columns``), the other columns are compared entry
    by entry, the sorted values of all columns are compared too, and scores are compared where no
    tie can change them (``scores_tie_free``).

    Attributes:
        model: the name of the recommender in experiment files.
        recording: the file.
        sorts_columns: whether the sorted values of tied columns are defined.
    """

    model: ClassVar[str]
    sorts_columns: ClassVar[bool] = True

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @property
    def parameters(self) -> dict[str, Any]:
        """The recorded hyper-parameters by the names of the reference."""
        return dict(self.recording.config.get("params", self.recording.config))

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the hyper-parameters, as in an experiment file.

        ``modalities`` and ``loaders`` are added where the model has them and they are missing
        here.
        """

    @abstractmethod
    def arrays(self, model: Recommender) -> Mapping[str, Array]:
        """Return what the recommender computes besides the scores, dense, by recorded key.

        Sparse weights that a file has as ``nbr_row``, ``nbr_col`` and ``nbr_value`` have the key
        ``W``. Keys that the file does not have are left out of the comparison.
        """

    @property
    def left_out(self) -> str:
        """Why the file is not replayed; empty if it is."""
        return ""

    def tolerance(self, key: str) -> float | None:
        """Return the bound of an array, relative to its largest entry; None leaves it out."""
        return CLOSED_FORM

    def scores(self, model: Recommender) -> Mapping[str, Array]:
        """Return the scores [U, I] by each key that they are compared with."""
        return {"scores": model.scorer()(torch.arange(model.n_users)).numpy()}

    def further(self, model: Recommender) -> Iterator[Comparison]:
        """Compare what the recordings hold in another form; the default compares nothing."""
        yield from ()

    def build(self) -> Recommender:
        """Return the recommender on the recorded data."""
        kind = MODELS[self.model]
        fields = kind.Config.model_fields
        common = {k: v for k, v in self.recording.multimodal.items() if k in fields}
        config = kind.Config.model_validate(common | self.settings())
        return kind(config, self.recording.dataset)

    def compare(self) -> Iterator[Comparison]:
        """Yield a comparison for each recorded array."""
        if self.left_out:
            return
        model = self.build()
        for key, ours in {**self.arrays(model), **self.scores(model)}.items():
            theirs, tolerance = self.recorded(key), self.tolerance(key)
            if theirs is None or tolerance is None:
                continue
            if key == WEIGHTS and self.sorts_columns and "tied_columns" in self.recording:
                columns = np.sort(ours, axis=0), np.sort(theirs, axis=0)
                yield compare_closed_form("sorted columns of W", *columns, tolerance)
            ours = self._where_defined(key, ours, theirs)
            yield compare_closed_form(key, ours, theirs, tolerance)
        yield from self.further(model)

    def recorded(self, key: str) -> Array | None:
        """Return the recorded array, None if the file does not have it."""
        if key == WEIGHTS and "nbr_row" in self.recording:
            columns = ("nbr_row", "nbr_col", "nbr_value")
            rows, cols, values = (self.recording[column] for column in columns)
            size = self._size_of_weights()
            weights = np.zeros((size, size))
            weights[rows, cols] = values
            return weights
        return self.recording.get(key)

    def _size_of_weights(self) -> int:
        """Return the number of users or of items, whichever the weights are between."""
        for key in ("tied_columns", "similarity", "after_row_cut"):
            if key in self.recording:
                return len(self.recording[key])
        return int(self.recording["num_items"])

    def _where_defined(self, key: str, ours: Array, theirs: Array) -> Array:
        """Return our array with the recorded value of every entry that a tie can change."""
        is_defined = {
            WEIGHTS: ~self.recording.get("tied_columns", np.zeros(1, np.bool_))[None],
            "scores": self.recording.get("scores_tie_free", np.ones((1, 1), np.bool_)),
        }
        return np.where(is_defined[key], ours, theirs) if key in is_defined else ours


def compare_closed_form(
    quantity: str, ours: Array, theirs: Array, tolerance: float = CLOSED_FORM
) -> Comparison:
    """Compare an array with a bound relative to its largest entry."""
    return compare(quantity, torch.from_numpy(ours), theirs, relative=tolerance, of_largest=True)


def dense_rows(rows: Rows, n: int) -> Array:
    """Return the whole [n, n] matrix of a function that computes rows."""
    return np.concatenate([dense(rows(start, stop)) for start, stop in blocks(n)])
