"""What a recommender is: a configuration, a scorer and, if it is trained, a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from pydantic import AfterValidator, model_validator
from torch import Tensor, nn

from mmrec.config import (
    Count,
    EarlyStopping,
    Integer,
    ModelMeta,
    Natural,
    PositiveReal,
    Section,
)
from mmrec.data import Dataset, Interactions, TripletSampler, UniformUsers
from mmrec.evaluation import Ranking, rank
from mmrec.features import default_loaders

MODELS: dict[str, type[Recommender]] = {}
"""Every built-in recommender by its name in the experiment file."""

_R = TypeVar("_R", bound="type[Recommender]")


def _batch_size(value: int) -> int:
    if value < 1 and value != -1:
        raise ValueError(f"found {value}; accepted: a whole number from 1 up, or -1")
    return value


class RecommenderConfig(Section):
    """Hyper-parameters of a recommender; every field may be a search dimension in the file."""

    unsupported: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            EarlyStopping.model_fields,
            "a key of early_stopping; it belongs below 'early_stopping:'",
        ),
        **dict.fromkeys(ModelMeta.model_fields, "a key of meta; it belongs below 'meta:'"),
    }

    seed: Natural = 42
    """Every random draw of the trial comes from this number."""


class ModelConfig(RecommenderConfig):
    """Hyper-parameters of a model that is trained by gradient."""

    epochs: Count = 2
    """Passes over the training interactions."""
    batch_size: Annotated[Integer, AfterValidator(_batch_size)] = -1
    """Triplets in an optimisation step; -1 for as many as there are users."""
    lr: PositiveReal = 0.0005
    """Learning rate of Adam."""


class MultimodalConfig(ModelConfig):
    """Hyper-parameters of a model that reads item features."""

    modalities: tuple[str, ...] = ("visual", "textual")
    """The modalities, one or more."""
    loaders: tuple[str, ...] = ()
    """The loader of each modality, position by position; by default the one of its name."""
    control: Literal["none", "permute"] = "none"
    """``permute`` gives every item the vectors of another one, drawn by the seed: a model that is
    as good with them gains nothing from what the vectors say of their items."""

    @model_validator(mode="after")
    def _check_loaders(self) -> MultimodalConfig:
        if not self.modalities:
            raise ValueError("modalities: expected at least one")
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"modalities: one stands twice in {self.modalities}")
        for name in self.modalities:
            if not name.isidentifier() or hasattr(nn.ParameterDict, name):
                raise ValueError(f"modalities: {name!r} cannot name one; accepted: a word")
        if self.loaders and len(self.loaders) != len(self.modalities):
            raise ValueError(
                f"loaders: expected one for each of the {len(self.modalities)} modalities "
                f"{self.modalities}, found {len(self.loaders)}: {self.loaders}"
            )
        defaults = default_loaders()
        unnamed = [m for m in self.modalities if m not in defaults]
        if unnamed and not self.loaders:
            raise ValueError(
                f"loaders: missing; only {', '.join(defaults)} have a loader by default, "
                f"not {', '.join(unnamed)}"
            )
        return self

    @property
    def sources(self) -> Mapping[str, str]:
        """The loader of each modality, in the order of ``modalities``."""
        defaults = default_loaders()
        loaders = self.loaders or [defaults[m] for m in self.modalities]
        return dict(zip(self.modalities, loaders, strict=True))


@dataclass(frozen=True)
class Batch:
    """Training triplets, three int64 tensors [B]."""

    users: Tensor
    positives: Tensor
    negatives: Tensor

    @property
    def items(self) -> Tensor:
        """The positives followed by the negatives, [2B] int64."""
        return torch.cat([self.positives, self.negatives])

    def __len__(self) -> int:
        return len(self.users)


class Recommender(ABC):
    """Scores items for users. Subclass it directly when nothing is trained by gradient.

    Attributes:
        Config: the class of ``config``.
    """

    Config: ClassVar[type[RecommenderConfig]] = RecommenderConfig

    @abstractmethod
    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Return a function from users [B] int64 to raw scores [B, I], higher is better.

        It is asked for once per evaluation, so what all users share is computed here.
        """

    def rank(self, train: Interactions, top_k: int, device: torch.device) -> Ranking:
        """Return the ``top_k`` best items of every user, those of ``train`` left out."""
        return rank(self.scorer(), train, top_k, device=device)


