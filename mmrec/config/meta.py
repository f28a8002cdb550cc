"""The keys of a model's entry that are not hyper-parameters of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, field_validator

from mmrec.config.describe import Accepts
from mmrec.config.fields import (
    Count,
    Flag,
    Label,
    Natural,
    NonNegativeReal,
    Real,
    Section,
    as_list,
    repeated,
)
from mmrec.errors import listing

_Algorithm = Literal["grid", "rand", "tpe", "atpe", "mix", "anneal"]


def _lower(value: object) -> object:
    lowered = value.lower() if isinstance(value, str) else value
    return lowered if lowered in get_args(_Algorithm) else value


class ModelMeta(Section):
    """How a model is searched, validated and saved: the key ``meta`` of a model."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "write_best_iterations": "not supported, and without effect in Elliot; remove the key",
        "early_stopping": "belongs beside 'meta:', not below it",
    } | dict.fromkeys(
        ("epochs", "batch_size", "lr", "seed"),
        "a hyper-parameter of the model; it belongs beside 'meta:', not below it",
    )

    hyper_opt_alg: Annotated[
        _Algorithm, BeforeValidator(_lower), Accepts("'grid', 'rand' or 'tpe'")
    ] = "grid"
    """How points of the search space are chosen; upper or lower case."""
    hyper_max_evals: Count | None = None
    """How many points are tried; without it, every combination of the listed values."""
    hyper_batch: Count = 4
    """Points that ``tpe`` proposes, or a pruner lets start, before it looks at their figures."""
    pruner: Literal["none", "median", "halving"] = "none"
    """Which trials are ended early for being worse than those of the batches before."""
    seeds: Annotated[
        tuple[Natural, ...],
        BeforeValidator(as_list),
        Accepts("a list of whole numbers from 0 up"),
    ] = ()
    """Seeds that every point is run on; the mean of their validation figures decides."""
    validation_rate: Count = 1
    """Epochs between two evaluations."""
    validation_metric: Label | None = None
    """What the best epoch and the best trial are chosen by; without it, the first metric."""
    save_weights: Flag = False
    """Keep the weights of the best epoch."""
    save_recs: Flag = False
    """Write the recommendation lists of the best epoch."""
    restore: Flag = False
    """Start from saved weights instead of training."""
    verbose: Flag = False
    """Tell more while training."""
    optimize_internal_loss: Flag = False
    """Choose the best epoch and trial by the training loss, not by the validation metric."""

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if repeated(value):
            raise ValueError(f"found {listing(repeated(value))} twice; accepted: each once")
        return value


class SeedRepeat(Section):
    """``seed: {repeat: 5}``: as many seeds, counted up from ``random_seed``."""

    repeat: Count
    """How many seeds every point is run on."""


class EarlyStopping(Section):
    """When to stop training before the last epoch: the key ``early_stopping`` of a model."""

    patience: Count
    """How many evaluations in a row must be worse than the one before them."""
    monitor: Label | None = None
    """``loss`` or a metric such as Recall@20; without it, the validation metric."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether less or more is better; ``auto`` knows it from what is monitored."""
    min_delta: NonNegativeReal | None = None
    """A gain of this much or less counts as none."""
    rel_delta: NonNegativeReal | None = None
    """A gain of this fraction or less counts as none."""
    baseline: Real | None = None
    """Values that do not get past this one count as no gain."""
    verbose: Flag = False
    """Tell what was compared."""
