"""One recorded file: a small data set, inputs, and what a reference implementation computed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mmrec.data import Dataset, Interactions, Vocabulary

Array = NDArray[Any]

_NOT_FEATURES = ("batches", "final", "fresh", "source", "train", "item_graph", "user_")
"""How the names of arrays begin that are no features."""

_CLOSED_FORM = frozenset(
    (
        *("similarity", "after_row_cut", "profile", "B", "W", "W_optimum", "item_vec"),
        *("scores", "scores_tie_free", "scores_exact", "scores_optimum"),
    )
)
"""Names of arrays that are no features, in the files of recommenders in closed form."""


class Recording(Mapping[str, Array]):
    """The arrays of a file by key, such as ``loss`` or ``init/Gu.weight``.

    Attributes:
        path: the file.
        config: the recorded hyper-parameters; empty in files that have them as arrays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with np.load(path, allow_pickle=False) as archive:
            self._arrays: dict[str, Array] = dict(archive)
        self.config: dict[str, Any] = json.loads(str(self._arrays.pop("config", "{}")))

    @property
    def dtype(self) -> torch.dtype:
        """The type to replay in."""
        return torch.float64 if self.config.get("replay_dtype") == "float64" else torch.float32

    @cached_property
    def features(self) -> dict[str, Array]:
        """The raw features by modality, in the order of the file."""
        n_items = int(self["num_items"])
        return {
            name: values.astype(np.float64 if self.dtype == torch.float64 else np.float32)
            for name, values in self.items()
            if not name.startswith(_NOT_FEATURES)
            and name not in _CLOSED_FORM
            and not name.endswith("_dense")
            and "/" not in name
            and values.ndim == 2
            and len(values) == n_items
        }

    @cached_property
    def dataset(self) -> Dataset:
        """The data of the file, with ids that are the numbers and loaders named as modalities."""
        n_users, n_items = int(self["num_users"]), int(self["num_items"])
        ratings = self.get("train_rating")
        train = Interactions.from_arrays(
            self["train_user"], self["train_item"], n_users, n_items, ratings
        )
        users, items = (Vocabulary(map(str, range(n))) for n in (n_users, n_items))
        return Dataset("recorded", users, items, train, None, train, self.features)

    @property
    def epoch_starts(self) -> list[int]:
        """The steps at which an epoch begins."""
        for key in ("epoch_starts", "rebuild_item_graph_at_steps"):
            if key in self:
                return [int(step) for step in self[key]]
        return [int(step) for step in self.config.get("epoch_starts", [0])]

    @property
    def not_compared(self) -> set[str]:
        """Parameters that only rounding noise moves."""
        keys = ("not_comparable", "zero_gradient_parameters")
        return {name for key in keys for name in self.config.get(key, ())}

    @property
    def multimodal(self) -> dict[str, Any]:
        """``modalities`` and ``loaders`` of a model's configuration."""
        modalities = tuple(self.config.get("modalities", self.features))
        return {"modalities": modalities, "loaders": modalities}

    def join(self, name: str, parts: Sequence[str]) -> None:
        """Put recorded tables side by side under one name, where our model has one table.

        Args:
            name: of the joined parameter.
            parts: the reference's names of tables [N, D_i], in the order of the columns.
        """
        for prefix in ("init", "grad_step0", "final"):
            tables = [self._arrays.pop(f"{prefix}/{part}") for part in parts]
            self._arrays[f"{prefix}/{name}"] = np.concatenate(tables, axis=1)

    def split_nodes(self, name: str) -> None:
        """Cut a recorded table [U+I, D] into ``name/users`` and ``name/items``."""
        n_users = int(self["num_users"])
        for key in [key for key in self if key.partition("/")[2] == name]:
            table = self._arrays.pop(key)
            self._arrays[f"{key}/users"] = table[:n_users]
            self._arrays[f"{key}/items"] = table[n_users:]

    def keep_constants(self) -> None:
        """Record what the reference never trains, ``fixed/NAME``, as parameters that stay."""
        for key in [key for key in self if key.startswith("fixed/")]:
            name = key.removeprefix("fixed/")
            self._arrays[f"init/{name}"] = self._arrays[f"final/{name}"] = self._arrays[key]

    def drop(self, name: str) -> None:
        """Remove a parameter that the reference has and does not use."""
        for key in [key for key in self if key.partition("/")[2].startswith(name)]:
            del self._arrays[key]

    def __getitem__(self, key: str) -> Array:
        return self._arrays[key]

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator of keys
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