class Model(nn.Module, Recommender):
    """A recommender trained by gradient: say how to embed and what to minimise.

    It never sees the optimiser, the device, seeds, the evaluation or files; parameters are
    initialised in ``__init__`` under the trial's seed, and dropout draws under it too.

    Attributes:
        sampler: draws the triplets of an epoch.
    """

    Config: ClassVar[type[RecommenderConfig]] = ModelConfig
    sampler: ClassVar[type[TripletSampler]] = UniformUsers

    def __init__(self, config: Any, dataset: Dataset) -> None:  # noqa: ANN401 - the model's own
        super().__init__()
        self.config = config
        self.n_users = dataset.n_users
        self.n_items = dataset.n_items

    @abstractmethod
    def embed(self) -> tuple[Tensor, Tensor]:
        """Return the embeddings to rank by: users [U, D] and items [I, D]."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar that one optimisation step lowers."""

    def scorer(self) -> Callable[[Tensor], Tensor]:
        """Score by the inner product of the embeddings."""
        users, items = self.embed()
        return lambda batch: users[batch] @ items.T

    def everyone(self) -> tuple[Tensor, Tensor]:
        """Return the numbers of all users [U] and of all items [I], int64, on the device."""
        device = next(self.parameters()).device
        return torch.arange(self.n_users, device=device), torch.arange(self.n_items, device=device)

    def on_epoch_start(self, epoch: int) -> None:
        """Prepare for an epoch, counted from 1; the default does nothing."""

    def epoch_state(self) -> dict[str, Tensor]:
        """Return what the rest of an epoch needs beyond parameters and buffers, for a checkpoint.

        Only a model that computes something in ``on_epoch_start`` or in the first batch, and
        reuses it in the other ones, has any.
        """
        return {}

    def load_epoch_state(self, state: dict[str, Tensor]) -> None:  # optional
        """Undo :meth:`epoch_state`."""

    def diagnostics(self) -> Mapping[str, float]:
        """Return what is worth watching in the model as it is now; the default is nothing.

        It is asked for at every evaluation and kept in the trial's record. A name such as
        ``modality_weights/visual`` has a quantity and one of its parts: the report draws the parts
        of each quantity over the epochs.
        """
        return {}

    def lr_factor(self, epoch: int) -> float:
        """Return what the learning rate is multiplied with in an epoch, counted from 1."""
        return 1.0


def register(name: str) -> Callable[[_R], _R]:
    """Make a recommender known to experiment files as ``name`` (a class decorator)."""

    def add(recommender: _R) -> _R:
        MODELS[name] = recommender
        return recommender

    return add


def trainable_features(config: MultimodalConfig, dataset: Dataset) -> nn.ParameterDict:
    """Return the raw features of each modality as parameters, {modality: [I, F_m]}."""
    features = nn.ParameterDict()
    order = control_order(config, dataset.n_items)
    for modality, loader in config.sources.items():  # one by one: from a dict they get sorted
        vectors = torch.tensor(dataset.features_of(loader))
        features[modality] = nn.Parameter(vectors if order is None else vectors[order])
    return features


def control_order(config: MultimodalConfig, n_items: int) -> Tensor | None:
    """Return the item whose vectors each item gets, [I] int64; None if each has its own.

    It is the same for all modalities, whose vectors stay together, and has a generator of its own:
    the initial weights are those of the trial without the control.
    """
    if config.control == "none":
        return None
    return torch.from_numpy(np.random.default_rng(config.seed).permutation(n_items))


def train_edges(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return the users and the items of the training interactions, two int64 tensors [E]."""
    return torch.from_numpy(dataset.train.users), torch.from_numpy(dataset.train.items)
