"""The keys of an experiment file, and what each of them accepts.

The settings of a model stay as they are written: the model's own configuration reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from mmrec.config.describe import Accepts
from mmrec.config.fields import Count, Flag, Integer, Label, Natural, NonNegativeReal, Real, Section
from mmrec.config.paths import FilePath, Frame, LoaderOption
from mmrec.errors import listing

_Algorithm = Literal["grid", "rand", "tpe", "atpe", "mix", "anneal"]
_USE_FIXED = "not available yet in this version; use strategy: fixed"


def _as_list(value: object) -> object:
    """Wrap the single entry of a list that was written without brackets."""
    return [value] if isinstance(value, str | int | float | Mapping) else value


def _pytorch(value: object) -> object:
    return "pytorch" if isinstance(value, list | tuple) and "pytorch" in value else value


def _cutoffs(value: object, info: ValidationInfo) -> object:
    return [Frame.of(info).top_k] if value in (None, ()) else _as_list(value)


def _within_top_k(value: int, info: ValidationInfo) -> int:
    top_k = Frame.of(info).top_k
    if value > top_k:
        raise ValueError(f"found {value}; accepted: at most top_k, which is {top_k}")
    return value


def _lower(value: object) -> object:
    lowered = value.lower() if isinstance(value, str) else value
    return lowered if lowered in get_args(_Algorithm) else value


def _repeated(values: Iterable[Any]) -> list[Any]:
    """Return the values that stand in ``values`` more than once."""
    listed = list(values)
    return [value for value in dict.fromkeys(listed) if listed.count(value) > 1]


class ModelMeta(Section):
    """How a model is searched, validated and saved: the key ``meta`` of a model."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "write_best_iterations": "not supported, and without effect in Elliot; remove the key",
    }

    hyper_opt_alg: Annotated[_Algorithm, BeforeValidator(_lower)] = "grid"
    """How points of the search space are chosen; upper or lower case."""
    hyper_max_evals: Count | None = None
    """How many points are tried; without it, every point of the grid."""
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


class SideInformation(Section):
    """One source of item features: a loader, and the paths that it reads."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, LoaderOption]

    dataloader: str
    """Name of the loader, such as VisualAttribute."""

    @property
    def options(self) -> dict[str, Any]:
        """Every other key: texts are absolute paths, other values are as written."""
        return dict(self.__pydantic_extra__)


_Source = Annotated[
    SideInformation, Accepts("a mapping with the key 'dataloader' and the paths that it reads")
]


class DataConfig(Section):
    """Where the interactions and the item features are."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "dataset_path": _USE_FIXED,
        "root_folder": _USE_FIXED,
    }

    strategy: Literal["fixed"]
    """``fixed``: the splits are ready."""
    train_path: FilePath
    """Training interactions: user, item, rating and timestamp, with tabs between, no header."""
    validation_path: FilePath | None = None
    """Interactions that epochs and trials are chosen by."""
    test_path: FilePath
    """Interactions that are reported on."""
    side_information: Annotated[
        tuple[_Source, ...],
        BeforeValidator(_as_list),
        Accepts("a list of mappings, each with the key 'dataloader'"),
    ] = ()
    """Features of the items, one entry for every loader."""
    dataloader: Literal["DataSetLoader"] | None = None
    """Elliot's name for reading interactions as they are read here; without effect."""

    @field_validator("strategy", mode="before")
    @classmethod
    def _is_available(cls, value: object) -> object:
        if value in ("dataset", "hierarchy"):
            raise ValueError(f"found {value!r}, {_USE_FIXED}")
        return value

    @field_validator("side_information")
    @classmethod
    def _loaders_differ(cls, value: tuple[SideInformation, ...]) -> tuple[SideInformation, ...]:
        twice = _repeated(entry.dataloader for entry in value)
        if twice:
            raise ValueError(
                f"found the dataloader {listing(twice)} twice; accepted: every loader once, "
                "since models refer to it by its name"
            )
        return value


