"""The parts of a manifest that commands read, with their types: docs/manifest.schema.json has all.

A manifest may be a stranger's, or of a version that wrote no digest, so its shape is checked before
anything is read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, InstanceOf, StrictFloat, StrictInt, TypeAdapter, ValidationError

from mmrec.config import EarlyStopping, ModelMeta

Text = InstanceOf[str]
"""Paths may have bytes that are not UTF-8, which pydantic's own texts may not."""

Count = Annotated[StrictInt, Field(lt=1 << 63)]

Texts = dict[Text, Text]


@dataclass(frozen=True)
class _Written:
    source: Text
    base_dir: Text
    document: dict[Text, Any]
    options: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class _Experiment:
    dataset: Text


@dataclass(frozen=True)
class _Model:
    key: Text
    meta: dict[Text, Any]
    early_stopping: dict[Text, Any] | None
    searched: list[Text]
    select_by: Text
    monitor: Text
    n_trials: Count
    best_trial: Text | None

    def __post_init__(self) -> None:
        ModelMeta.model_validate(self.meta)
        if self.early_stopping is not None:
            EarlyStopping.model_validate(self.early_stopping)


@dataclass(frozen=True)
class _Cold:
    candidates: Texts
    items: Count
    users_averaged: Count
    metrics: list[Text]
    reasons: Texts


@dataclass(frozen=True)
class _Protocol:
    candidates: Text
    cold_items: Text
    relevance: Text
    relevance_threshold: StrictInt | StrictFloat
    averaged_over: Text
    users_averaged: dict[Text, Count]
    selected_on: Literal["validation", "test"]
    selected_by: Texts
    top_k: Count
    cutoffs: list[Count]
    metrics: list[Text]
    lower_is_better: list[Text]
    neither_is_better: list[Text] = field(default_factory=list)
    metric_files: Texts = field(default_factory=dict)
    cold: _Cold | None = None


@dataclass(frozen=True)
class _Split:
    rows_read: Count
    rows_kept: Count
    duplicates: Count = 0
    without_features: Count = 0
    unknown_users: Count = 0
    cold_items: Count = 0
    trained_pairs: Count = 0


@dataclass(frozen=True)
class _Fold:
    fingerprint: Text
    fingerprints: Texts
    files: dict[Text, Texts]
    users: Count
    items: Count
    splits: dict[Text, _Split]
    users_dropped: Count
    items_dropped: Count
    features: dict[Text, Annotated[list[Count], Field(min_length=1)]]
    name: Text = ""
    notes: list[Text] = field(default_factory=list)
    cold_items: Count = 0


@dataclass(frozen=True)
class _Step:
    name: Text
    rows: list[Count]
    users: list[Count]
    items: list[Count]


@dataclass(frozen=True)
class _Data(_Fold):
    prefiltering: list[_Step] = field(default_factory=list)
    folds: list[_Fold] = field(default_factory=list)
    loaders: dict[Text, dict[Text, Text | StrictInt]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Seeds:
    models: dict[Text, list[StrictInt]]


@dataclass(frozen=True)
class _Environment:
    threads: Count


@dataclass(frozen=True)
class _Trial:
    trial_id: Text
    status: Text
    weights_sha256: Text | None
    lists_sha256: Text | None
    lists_file_sha256: Text | None


@dataclass(frozen=True)
class _Manifest:
    started: Text
    ended: Text
    written: _Written
    experiment: _Experiment
    models: dict[Text, _Model]
    protocol: _Protocol
    data: _Data
    seeds: _Seeds
    environment: _Environment
    determinism: dict[Text, Any]
    code: dict[Text, Any]
    trials: list[_Trial]
    tables_sha256: Texts
    run_tables_sha256: Texts
    notes: list[Text] = field(default_factory=list)
    files_sha256: Texts = field(default_factory=dict)


def check_shape(manifest: Mapping[str, Any]) -> None:
    """Require that a manifest has what commands read.

    Raises:
        ValueError: a key is missing, or its value is of another type.
    """
    try:
        _shape().validate_python(dict(manifest))
    except ValidationError as error:
        raise ValueError(first_problem(error)) from error


def first_problem(error: ValidationError) -> str:
    """Return the key of the first problem of a validation, and what is wrong with it."""
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


@cache
def _shape() -> TypeAdapter[_Manifest]:
    return TypeAdapter(_Manifest)
