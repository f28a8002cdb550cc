"""The keys ``meta`` and ``early_stopping`` of a model's entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from mmrec.config.describe import Accepts
from mmrec.config.fields import (
    DISTINCT,
    Count,
    Flag,
    Label,
    Natural,
    NoEffect,
    NonNegativeReal,
    Real,
    Section,
    as_list,
)

_Algorithm = Literal["grid", "rand", "tpe"]


def _algorithm(value: object) -> object:
    lowered = value.lower() if isinstance(value, str) else value
    if lowered in ("atpe", "mix", "anneal"):
        raise ValueError(f"found {value!r}, an algorithm of Elliot; accepted: 'tpe' or 'rand'")
    return lowered if lowered in get_args(_Algorithm) else value


class ModelMeta(Section):
    """How a model is searched, validated and saved: the key ``meta`` of a model."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "early_stopping": "belongs next to 'meta:', not below it",
    } | dict.fromkeys(
        ("epochs", "batch_size", "lr", "seed"),
        "a hyper-parameter of the model; it belongs next to 'meta:', not below it",
    )

    hyper_opt_alg: Annotated[
        _Algorithm, BeforeValidator(_algorithm), Accepts("'grid', 'rand' or 'tpe'")
    ] = "grid"
    """Search algorithm, in upper or lower case."""
    hyper_max_evals: Annotated[Count, Field(le=1_000_000)] | None = None
    """Number of points; by default, all combinations of the listed values."""
    hyper_batch: Count = 4
    """Points that ``tpe`` proposes, or a pruner starts, before their figures are used."""
    pruner: Literal["none", "median", "halving"] = "none"
    """Rule that stops trials that are worse than those of earlier batches."""
    seeds: Annotated[
        tuple[Natural, ...],
        DISTINCT,
        BeforeValidator(as_list),
        Accepts("a list of whole numbers from 0 up"),
    ] = ()
    """Seeds of every point; points are compared by their mean validation figure."""
    validation_rate: Count = 1
    """Epochs between two evaluations."""
    validation_metric: Label | None = None
    """Figure that selects the best epoch and trial; by default ``validation_metric`` of the
    experiment, else the first metric."""
    save_weights: Flag = False
    """Keep the weights of the best epoch."""
    save_recs: Flag = False
    """Write the recommendation lists of the best epoch."""
    restore: Flag = False
    """Start from saved weights instead of training."""
    verbose: NoEffect = None
    """Has no effect; ``mmrec run --verbose`` shows each evaluated epoch."""
    write_best_iterations: NoEffect = None
    """Has no effect."""
    optimize_internal_loss: Flag = False
    """Select the best epoch and trial by the training loss."""


class SeedRepeat(Section):
    """``seed: {repeat: 5}``: five seeds, counted up from ``random_seed``."""

    repeat: Annotated[Count, Field(le=1000)]
    """Number of seeds of every point."""


class EarlyStopping(Section):
    """When to stop training before the last epoch: the key ``early_stopping`` of a model."""

    patience: Count
    """Number of consecutive evaluations that must be worse than the one before them."""
    monitor: Label | None = None
    """``loss`` or a figure such as Recall@20; the validation metric by default."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether lower or higher is better; ``auto`` follows from ``monitor``."""
    min_delta: NonNegativeReal | None = None
    """Improvements up to this difference do not count."""
    rel_delta: NonNegativeReal | None = None
    """Improvements up to this fraction do not count."""
    baseline: Real | None = None
    """Values that are not better than this do not count as improvements."""
    verbose: NoEffect = None
    """Has no effect."""
