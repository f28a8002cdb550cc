"""The interface of a metric with settings of its own: an entry of ``complex_metrics``."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from mmrec.config import (
    Accepts,
    ComplexMetricEntry,
    Document,
    FileContext,
    Problems,
    Section,
    read_yaml,
)
from mmrec.data import FloatArray, Vocabulary
from mmrec.errors import ConfigError
from mmrec.evaluation.base import METRICS, refuse_ratings
from mmrec.evaluation.ground_truth import GroundTruth
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.evaluation.metric_files import MetricFile
from mmrec.registry import Registry

Better = Literal["higher", "lower", "neither"]
"""Which of two values of an output is better."""

Compute = Callable[[JudgedLists], Mapping[str, "FloatArray | float"]]
"""From lists cut at k to the value of each output: a number, or values of the users [V] float64
whose mean is the figure, NaN for users who are not part of it."""

_OF_RATINGS = ("UserMADrating", "ItemMADrating")


class Ids(NamedTuple):
    """The external ids of users and items."""

    users: Vocabulary
    items: Vocabulary


class ComplexMetric(Section, ABC):
    """A metric with settings; :func:`complex_metric` registers one.

    Its fields are the keys of an entry of ``complex_metrics`` besides ``metric``, its docstring is
    its definition in the documentation::

        @complex_metric("HitShare")
        class HitShare(ComplexMetric):
            "The share of users with at least ``least`` hits."

            least: Count = 1

            def outputs(self) -> dict[str, Better]:
                return {f"HitShare_{self.least}": "higher"}

            def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
                (name,) = self.outputs()
                return lambda lists: {name: float((lists.n_hits >= self.least).mean())}

    Its values never select trials and take part in no significance test.
    """

    name: ClassVar[str]
    """As in experiment files; set by :func:`complex_metric`."""

    @property
    def is_graded(self) -> bool:
        """Whether it reads gains, which are infinite for very large ratings."""
        return False

    @abstractmethod
    def outputs(self) -> dict[str, Better]:
        """Return the names of its values without cutoffs, and which values are better."""

    @abstractmethod
    def prepare(self, truth: GroundTruth, ids: Ids) -> Compute:
        """Return what computes the values, after the work that is the same for all lists.

        Args:
            truth: the held-out split, and the training split.
            ids: of its users and items.

        Raises:
            DataError: a file of the metric does not fit the data.
        """

    def files(self) -> dict[str, MetricFile]:
        """Return the files that the metric has read, by key."""
        values = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: value for key, value in values.items() if isinstance(value, MetricFile)}


COMPLEX_METRICS: Registry[type[ComplexMetric]] = Registry(
    "complex metric", package="mmrec.evaluation.metrics", ignore_case=True
)
"""All metrics with settings by name."""

_C = TypeVar("_C", bound=type[ComplexMetric])


def complex_metric(name: str) -> Callable[[_C], _C]:
    """Register a class as a complex metric (a decorator).

    Raises:
        ConfigError: another complex metric has the name.
    """

    def register(kind: _C) -> _C:
        kind.name = name
        COMPLEX_METRICS.add(name, kind, kind)
        return kind

    return register


def definition_of(kind: type[ComplexMetric]) -> str:
    """Return the docstring of a complex metric."""
    return inspect.cleandoc(kind.__doc__ or "")


def find_complex_metric(name: str) -> type[ComplexMetric]:
    """Return the complex metric of a name, in any case.

    Raises:
        ConfigError: there is no such metric; or it is one that compares predicted ratings.
    """
    refuse_ratings(name, _OF_RATINGS)
    if name in METRICS and name not in COMPLEX_METRICS:
        raise ConfigError(f"{name} has no settings; name it in simple_metrics")
    return COMPLEX_METRICS.find(name)


class _MetricsFile(Section):
    """Metrics with settings outside of an experiment."""

    complex_metrics: Annotated[
        tuple[ComplexMetricEntry, ...],
        Field(min_length=1),
        Accepts("a list of mappings, each with the key 'metric'"),
    ]
    """The metrics."""


def read_complex_metrics(
    source: Path | Sequence[Mapping[str, Any]],
) -> tuple[ComplexMetric, ...]:
    """Read metrics outside of an experiment.

    Args:
        source: a YAML file with the key ``complex_metrics``, as below ``evaluation`` of an
            experiment, whose paths start from its folder; or the entries of that list, whose paths
            start from the working directory.

    Raises:
        ConfigError: an entry is invalid; the message lists every problem.
    """
    if isinstance(source, Path):
        document, folder = read_yaml(source), source.parent
    else:
        document, folder = Document.from_dict({"complex_metrics": list(source)}), Path()
    problems = Problems(document)
    context = FileContext(Path.cwd() / folder, dataset=None, top_k=sys.maxsize)
    try:
        entries = _MetricsFile.model_validate(document.data).complex_metrics
    except ValidationError as error:
        problems.add_validation_error((), error, _MetricsFile)
        entries = ()
    found = configure(entries, ("complex_metrics",), problems, context)
    problems.raise_if_any()
    return found


def configure(
    entries: Sequence[ComplexMetricEntry],
    path: Sequence[str | int],
    problems: Problems,
    context: FileContext,
) -> tuple[ComplexMetric, ...]:
    """Return the metrics of a list of entries; an invalid entry is a problem.

    The files that the entries name are read.

    Args:
        entries: of the list.
        path: of the list in the document.
        problems: of the document.
        context: what paths depend on.
    """
    found: list[ComplexMetric] = []
    owners = {name: f"the metric {name}" for name in METRICS}
    for place, entry in enumerate(entries):
        at = (*path, place)
        try:
            kind = find_complex_metric(entry.metric)
        except ConfigError as error:
            problems.add((*at, "metric"), str(error))
            continue
        try:
            made = kind.model_validate(entry.options, context=context)
        except ValidationError as error:
            problems.add_validation_error(at, error, kind)
            continue
        for output in made.outputs():
            owner = owners.setdefault(output, f"complex_metrics[{place}]")
            if owner != f"complex_metrics[{place}]":
                problems.add(
                    at,
                    f"{made.name} writes the column {output!r}, and so does {owner}; columns have "
                    "to differ: change the name of the groups, or use a second experiment",
                )
                break
        found.append(made)
    return tuple(found)
