"""Read an experiment and collect all of its problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mmrec.config.data import DataConfig
from mmrec.config.document import Document, KeyPath, Problem
from mmrec.config.evaluation import Evaluation
from mmrec.config.execution import Execution
from mmrec.config.experiment import Experiment, ExperimentFile
from mmrec.config.fields import LARGEST_COUNT, Count, Section
from mmrec.config.meta import EarlyStopping, ModelMeta
from mmrec.config.paths import FileContext, locate
from mmrec.config.problems import Problems
from mmrec.config.yaml import parse_yaml, read_yaml
from mmrec.errors import listing

_S = TypeVar("_S", bound=Section)


@dataclass(frozen=True)
class Loaded:
    """An experiment file as read; use ``experiment`` after ``problems.raise_if_any()``."""

    experiment: Experiment | None
    """The experiment, typed and with absolute paths; None if a key is invalid."""
    data_config: DataConfig | None
    """Available even if another key is invalid; None if its own keys are."""
    evaluation: Evaluation | None
    """As ``data_config``."""
    execution: Execution | None
    """As ``data_config``."""
    models: Mapping[str, Mapping[str, Any]]
    """Settings of every model as written, in the order of the file, even if invalid."""
    problems: Problems
    """All problems so far; checks of the models add to it."""
    document: Document
    """The content of the file and its lines."""
    context: FileContext
    """What paths depend on."""

    @property
    def external_models_path(self) -> Path | None:
        """The Python file of external models; known even if another key is invalid."""
        if self.experiment is not None:
            return self.experiment.external_models_path
        path = self.document.experiment.get("external_models_path")
        try:
            return self.locate(path) if isinstance(path, str) else None
        except ValueError:
            return None

    @property
    def base_dir(self) -> Path:
        """Folder that relative paths start from."""
        return self.context.base_dir

    @property
    def notes(self) -> list[str]:
        """What in the file has no effect; a key of several models is noted once, at the first."""
        sections: list[tuple[KeyPath, Mapping[str, Any], type[Section]]] = [
            (("experiment",), self.document.experiment, Experiment)
        ]
        for name, settings in self.models.items():
            for key, kind in (("meta", ModelMeta), ("early_stopping", EarlyStopping)):
                path = ("experiment", "models", name, key)
                sections.append((path, _mapping(settings.get(key)), kind))
        places: dict[KeyPath, list[KeyPath]] = {}
        for section, written_keys, fields_of in sections:
            for key in written_keys:
                fields = fields_of.model_fields
                if key in fields and fields[key].deprecated:
                    places.setdefault((section[-1], key), []).append((*section, key))
        notes = []
        for first, *others in places.values():
            same = f", as in {listing([str(place[2]) for place in others])}" if others else ""
            notes.append(self.document.problem(first, f"this key has no effect{same}"))
        notes += self._duplicate_metrics()
        return [self.document.describe(note) for note in notes]

    def _duplicate_metrics(self) -> Iterator[Problem]:
        names = () if self.evaluation is None else self.evaluation.simple_metrics
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            first = places.setdefault(name.strip().casefold(), place)
            if first != place:
                yield self.document.problem(
                    ("experiment", "evaluation", "simple_metrics", place),
                    f"{name!r} repeats {names[first]!r} and has no effect",
                )

    def locate(self, text: str) -> Path:
        """Return the absolute path of a text of the file.

        Raises:
            ValueError: the text is empty or contains a brace outside of ``{0}``.
        """
        return locate(text, self.context)


Source = str | Path | Mapping[str, Any] | Document
"""An experiment: the path of a YAML file, YAML text, a dict, or what was read from one of them."""


def read_experiment(source: Source, base_dir: Path | None = None) -> Loaded:
    """Read an experiment and check it, except for the settings of its models.

    Args:
        source: path of a YAML file, YAML text (a string of more than one line), the experiment as
            a dict with the one key ``experiment``, or a document.
        base_dir: folder that relative paths start from; by default the folder of the file,
            and for text or a dict the working directory.

    Raises:
        ConfigError: the source cannot be read; other errors are in ``problems``.
    """
    document, folder = open_document(source)
    problems = Problems(document)
    written = document.experiment
    context = _context(written, Path.cwd() / (folder if base_dir is None else base_dir))
    experiment: Experiment | None = None
    data_config: DataConfig | None
    evaluation: Evaluation | None
    execution: Execution | None
    try:
        experiment = ExperimentFile.model_validate(document.data, context=context).experiment
        data_config, evaluation = experiment.data_config, experiment.evaluation
        execution = experiment.execution
    except ValidationError as error:
        problems.add_validation_error((), error, ExperimentFile)
        data_config = _alone(DataConfig, written.get("data_config"), context)
        evaluation = _alone(Evaluation, written.get("evaluation"), context)
        execution = _alone(Execution, written.get("execution", {}), context)
    models = {
        name: settings
        for name, settings in _mapping(written.get("models")).items()
        if isinstance(settings, Mapping)
    }
    return Loaded(
        experiment, data_config, evaluation, execution, models, problems, document, context
    )


def _alone(kind: type[_S], value: object, context: FileContext) -> _S | None:
    """Return a section if it is valid; its problems are reported with the experiment."""
    if not context.dataset:  # the paths are unknown
        return None
    try:
        return kind.model_validate(value, context=context)
    except ValidationError:
        return None


def open_document(source: Source) -> tuple[Document, Path]:
    """Return the document and the folder that its relative paths start from.

    Raises:
        ConfigError: the source cannot be read.
    """
    if isinstance(source, Document):
        return source, Path()
    if isinstance(source, Mapping):
        return Document.from_dict(source), Path()
    if isinstance(source, str) and "\n" in source:
        return parse_yaml(source), Path()
    path = Path(source).expanduser()
    return read_yaml(path), path.parent


def _context(written: Mapping[str, Any], base_dir: Path) -> FileContext:
    """Return the context of nested fields; invalid values are reported at their own key."""
    dataset = written.get("dataset")
    try:
        top_k = TypeAdapter(Count).validate_python(written.get("top_k"))
    except ValidationError:
        top_k = LARGEST_COUNT
    return FileContext(base_dir, dataset if isinstance(dataset, str) else None, top_k)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
