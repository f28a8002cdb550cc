"""The learning curves of the best points of all models in one figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import stdev
from typing import TYPE_CHECKING, Any

from mmrec.errors import DataError
from mmrec.reporting.plots.style import WIDTH, Drawing, epoch_axis, finite, legend, series
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Plot, Section, figure, section
from mmrec.reporting.sections.learning import mean_curve, table_epochs, value_curve
from mmrec.reporting.table import ReportTable, make_table
from mmrec.runs.study import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class _Curve:
    """The validation figure of the best point of a model by epoch."""

    means: Mapping[int, float]
    deviations: Mapping[int, float]
    """Over folds and seeds; empty for a single trial."""
    best_epochs: Sequence[int | None]
    """Of each fold and seed."""
    is_trained: bool
    """Whether the model has epochs; one without has a single value."""
    place: int
    """The place of the model in the run, so that it looks the same in each figure."""


@section("all_curves", order=65)
def all_curves(data: ReportData) -> Iterator[Section]:
    """Make the figure; no section unless several models were trained by gradient."""
    label = _label(data)
    curves = _curves(data, label)
    if sum(curve.is_trained for curve in curves.values()) < 2:
        return
    bands = (
        " A line is the mean over folds and seeds, its band the standard deviation."
        if any(curve.deviations for curve in curves.values())
        else ""
    )
    flat = (
        " A horizontal line is a model without epochs."
        if not all(curve.is_trained for curve in curves.values())
        else ""
    )
    unit = "point" if bands else "trial"
    plot = Plot(
        f"{data.split.capitalize()} {label} by epoch, the best {unit} of each model.{bands}{flat}",
        _table(curves, label, data.split),
        partial(_draw, curves=curves, title=f"{data.split} {label}"),
    )
    yield Section("Learning curves", "curves", plots=[plot])


@figure
def all_learning_curves(data: ReportData, label: str | None = None) -> Drawing:
    """Draw a validation figure by epoch for the best point of each model.

    Args:
        data: of the run.
        label: a metric such as ``nDCG@20``; by default what the models are compared by.

    Raises:
        DataError: no model has values of it.
    """
    label = label or _label(data)
    curves = _curves(data, label)
    if not curves:
        raise DataError(f"no model has {label or 'a validation figure'} by epoch")
    return partial(_draw, curves=curves, title=f"{data.split} {label}")


def _label(data: ReportData) -> str:
    return "" if data.winner is None else data.winner.label


def _curves(data: ReportData, label: str) -> dict[str, _Curve]:
    """Return the curves of the models that have values of a figure."""
    curves = {s.name: _curve(s, label, place) for place, s in enumerate(data.finished)}
    return {name: curve for name, curve in curves.items() if curve.means}


def _curve(study: Study, label: str, place: int) -> _Curve:
    trials = [value_curve(trial, label) for trial in study.best_trials]
    means = mean_curve(trials)
    deviations = (
        {epoch: stdev(trial[epoch] for trial in trials) for epoch in means}
        if len(trials) > 1
        else {}
    )
    best = [trial.best_epoch for trial in study.best_trials]
    return _Curve(means, deviations, best, any(trial.losses for trial in study.best_trials), place)


def _table(curves: Mapping[str, _Curve], label: str, split: str) -> ReportTable:
    epochs = {epoch for curve in curves.values() for epoch in curve.means}
    best = (epoch for curve in curves.values() for epoch in curve.best_epochs)
    rows: list[list[object]] = [
        [str(epoch), *(curve.means.get(epoch) for curve in curves.values())]
        for epoch in table_epochs(epochs, best)
    ]
    return make_table(f"{split.capitalize()} {label} by epoch.", ["epoch", *curves], rows)


def _draw(figure: Figure, *, curves: Mapping[str, _Curve], title: str) -> None:
    figure.set_size_inches(WIDTH, 3.4)
    axes = figure.subplots()
    for model, curve in curves.items():
        look: dict[str, Any] = series(curve.place)
        epochs, values = list(curve.means), finite(list(curve.means.values()))
        if not curve.is_trained:
            axes.axhline(values[0], label=model, linewidth=1.3, **{**look, "marker": ""})
            continue
        every = max(1, len(epochs) // 6)
        look |= {"markersize": 4, "markevery": (curve.place % every, every), "linewidth": 1.4}
        axes.plot(epochs, values, label=model, **look)
        if curve.deviations:
            low, high = _band(values, list(curve.deviations.values()))
            axes.fill_between(epochs, low, high, color=look["color"], alpha=0.15, linewidth=0)
    axes.set_title(title, wrap=True)
    epoch_axis(axes)
    legend(figure, axes)
    last = [f"{model} {max(curve.means)}" for model, curve in curves.items() if curve.is_trained]
    figure.set_label(f"{title} by epoch. Last epochs: {', '.join(last)}.")


def _band(values: Sequence[float], deviations: Sequence[float]) -> tuple[list[float], list[float]]:
    pairs = list(zip(values, deviations, strict=True))
    return [value - spread for value, spread in pairs], [value + spread for value, spread in pairs]
