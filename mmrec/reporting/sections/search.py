"""The search of a model: the selected value over the hyper-parameters that were tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

from mmrec.errors import DataError
from mmrec.reporting.plots.heatmap import draw_heatmap
from mmrec.reporting.plots.parameter import Parameter
from mmrec.reporting.plots.scatter import draw_scatter
from mmrec.reporting.plots.style import MAX_CATEGORIES, Drawing
from mmrec.reporting.report_data import ReportData, require
from mmrec.reporting.sections.base import Plot, figure
from mmrec.reporting.sections.trials import numbers_text
from mmrec.reporting.table import Cell, ReportTable, make_table, number_format, parameter
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import repetitions_text
from mmrec.runs.study import Study
from mmrec.text import value_text


def search_plots(study: Study, split: str) -> Iterator[Plot]:
    """Yield heat maps of a small grid over two or three parameters, else scatter plots.

    A parameter that was not tried at several values has none.
    """
    if not study.ranked:
        return
    is_grid = all(len(study.levels(name)) <= MAX_CATEGORIES for name in study.tried)
    pairs = list(combinations(study.tried, 2)) if is_grid and len(study.tried) <= 3 else []
    for across, down in pairs:
        yield Plot(
            f"Search over {across} and {down}. A stronger colour is a better value."
            + (f" {_means(study)}" if study.is_repeated else ""),
            grid_table(study, across, down, split),
            _heatmap(study, across, down, split),
        )
    for name in () if pairs else study.tried:
        yield Plot(
            f"Search over {name}. The best {_unit(study)} is highlighted; a cross is a failed "
            f"{_unit(study)}." + (f" {_means(study)}" if study.is_repeated else ""),
            point_table(study, name, split),
            _scatter(study, name, split),
        )


@figure
def search_heatmap(
    data: ReportData, across: str | None = None, down: str | None = None, model: str | None = None
) -> Drawing:
    """Draw the selected value over two hyper-parameters.

    Args:
        data: of the run.
        across: the parameter of the horizontal axis; by default the first that was tried.
        down: the parameter of the vertical axis; by default the next.
        model: the model's name; by default the first that has two such parameters.

    Raises:
        DataError: the model does not exist, or a parameter was not tried at several values.
    """

    def drawing(study: Study) -> Drawing:
        if len(study.tried) < 2 or not study.ranked:
            raise DataError("no two hyper-parameters have several values")
        for name in (across, down):
            require(name, study.tried, "hyper-parameter with several values")
        horizontal = across or next(name for name in study.tried if name != down)
        vertical = down or next(name for name in study.tried if name != horizontal)
        return _heatmap(study, horizontal, vertical, data.split)

    return data.first(model, drawing)


@figure
def search_scatter(
    data: ReportData, parameter: str | None = None, model: str | None = None
) -> Drawing:
    """Draw the selected value of each point over one hyper-parameter.

    Args:
        data: of the run.
        parameter: by default the first that was tried.
        model: the model's name; by default the first that has such a parameter.

    Raises:
        DataError: the model does not exist, or the parameter was not tried at several values.
    """

    def drawing(study: Study) -> Drawing:
        if not study.tried or not study.ranked:
            raise DataError("no hyper-parameter has several values")
        require(parameter, study.tried, "hyper-parameter with several values")
        return _scatter(study, parameter or study.tried[0], data.split)

    return data.first(model, drawing)


def grid_table(study: Study, across: str, down: str, split: str) -> ReportTable:
    """Return the data of a heat map."""
    levels, best = study.levels(across), study.best_points(across, down)
    text = number_format([study.mean_value(trials) for trials in best.values()])
    cells = {pair: _cell(study, trials, text) for pair, trials in best.items()}
    rows: list[list[object]] = [
        [value_text(y), *(cells.get((repr(x), repr(y))) for x in levels)]
        for y in study.levels(down)
    ]
    caption = f"{selected_title(study, split)} by {across} (across) and {down} (down)."
    return make_table(caption, [f"{down} \\ {across}", *map(value_text, levels)], rows)


def point_table(study: Study, name: str, split: str) -> ReportTable:
    """Return the data of a scatter plot."""
    points = sorted(study.ranked_points, key=lambda trials: trials[0].index)
    text = number_format([study.mean_value(trials) for trials in points])
    rows: list[list[object]] = [
        [
            numbers_text(trials),
            parameter(trials[0].parameters.get(name)),
            _cell(study, trials, text)
            if all(trial.status != "failed" for trial in trials)
            else Cell("failed", kind="number"),
        ]
        for trials in points
    ]
    unit = "trials" if study.is_repeated else "trial"
    caption = f"{_unit(study).capitalize()}s by {name}."
    return make_table(caption, [unit, name, selected_title(study, split)], rows)


def _heatmap(study: Study, across: str, down: str, split: str) -> Drawing:
    best = study.best_points(across, down)
    values = {pair: study.mean_value(trials) for pair, trials in best.items()}
    several = len(study.ranked_points) > len(values)
    return partial(
        draw_heatmap,
        across=Parameter(across, study.levels(across)),
        down=Parameter(down, study.levels(down)),
        values=values,
        deviations={pair: study.point_deviation(trials) for pair, trials in best.items()},
        best=study.objective.best([study.mean_value(study.ranked_points[0])]),
        title=selected_title(study, split)
        + (", the best over all other parameters" if several else ""),
    )


def _scatter(study: Study, name: str, split: str) -> Drawing:
    means = [(trials, study.mean_value(trials)) for trials in _selected_first(study)]
    return partial(
        draw_scatter,
        parameter=Parameter(name, study.levels(name)),
        points=[
            (trials[0].parameters.get(name), mean, study.point_deviation(trials))
            for trials, mean in means
            if mean is not None
        ],
        failed=[trials[0].parameters.get(name) for trials, mean in means if mean is None],
        title=selected_title(study, split),
        unit=f"{_unit(study)}s",
    )


def _selected_first(study: Study) -> list[list[TrialRecord]]:
    """Return the points, best first; of equal ones, the selected one."""
    return sorted(study.ranked_points, key=lambda trials: trials[0] is not study.best)


def _unit(study: Study) -> str:
    return "point" if study.is_repeated else "trial"


def selected_title(study: Study, split: str) -> str:
    """Return what the points of a model are selected by: ``mean validation Recall@20``."""
    return f"{'mean ' if study.is_repeated else ''}{study.objective.title(split)}"


def _means(study: Study) -> str:
    over = repetitions_text(study.ranked_points[0])
    return f"Values are means over {over}, ± the standard deviation."


def _cell(study: Study, trials: Sequence[TrialRecord], text: Callable[..., Cell]) -> Cell:
    return replace(text(study.mean_value(trials)), spread=study.point_deviation(trials))
