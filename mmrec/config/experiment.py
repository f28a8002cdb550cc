"""The keys of an experiment file.

The settings of a model are kept as written; the configuration class of the model reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from mmrec.config.data import DataConfig
from mmrec.config.describe import Accepts
from mmrec.config.evaluation import Evaluation
from mmrec.config.execution import Execution
from mmrec.config.fields import (
    Count,
    Flag,
    Integer,
    Label,
    Natural,
    NoEffect,
    Section,
    as_list,
)
from mmrec.config.paths import FilePath
from mmrec.config.report import Report
from mmrec.config.splitting import Prefilter, Splitting
from mmrec.config.tracking import Trackers


def _pytorch(value: object) -> object:
    return "pytorch" if isinstance(value, list | tuple) and "pytorch" in value else value


def _one_name(value: object) -> object:
    if isinstance(value, list | tuple):
        raise ValueError(
            "found a list of data sets, but one is accepted here; `mmrec run` and "
            "run_experiments run an experiment on several"
        )
    return value


class Experiment(Section):
    """One experiment: data, evaluation, outputs and models."""

    unsupported: ClassVar[Mapping[str, str]] = {
        "negative_sampling": "not supported: the candidates of a user are all items without a "
        "training interaction; remove the key",
        "config_test": "not supported: every file is checked before training; remove the key",
        "path_log_folder": "not supported: logs are in the folder of the results; remove the key",
        "path_logger_config": "not supported: the logs need no configuration; remove the key",
        "dataloader": "not needed: mmrec recognises the form of each file; remove the key",
        "align_side_with_train": "not needed: features always belong to the items of the training "
        "split; remove the key",
    }

    backend: Annotated[
        Literal["pytorch"],
        BeforeValidator(_pytorch),
        Accepts("'pytorch', or a list that contains it"),
    ] = "pytorch"
    """Library that trains the models."""
    dataset: Annotated[str, Field(min_length=1), BeforeValidator(_one_name)]
    """Name of the dataset; replaces {0} in every path. A list is run name by name."""
    data_config: DataConfig
    """Interactions and item features."""
    prefiltering: Annotated[
        tuple[Prefilter, ...],
        BeforeValidator(as_list),
        Accepts("a mapping with the key 'strategy', or a list of them"),
    ] = ()
    """Filters of the interactions, applied in order; for ``strategy: dataset``."""
    splitting: Splitting | None = None
    """How interactions are held out; required by ``strategy: dataset``."""
    top_k: Count
    """Length of the recommendation lists."""
    evaluation: Evaluation
    """Metrics and cutoffs."""
    gpu: Annotated[
        Integer, Field(ge=-1), Accepts("the number of a CUDA device, such as 0, or -1 for the CPU")
    ] = -1
    """Number of the CUDA device; -1 for the CPU."""
    binarize: Flag = False
    """Set every rating to 1."""
    random_seed: Natural = 42
    """Seed of every random draw outside the models."""
    validation_metric: Label | None = None
    """Figure, such as Recall@20, that selects the best epoch and trial of each model whose ``meta``
    names none; the first metric by default."""
    external_models_path: FilePath | None = None
    """Python file with code of your own: models (``external.NAME``), samplers, loaders, metrics,
    executors, trackers, sections of the report. Of an ``__init__.py``, all files of its folder."""
    path_output_rec_result: FilePath = Path("../results/{0}/recs")
    """Folder for recommendation lists."""
    path_output_rec_weight: FilePath = Path("../results/{0}/weights")
    """Folder for weights."""
    path_output_rec_performance: FilePath = Path("../results/{0}/performance")
    """Folder for tables of results."""
    version: NoEffect = None
    """Has no effect: the version of Elliot that a file was written for."""
    external_posthoc_path: NoEffect = None
    """Has no effect, as in Elliot."""
    verbose: NoEffect = None
    """Has no effect; ``mmrec run --verbose`` shows each evaluated epoch."""
    write_best_iterations: NoEffect = None
    """Has no effect."""
    print_results_as_triplets: Flag = False
    """Write the results as rows of model, metric and value, too."""
    execution: Execution = Execution()
    """Workers, devices, threads and checkpoints."""
    tracking: Trackers = ()
    """Additional outputs of the curves of the trials: csv, mlflow, tensorboard, wandb."""
    report: Report | None = None
    """Users whose recommendations the report contains, titles and pictures of items."""
    models: Annotated[
        dict[
            str, Annotated[dict[str, Any], Accepts("a mapping of settings, which may be empty: {}")]
        ],
        Field(min_length=1),
        Accepts("a mapping of at least one model name to its settings"),
    ]
    """By name: ``meta``, ``early_stopping`` and hyper-parameters, as written."""

    @property
    def gpus(self) -> tuple[int, ...]:
        """Numbers of the devices of the workers, in turn; -1 for the CPU."""
        return self.execution.devices or (self.gpu,)

    @field_validator("splitting")
    @classmethod
    def _is_there_to_split(cls, value: Splitting | None, info: ValidationInfo) -> Splitting | None:
        data = info.data.get("data_config")
        if value is None and data is not None and data.strategy == "dataset":
            raise PydanticKnownError("missing")
        return value


class ExperimentFile(Section):
    """The whole file."""

    experiment: Experiment
    """Data, evaluation, outputs and models."""
