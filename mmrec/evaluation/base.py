"""The interface of a metric, and finding metrics by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from mmrec.data import FloatArray
from mmrec.errors import ConfigError
from mmrec.evaluation.judged_lists import JudgedLists
from mmrec.registry import Registry

Population = Literal["relevant", "held-out"]
"""The users of a mean: those with a relevant held-out item, or those with any held-out row."""

MetricFunction = Callable[[JudgedLists], FloatArray | float]

_F = TypeVar("_F", bound=MetricFunction)


@dataclass(frozen=True)
class Metric:
    """A metric; :func:`metric` makes one."""

    name: str
    function: MetricFunction
    """From lists cut at k to values of the users [V] float64, or to one number for all lists."""
    over: Population | None = "relevant"
    """The users of the mean; None if the function returns one number."""
    higher_is_better: bool = True
    graded: bool = False
    """Whether the function reads gains, which are infinite for very large ratings."""
    complete: bool = False
    """Whether the lists are not cut, and have to contain every candidate of a user."""
    on_hits: bool = False
    """Whether the function reads hits and relevant rows only, so that it can judge items without
    training rows."""

    @property
    def per_user(self) -> bool:
        """Whether each user has a value, and the figure is their mean."""
        return self.over is not None

    def of_users(self, lists: JudgedLists) -> FloatArray:
        """Return [V]: the values of a metric that is a mean, NaN for users outside of the mean."""
        values = np.asarray(self.function(lists), np.float64)
        return lists.of_relevant_users(values) if self.over == "relevant" else values

    @property
    def formula(self) -> str:
        """The docstring of the function."""
        return inspect.getdoc(self.function) or ""


METRICS: Registry[Metric] = Registry("metric", package="mmrec.evaluation.metrics", ignore_case=True)
"""All metrics by name."""


_OF_RATINGS = ("MAE", "MSE", "RMSE")


def metric(
    name: str,
    *,
    over: Population | None = "relevant",
    higher_is_better: bool = True,
    graded: bool = False,
    complete: bool = False,
    on_hits: bool = False,
) -> Callable[[_F], _F]:
    """Register a function as a metric (a decorator).

    The docstring of the function is its definition in the documentation::

        @metric("FirstHit", over="relevant")
        def first_hit(lists: JudgedLists) -> FloatArray:
            "1 if the first item is a hit, else 0, [V]."
            return lists.hits[:, 0].astype(float)

    Args:
        name: as in experiment files, where case is ignored.
        over: the users of the mean; None if the function returns one number for all lists.
        higher_is_better: the direction in which trials are selected.
        graded: the function reads gains; ratings whose gain is infinite are then refused.
        complete: the function gets lists that are not cut and contain every candidate, and its
            value is the same at every cutoff.
        on_hits: the function reads hits and relevant rows only, neither popularity nor training
            rows; such metrics also judge lists of items that were not trained on.

    Raises:
        ConfigError: another metric has the name.
    """

    def register(function: _F) -> _F:
        made = Metric(name, function, over, higher_is_better, graded, complete, on_hits)
        METRICS.add(name, made, function)
        return function

    return register


def find_metric(name: str) -> Metric:
    """Return the metric of a name, in any case.

    Raises:
        ConfigError: there is no such metric, and the message lists the names; or it is one that
            compares predicted ratings, which no model of mmrec has.
    """
    refuse_ratings(name, _OF_RATINGS)
    return METRICS.find(name)


def on_hits(names: Iterable[str]) -> tuple[str, ...]:
    """Return those metrics that can judge items without training rows."""
    return tuple(name for name in names if find_metric(name).on_hits)


def refuse_ratings(name: str, refused: Iterable[str]) -> None:
    """Refuse a metric of predicted ratings.

    Raises:
        ConfigError: ``name`` is one of ``refused``, in any case.
    """
    for known in refused:
        if name.strip().casefold() == known.casefold():
            raise ConfigError(
                f"{known} needs predicted ratings; mmrec's models and lists have scores, which "
                "only order the items of a user"
            )


def figure_name(metric: Metric, cutoff: int) -> str:
    """Return the name of a metric at a cutoff, such as ``Recall@20``."""
    return f"{metric.name}@{cutoff}"


def metric_of(figure: str) -> Metric:
    """Return the metric of a figure such as ``Recall@20``.

    Raises:
        ConfigError: there is no such metric.
    """
    return find_metric(figure.partition("@")[0])
