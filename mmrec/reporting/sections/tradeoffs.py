"""What the accuracy of the models costs, and how much of the catalogue they recommend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from mmrec.errors import DataError
from mmrec.reporting.plots.points import ModelPoint, draw_points
from mmrec.reporting.plots.style import Drawing
from mmrec.reporting.report_data import ReportData, require
from mmrec.reporting.sections.base import Plot, Section, figure, section
from mmrec.reporting.table import Cell, ReportTable, count, decimal, make_table, seconds
from mmrec.reporting.verdicts import test_means
from mmrec.runs.repetitions import spreads
from mmrec.runs.study import Study

_COVERAGES = ("ItemCoverage", "Gini", "SEntropy")
"""Metrics of how much of the catalogue is recommended, the preferred one first."""


@dataclass(frozen=True)
class _Figure:
    """Test accuracy of the models over something else."""

    label: str
    """The metric of accuracy."""
    across: str
    """What the horizontal axis shows."""
    points: Mapping[str, ModelPoint]
    cell: Callable[[float], Cell]
    """Formats a value of the horizontal axis."""

    @property
    def drawing(self) -> Drawing:
        title = f"test {self.label}"
        return partial(draw_points, points=self.points, across=self.across, title=title)

    @property
    def table(self) -> ReportTable:
        rows = [[model, self.cell(x), decimal(y)] for model, (x, y, *_) in self.points.items()]
        head = ["model", self.across, f"test {self.label}"]
        return make_table(f"Test {self.label} over {self.across}.", head, rows)


@section("tradeoffs", order=62)
def tradeoffs(data: ReportData) -> Iterator[Section]:
    """Make the figures of accuracy over cost and coverage; no section for a single model."""
    is_repeated = any(study.is_repeated for study in data.finished)
    means = " Means over folds and seeds, with the standard deviation." if is_repeated else ""
    plots = [
        Plot(
            f"Test {found.label} over {found.across}, the best {'point' if means else 'trial'} of "
            f"each model.{means}",
            found.table,
            found.drawing,
        )
        for found in _figures(data).values()
    ]
    if plots:
        yield Section("Accuracy, cost and coverage", "tradeoffs", plots=plots)


@figure
def accuracy_over(data: ReportData, what: str | None = None) -> Drawing:
    """Draw the test accuracy of the models over what it costs, or over coverage.

    Args:
        data: of the run.
        what: ``seconds``, ``parameters`` or ``coverage``; by default the first that is known.

    Raises:
        DataError: fewer than two models have it.
    """
    figures = _figures(data)
    if not figures:
        raise DataError("fewer than two models finished")
    require(what, list(figures), "quantity")
    return figures[what or next(iter(figures))].drawing


def _figures(data: ReportData) -> dict[str, _Figure]:
    """Return the figures that at least two models have a point in."""
    label = _accuracy(data)
    if label is None:
        return {}
    kinds: dict[str, tuple[str, Callable[[Study], float | None], Callable[[float], Cell]]] = {
        "seconds": ("seconds of a trial", _seconds, seconds),
        "parameters": ("trained parameters", _parameters, count),
    }
    coverage = _coverage(data, label)
    if coverage is not None:
        kinds["coverage"] = (f"test {coverage}", partial(_mean, label=coverage), decimal)
    figures = {
        name: _Figure(label, across, _points(data, label, value), cell)
        for name, (across, value, cell) in kinds.items()
    }
    return {name: found for name, found in figures.items() if len(found.points) > 1}


def _points(
    data: ReportData, label: str, value: Callable[[Study], float | None]
) -> dict[str, ModelPoint]:
    points = {}
    for place, study in enumerate(data.finished):
        x, y = value(study), _mean(study, label)
        if x is not None and y is not None:
            deviation = spreads(study.best_trials).get(f"{label} std", math.nan)
            known = deviation if math.isfinite(deviation) else None
            points[study.name] = ModelPoint(x, y, known, place)
    return points


def _accuracy(data: ReportData) -> str | None:
    """Return the test metric that the models are compared by, else the first."""
    if data.winner is None:
        return None
    labels = [label for study in data.finished for label in study.best_trials[0].test]
    return data.winner.label if data.winner.label in labels else next(iter(labels), None)


def _coverage(data: ReportData, label: str) -> str | None:
    """Return the metric of coverage at the cutoff of another metric; None without one."""
    labels = data.finished[0].best_trials[0].test
    cutoff = label.partition("@")[2]
    for name in _COVERAGES:
        if f"{name}@{cutoff}" in labels:
            return f"{name}@{cutoff}"
    return None


def _mean(study: Study, label: str) -> float | None:
    value = test_means(study).get(label)
    return value if value is not None and math.isfinite(value) else None


def _seconds(study: Study) -> float:
    return fmean(trial.seconds for trial in study.best_trials)


def _parameters(study: Study) -> float | None:
    """Return the number of trained values; None if nothing is trained by gradient."""
    counts = [x for trial in study.best_trials if (x := trial.n_parameters) is not None]
    return fmean(counts) if counts else None
