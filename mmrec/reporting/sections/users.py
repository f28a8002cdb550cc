"""How a metric is distributed over the users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mmrec.data import FloatArray
from mmrec.errors import DataError
from mmrec.reporting.plots.style import WIDTH, Drawing, legend, series
from mmrec.reporting.report_data import ReportData, require
from mmrec.reporting.sections.base import Plot, Section, figure, section
from mmrec.reporting.table import ReportTable, make_table, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEPS = 100
"""Steps of the axis of values."""


@section("users", order=40)
def users(data: ReportData) -> Iterator[Section]:
    """Make the distribution of one metric; no section if no trial has values of users."""
    label = _label(data)
    if label is None:
        return
    values = _values(data, label)
    plot = Plot(
        f"Users by their test {label}, {_shown(data)}. A lower curve is better: "
        "fewer users have so small a value.",
        share_table(values, label),
        partial(_draw, values=values, label=label),
    )
    table = summary_table(values, label)
    note = f"The values of users are {_shown(data)}."
    notes = [note] if any(study.is_repeated for study in data.finished) else []
    yield Section("Users", "users", tables={"users": table}, notes=notes, plots=[plot])


@figure
def per_user(data: ReportData, label: str | None = None) -> Drawing:
    """Draw the share of users with at most a test value, for the best point of each model.

    Args:
        data: of the run.
        label: a metric such as ``nDCG@20``; by default what the models are compared by.

    Raises:
        DataError: no trial has values of users for the metric.
    """
    known = list(dict.fromkeys(x for study in data.studies for x in study.best_per_user))
    require(label, known, "metric of users")
    label = label or _label(data)
    if label is None:
        raise DataError("no trial has values of users")
    return partial(_draw, values=_values(data, label), label=label)


def _label(data: ReportData) -> str | None:
    """Return a metric that all best trials have values of users for, if possible the winner's."""
    per_user = [study.best_per_user for study in data.studies if study.best_per_user]
    if not per_user:
        return None
    shared = [label for label in per_user[0] if all(label in values for values in per_user)]
    preferred = data.winner.label if data.winner else ""
    return preferred if preferred in shared else next(iter(shared), None)


def _shown(data: ReportData) -> str:
    means = "means over the seeds of" if any(x.has_seeds for x in data.finished) else "those of"
    first = " on its first fold" if any(study.has_folds for study in data.finished) else ""
    unit = "point" if any(study.is_repeated for study in data.finished) else "trial"
    return f"{means} the best {unit} of each model{first}"


def _values(data: ReportData, label: str) -> dict[str, FloatArray]:
    """Return the values of the users for each model's best point, [U]."""
    return {
        study.name: study.best_per_user[label]
        for study in data.studies
        if label in study.best_per_user
    }


def summary_table(values: Mapping[str, FloatArray], label: str) -> ReportTable:
    """Return mean, deviation and quartiles over the users of each model."""
    rows: list[list[object]] = []
    for model, of_users in values.items():
        known = _known(of_users)
        if not len(known):
            continue
        quartiles = np.quantile(known, [0.25, 0.5, 0.75])
        deviation = float(known.std(ddof=1)) if len(known) > 1 else None
        at_zero = share(float(np.mean(known == 0)))
        row = [model, len(known), float(known.mean()), deviation, at_zero]
        rows.append([*row, *map(float, quartiles)])
    head = ["model", "users", "mean", "standard deviation", "users at 0"]
    head += ["lower quartile", "median", "upper quartile"]
    return make_table(f"Test {label} over the users who count.", head, rows)


def share_table(values: Mapping[str, FloatArray], label: str) -> ReportTable:
    """Return the data of the figure."""
    grid = value_grid(list(values.values()))
    columns = [share_at_most(of_users, grid) for of_users in values.values()]
    rows = [
        [f"{value:.6g}", *(share(float(column[place])) for column in columns)]
        for place, value in enumerate(grid)
    ]
    return make_table(f"Share of users with at most this test {label}.", [label, *values], rows)


def _draw(figure: Figure, *, values: Mapping[str, FloatArray], label: str) -> None:
    grid = value_grid(list(values.values()))
    figure.set_size_inches(WIDTH, 3.3)
    axes = figure.subplots()
    for place, (model, of_users) in enumerate(values.items()):
        look = series(place) | {"markersize": 4, "markevery": (place % 5, 20)}
        shares = share_at_most(of_users, grid)
        axes.plot(grid, shares, drawstyle="steps-post", label=model, linewidth=1.5, **look)
    axes.set_title(f"share of users with at most this test {label}", wrap=True)
    axes.set_xlabel(f"test {label} of a user")
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    legend(figure, axes)
    at_zero = [f"{model} {share_at_most(x, grid)[0]:.0%}" for model, x in values.items()]
    figure.set_label(
        f"Distribution of test {label} over the users. At {grid[0]:g}: {', '.join(at_zero)}."
    )


def value_grid(values: Sequence[FloatArray]) -> FloatArray:
    """Return evenly spaced values from the smallest (0 at most) to the largest of all users."""
    known = np.concatenate([_known(x) for x in values]) if values else np.zeros(1)
    low, high = (min(0.0, known.min()), known.max()) if len(known) else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1, _STEPS + 1)


def share_at_most(values: FloatArray, grid: FloatArray) -> FloatArray:
    """Return for each value of the grid the share of users with at most that; NaN for no user."""
    known = np.sort(_known(values))
    if not len(known):
        return np.full(len(grid), np.nan)
    # A thousandth of a step absorbs the rounding of the grid, such as 3 * 0.1 > 0.3.
    tolerance = (grid[1] - grid[0]) / 1000
    return np.asarray(np.searchsorted(known, grid + tolerance, side="right") / len(known))


def _known(values: FloatArray) -> FloatArray:
    """Return the values of the users who count."""
    return values[np.isfinite(values)]
