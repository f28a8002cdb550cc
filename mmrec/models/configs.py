"""The configurations that those of all recommenders extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from mmrec.config import (
    Count,
    EarlyStopping,
    Integer,
    ModelMeta,
    Natural,
    NonNegativeReal,
    PositiveReal,
    Section,
)
from mmrec.data import SAMPLERS
from mmrec.errors import ConfigError, nearest
from mmrec.features import default_loaders
from mmrec.graph import NeighbourSearch, has_approximate_neighbours
from mmrec.installation import install_hint


def _count_or_minus_one(meaning: str) -> AfterValidator:
    """Accept whole numbers from 1 up, and -1 with a meaning."""

    def check(value: int) -> int:
        if value < 1 and value != -1:
            raise ValueError(
                f"found {value}; accepted: a whole number from 1 up, or -1 for {meaning}"
            )
        return value

    return AfterValidator(check)


BatchSize = Annotated[Integer, _count_or_minus_one("the number of users")]
"""A number of samples from 1 up, or -1 for as many as there are users."""

Share = Annotated[NonNegativeReal, Field(le=1)]
"""A number from 0 to 1."""

Dropout = Annotated[NonNegativeReal, Field(lt=1)]
"""A number from 0 to less than 1."""


Neighborhood = Annotated[Integer, _count_or_minus_one("all")]
"""A number of neighbours from 1 up, or -1 for all."""


def _installed(search: NeighbourSearch) -> NeighbourSearch:
    if search == "approximate" and not has_approximate_neighbours():
        raise ValueError(f"approximate needs faiss: {install_hint('ann')}")
    return search


InstalledSearch = Annotated[NeighbourSearch, AfterValidator(_installed)]
"""How nearest neighbours are found; ``approximate`` needs the extra ``ann``."""


def _known_sampler(name: str) -> str:
    try:
        SAMPLERS.find(name)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return name


def check_same_width(key: str, width: int | None, factors: int) -> None:
    """Refuse a width of projected features that is not that of the embeddings.

    Raises:
        ValueError: ``width`` is neither None nor ``factors``; the message contains the key.
    """
    if width not in (None, factors):
        raise ValueError(f"{key}: expected the value of factors, {factors}, found {width}")


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
    batch_size: BatchSize = 1024
    """Samples in an optimisation step; -1 for as many as there are users."""
    lr: PositiveReal = 0.0005
    """Learning rate of Adam."""
    lr_sched: tuple[PositiveReal, PositiveReal] = (1.0, 50.0)
    """The learning rate is ``lr * a^(t / b)`` after t epochs, for ``(a, b)``."""
    weight_decay: NonNegativeReal = 0.0
    """Weight decay of Adam: this multiple of each parameter is added to its gradient."""
    sampler: Annotated[str, AfterValidator(_known_sampler)] | None = None
    """Draws the batches; by default the sampler of the model."""


class FeaturesConfig(RecommenderConfig):
    """Hyper-parameters of a recommender that reads item features."""

    modalities: tuple[str, ...] = ("visual", "textual")
    """The modalities, one or more."""
    loaders: tuple[str, ...] = ()
    """The loader of each modality, in the same order; by default that of the modality's name."""
    control: Literal["none", "permute"] = "none"
    """``permute`` gives every item the vectors of another item, drawn by the seed. A model that is
    as good with them gains nothing from what the vectors say about the items."""

    @model_validator(mode="after")
    def _check_modality_names(self) -> FeaturesConfig:
        if not self.modalities:
            raise ValueError("modalities: expected at least one")
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"modalities: {self.modalities} contains a duplicate")
        for name in self.modalities:
            if not name.isidentifier():
                raise ValueError(
                    f"modalities: found {name!r}; accepted: letters, digits and underscores, "
                    "a letter first"
                )
        return self

    @model_validator(mode="after")
    def _check_loaders(self) -> FeaturesConfig:
        if self.loaders and len(self.loaders) != len(self.modalities):
            raise ValueError(
                f"loaders: expected one for each of the {len(self.modalities)} modalities "
                f"{self.modalities}, found {len(self.loaders)}: {self.loaders}"
            )
        defaults = default_loaders()
        unnamed = [m for m in self.modalities if m not in defaults]
        if unnamed and not self.loaders:
            raise ValueError(
                f"loaders: missing; only {', '.join(defaults)} have a default loader, "
                f"not {', '.join(f'{name}{nearest(name, defaults)}' for name in unnamed)}"
            )
        return self

    @property
    def sources(self) -> Mapping[str, str]:
        """The loader of each modality, in the order of ``modalities``."""
        defaults = default_loaders()
        loaders = self.loaders or [defaults[m] for m in self.modalities]
        return dict(zip(self.modalities, loaders, strict=True))


class MultimodalConfig(FeaturesConfig, ModelConfig):
    """Hyper-parameters of a model that reads item features and is trained by gradient."""