class Evaluation(Section):
    """What is measured."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "complex_metrics": "not available yet in this version; name metrics in simple_metrics",
    }

    cutoffs: Annotated[
        tuple[Annotated[Count, AfterValidator(_within_top_k)], ...],
        Field(min_length=1),
        BeforeValidator(_cutoffs),
        Accepts("a whole number from 1 to top_k, or a list of them"),
    ] = ()
    """Lengths that the lists are cut at; without it, only top_k."""
    simple_metrics: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        BeforeValidator(_as_list),
        Accepts("the name of a metric, or a list of names"),
    ]
    """Names of the metrics; upper or lower case."""
    relevance_threshold: Real = 0.0
    """A held-out rating of at least this makes an item relevant."""
    paired_ttest: Flag = False
    """Compare the models pairwise by Student's paired t-test."""
    require_validation: Flag = False
    """Refuse an experiment without a validation split, instead of selecting on test."""
    wilcoxon_test: Flag = False
    """Compare the models pairwise by Wilcoxon's signed-rank test."""

    @field_validator("cutoffs")
    @classmethod
    def _cutoffs_differ(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if _repeated(value):
            raise ValueError(f"found {listing(_repeated(value))} twice; accepted: each once")
        return value

    @field_validator("simple_metrics")
    @classmethod
    def _metrics_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        labels = [name for name in value if "@" in name]
        if labels:
            raise ValueError(
                f"found {listing(labels)}; accepted: names alone, with the numbers in cutoffs"
            )
        twice = _repeated(name.casefold() for name in value)
        if twice:
            raise ValueError(f"found {listing(twice)} twice; accepted: each once")
        return value


class Execution(Section):
    """How the trials are run; nothing here changes a result but ``threads``."""

    workers: Count = 1
    """Processes that run trials side by side."""
    devices: Annotated[
        tuple[Annotated[Integer, Field(ge=-1)], ...] | None,
        BeforeValidator(_as_list),
        Accepts("a list of numbers of CUDA devices, -1 for the CPU"),
    ] = None
    """The device of each worker, in turn; without it, all use ``gpu``."""
    threads: Count | None = None
    """Threads of a trial; without it, the cores shared out to the workers. Sums of another number
    of threads may differ in their last bits."""
    checkpoint_rate: Count | None = None
    """Epochs between two checkpoints; without it, one at each evaluation."""


class Experiment(Section):
    """One experiment: data, evaluation, outputs and models."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "prefiltering": f"{_USE_FIXED} with splits that are filtered already",
        "splitting": f"{_USE_FIXED} with ready splits",
        "negative_sampling": "not supported: every item that a user did not train on is a "
        "candidate; remove the key",
        "config_test": "not supported: every file is checked before training; remove the key",
        "path_log_folder": "not supported: the logs stand beside the results; remove the key",
        "path_logger_config": "not supported: the logs need no configuration; remove the key",
        "external_posthoc_path": "not supported, and without effect in Elliot; remove the key",
    }

    version: Literal["0.3.1"] | None = None
    """The version of Elliot whose format this is; without effect."""
    backend: Annotated[
        Literal["pytorch"], BeforeValidator(_pytorch), Accepts("'pytorch', or a list that holds it")
    ] = "pytorch"
    """The library that trains the models."""
    dataset: Annotated[str, Field(min_length=1)]
    """Name of the dataset; it replaces {0} in every path."""
    dataloader: Literal["DataSetLoader"] | None = None
    """Elliot's name for reading interactions as they are read here; without effect."""
    data_config: DataConfig
    """Where the interactions and the item features are."""
    top_k: Count
    """Length of the recommendation lists."""
    evaluation: Evaluation
    """What is measured."""
    gpu: Integer = Field(default=-1, ge=-1)
    """Number of the CUDA device; -1 is the CPU."""
    binarize: Flag = False
    """Set every rating to 1."""
    random_seed: Natural = 42
    """Seed of everything that is random outside the models."""
    align_side_with_train: Flag = True
    """Keep features of the items of the training split only."""
    external_models_path: FilePath | None = None
    """Python file that defines the models called ``external.NAME``."""
    path_output_rec_result: FilePath = Path("../results/{0}/recs")
    """Folder for recommendation lists."""
    path_output_rec_weight: FilePath = Path("../results/{0}/weights")
    """Folder for weights."""
    path_output_rec_performance: FilePath = Path("../results/{0}/performance")
    """Folder for tables of results."""
    print_results_as_triplets: Flag = False
    """Also write the results as rows of model, metric and value."""
    execution: Execution = Execution()
    """Workers, devices, threads and checkpoints."""
    models: Annotated[
        dict[
            str, Annotated[dict[str, Any], Accepts("a mapping of settings, {} if there are none")]
        ],
        Field(min_length=1),
        Accepts("a mapping from the name of a model to its settings, with at least one model"),
    ]
    """The models, each with ``meta``, ``early_stopping`` and its hyper-parameters, as written."""


class ExperimentFile(Section):
    """The whole file."""

    experiment: Experiment
    """Data, evaluation, outputs and models."""
