"""The keys of an experiment file, and what each of them accepts.

The settings of a model stay as they are written: the model's own configuration reads them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from mmrec.config.data import DataConfig
from mmrec.config.describe import Accepts
from mmrec.config.fields import Count, Flag, Integer, Natural, Real, Section, as_list, repeated
from mmrec.config.paths import FilePath, Frame
from mmrec.config.report import Report
from mmrec.config.splitting import Prefilter, Splitting
from mmrec.config.tracking import Trackers
from mmrec.errors import listing, nearest


def _pytorch(value: object) -> object:
    return "pytorch" if isinstance(value, list | tuple) and "pytorch" in value else value


def _cutoffs(value: object, info: ValidationInfo) -> object:
    return [Frame.of(info).top_k] if value in (None, ()) else as_list(value)


def _within_top_k(value: int, info: ValidationInfo) -> int:
    top_k = Frame.of(info).top_k
    if value > top_k:
        raise ValueError(f"found {value}; accepted: at most top_k, which is {top_k}")
    return value


def _ray_address(value: str) -> str:
    if re.fullmatch(r"auto|(ray://)?(\[[0-9A-Fa-f:]+\]|[\w.-]+):[0-9]+", value) is None:
        raise ValueError(
            f"found {value!r}{nearest(value, ['auto'])}; accepted: auto, host:port or "
            "ray://host:port"
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
        BeforeValidator(as_list),
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
        if repeated(value):
            raise ValueError(f"found {listing(repeated(value))} twice; accepted: each once")
        return value

    @field_validator("simple_metrics")
    @classmethod
    def _metrics_are_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        labels = [name for name in value if "@" in name]
        if labels:
            raise ValueError(
                f"found {listing(labels)}; accepted: names alone, with the numbers in cutoffs"
            )
        twice = repeated(name.casefold() for name in value)
        if twice:
            raise ValueError(f"found {listing(twice)} twice; accepted: each once")
        return value


class Execution(Section):
    """How the trials are run; nothing here changes a result but ``threads``."""

    backend: Literal["processes", "ray"] = "processes"
    """``processes`` of this machine, or a ``ray`` cluster."""
    address: Annotated[str, AfterValidator(_ray_address)] | None = None
    """The Ray cluster: ``auto`` for the one that this machine belongs to, ``host:port`` or
    ``ray://host:port``; without it, Ray is started on this machine and ended with the run."""
    cpus_per_trial: Count | None = None
    """CPUs that Ray sets aside for a trial; without it, as many as its ``threads``."""
    gpus_per_trial: Annotated[Real, Field(ge=0, le=1)] = 0.0
    """GPUs that Ray sets aside for a trial; with 0.5, two trials share one."""
    workers: Count = 1
    """Trials that are run side by side."""
    devices: Annotated[
        tuple[Annotated[Integer, Field(ge=-1)], ...] | None,
        BeforeValidator(as_list),
        Accepts("a list of numbers of CUDA devices, -1 for the CPU"),
    ] = None
    """The device of each worker, in turn; without it, all use ``gpu``."""
    threads: Count | None = None
    """Threads of a trial; without it, the cores shared out to the workers. Sums of another number
    of threads may differ in their last bits."""
    checkpoint_rate: Count | None = None
    """Epochs between two checkpoints; without it, one at each evaluation."""

    @field_validator("address", "cpus_per_trial", "gpus_per_trial")
    @classmethod
    def _is_for_ray(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("backend") == "processes":
            raise ValueError(
                f"found {value!r}, which only 'backend: ray' uses; set that, or remove this key"
            )
        return value

    @field_validator("devices")
    @classmethod
    def _is_for_processes(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("backend") == "ray":
            raise ValueError("with 'backend: ray', Ray chooses the devices; use gpus_per_trial")
        return value


class Experiment(Section):
    """One experiment: data, evaluation, outputs and models."""

    unsupported: ClassVar[Mapping[str, str]] = {
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
    prefiltering: Annotated[
        tuple[Prefilter, ...],
        BeforeValidator(as_list),
        Accepts("a mapping with the key 'strategy', or a list of them"),
    ] = ()
    """Which interactions are kept, step by step; for strategy: dataset."""
    splitting: Splitting | None = None
    """How interactions are held out; strategy: dataset needs it."""
    top_k: Count
    """Length of the recommendation lists."""
    evaluation: Evaluation
    """What is measured."""
    gpu: Annotated[Integer, Field(ge=-1), Accepts("a CUDA device, such as 0, or -1: the CPU")] = -1
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
    """Where trials run, workers, devices, threads and checkpoints."""
    tracking: Trackers = ()
    """Tools that the curves of the trials are also written for: csv, mlflow, tensorboard."""
    report: Report | None = None
    """Users whose recommendations the report shows, with titles and pictures of the items."""
    models: Annotated[
        dict[
            str, Annotated[dict[str, Any], Accepts("a mapping of settings, {} if there are none")]
        ],
        Field(min_length=1),
        Accepts("a mapping from the name of a model to its settings, with at least one model"),
    ]
    """The models, each with ``meta``, ``early_stopping`` and its hyper-parameters, as written."""

    @field_validator("splitting")
    @classmethod
    def _is_there_to_split(cls, value: Splitting | None, info: ValidationInfo) -> Splitting | None:
        data = info.data.get("data_config")
        if value is None and data is not None and data.strategy == "dataset":
            raise PydanticKnownError("missing")
        return value

    @field_validator("execution")
    @classmethod
    def _ray_lends_what_gpu_asks(cls, value: Execution, info: ValidationInfo) -> Execution:
        gpu = info.data.get("gpu")
        if value.backend == "ray" and gpu is not None and (gpu >= 0) != (value.gpus_per_trial > 0):
            raise ValueError(
                f"found gpu: {gpu} with gpus_per_trial: {value.gpus_per_trial:g}; accepted with "
                "'backend: ray': gpu: -1 for the CPU, or gpu: 0 with gpus_per_trial above 0"
            )
        return value


class ExperimentFile(Section):
    """The whole file."""

    experiment: Experiment
    """Data, evaluation, outputs and models."""
