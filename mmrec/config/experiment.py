"""Read an experiment and say everything that is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mmrec.config.data import DataConfig
from mmrec.config.fields import Count, Section
from mmrec.config.paths import Frame, locate
from mmrec.config.problems import Problems
from mmrec.config.schema import Evaluation, Experiment, ExperimentFile
from mmrec.config.yaml import Document, parse_yaml, read_yaml

_S = TypeVar("_S", bound=Section)


@dataclass(frozen=True)
class Loaded:
    """What became of an experiment file: use ``experiment`` after ``problems.raise_if_any()``."""

    experiment: Experiment | None
    """The experiment, typed and with absolute paths; None if its keys are not all right."""
    data_config: DataConfig | None
    """The experiment's, also where another key is at fault; None if it is not right itself."""
    evaluation: Evaluation | None
    """The same."""
    models: Mapping[str, Mapping[str, Any]]
    """The settings of every model as written, in the order of the file, problems or not."""
    problems: Problems
    """Everything wrong so far; whoever checks the models adds to it."""
    document: Document
    """The file as it was read, with its lines."""
    frame: Frame
    """What paths are read in."""

    @property
    def external_models_path(self) -> Path | None:
        """The Python file of external models; known even when another key is at fault."""
        if self.experiment is not None:
            return self.experiment.external_models_path
        written = _mapping(_mapping(self.document.data).get("experiment"))
        path = written.get("external_models_path")
        try:
            return self.locate(path) if isinstance(path, str) else None
        except ValueError:
            return None

    def locate(self, text: str) -> Path:
        """Return the absolute path that a text of the file means.

        Raises:
            ValueError: The text is empty or has a brace that does not belong to ``{0}``.
        """
        return locate(text, self.frame)


def read_experiment(source: str | Path | Mapping[str, Any], base_dir: Path | None = None) -> Loaded:
    """Read and check all of an experiment but the settings of its models.

    Args:
        source: Path of a YAML file, YAML text (a string of more than one line), or the
            experiment as a dict with the one key ``experiment``.
        base_dir: Folder that relative paths start from; by default the folder of the file,
            and for text or a dict the working directory.

    Raises:
        ConfigError: The source cannot be read at all; all lesser faults are in ``problems``.
    """
    document, folder = _open(source)
    problems = Problems(document)
    written = _mapping(_mapping(document.data).get("experiment"))
    frame = _frame(written, Path.cwd() / (folder if base_dir is None else base_dir))
    experiment: Experiment | None = None
    data_config: DataConfig | None
    evaluation: Evaluation | None
    try:
        experiment = ExperimentFile.model_validate(document.data, context=frame).experiment
        data_config, evaluation = experiment.data_config, experiment.evaluation
    except ValidationError as error:
        problems.add_validation_error((), error, ExperimentFile)
        data_config = _alone(DataConfig, written.get("data_config"), frame)
        evaluation = _alone(Evaluation, written.get("evaluation"), frame)
    models = {
        name: settings
        for name, settings in _mapping(written.get("models")).items()
        if isinstance(settings, Mapping)
    }
    return Loaded(experiment, data_config, evaluation, models, problems, document, frame)


def _alone(kind: type[_S], value: object, frame: Frame) -> _S | None:
    """Return a section if it is right by itself; its faults are told with the experiment's."""
    if not frame.dataset:  # its paths would lead nowhere
        return None
    try:
        return kind.model_validate(value, context=frame)
    except ValidationError:
        return None


def _open(source: str | Path | Mapping[str, Any]) -> tuple[Document, Path]:
    """Return the document and the folder that its relative paths start from."""
    if isinstance(source, Mapping):
        return Document.from_dict(source), Path()
    if isinstance(source, str) and "\n" in source:
        return parse_yaml(source), Path()
    path = Path(source).expanduser()
    return read_yaml(path), path.parent


def _frame(written: Mapping[str, Any], base_dir: Path) -> Frame:
    """Return what the nested fields need; a faulty value is told where it stands, not here."""
    dataset = written.get("dataset")
    try:
        top_k = TypeAdapter(Count).validate_python(written.get("top_k"))
    except ValidationError:
        top_k = sys.maxsize
    return Frame(base_dir, dataset if isinstance(dataset, str) else None, top_k)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
