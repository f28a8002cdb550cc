"""Reading an experiment: the file, its keys, its paths and the search space of each model.

Nothing here knows a model, a metric or a loader by name, or imports torch.
"""

from mmrec.config.data import DataConfig, Missing, SideInformation
from mmrec.config.describe import Accepts, found
from mmrec.config.distributions import Distribution
from mmrec.config.document import Document, KeyPath, Problem
from mmrec.config.evaluation import ComplexMetricEntry, Evaluation
from mmrec.config.execution import Execution
from mmrec.config.experiment import Experiment, ExperimentFile
from mmrec.config.fields import (
    Count,
    Flag,
    Integer,
    MetricLabel,
    Natural,
    NonNegativeReal,
    PositiveReal,
    Real,
    Section,
    parse_metric_label,
)
from mmrec.config.meta import EarlyStopping, ModelMeta, SeedRepeat
from mmrec.config.overrides import dataset_names, documents_of, override
from mmrec.config.paths import FileContext, locate, path_problem
from mmrec.config.problems import Problems
from mmrec.config.reading import Loaded, Source, open_document, read_experiment
from mmrec.config.report import Report
from mmrec.config.search_space import Choice, Dimension, Space, parse_space
from mmrec.config.search_tuples import parse_tuple
from mmrec.config.splitting import Prefilter, Split, Splitting
from mmrec.config.yaml import parse_yaml, read_yaml
from mmrec.config.yaml_scalars import parse_scalar

__all__ = [
    "Accepts",
    "Choice",
    "ComplexMetricEntry",
    "Count",
    "DataConfig",
    "Dimension",
    "Distribution",
    "Document",
    "EarlyStopping",
    "Evaluation",
    "Execution",
    "Experiment",
    "ExperimentFile",
    "FileContext",
    "Flag",
    "Integer",
    "KeyPath",
    "Loaded",
    "MetricLabel",
    "Missing",
    "ModelMeta",
    "Natural",
    "NonNegativeReal",
    "PositiveReal",
    "Prefilter",
    "Problem",
    "Problems",
    "Real",
    "Report",
    "Section",
    "SeedRepeat",
    "SideInformation",
    "Source",
    "Space",
    "Split",
    "Splitting",
    "dataset_names",
    "documents_of",
    "found",
    "locate",
    "open_document",
    "override",
    "parse_metric_label",
    "parse_scalar",
    "parse_space",
    "parse_tuple",
    "parse_yaml",
    "path_problem",
    "read_experiment",
    "read_yaml",
]
