"""The search of a model: the selected value over the hyper-parameters that were tried."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations

from mmrec.errors import DataError
from mmrec.reporting.plots.heatmap import draw_heatmap
from mmrec.reporting.plots.parameter import Parameter
from mmrec.reporting.plots.scatter import draw_scatter
from mmrec.reporting.plots.style import MAX_CATEGORIES, Drawing
from mmrec.reporting.report_data import ReportData, require
from mmrec.reporting.sections.base import Plot, figure
from mmrec.reporting.sections.trials import best_first
from mmrec.reporting.table import Cell, ReportTable, make_table, parameter
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
            f"Search over {across} and {down}. A stronger colour is a better value.",
            grid_table(study, across, down, split),
            _heatmap(study, across, down, split),
        )
    for name in () if pairs else study.tried:
        yield Plot(
            f"Search over {name}. The best trial is highlighted; a cross is a failed trial.",
            trial_table(study, name, split),
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
    """Draw the selected value of each trial over one hyper-parameter.

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
    levels, values = study.levels(across), study.best_values(across, down)
    rows: list[list[object]] = [
        [value_text(y), *(values.get((repr(x), repr(y))) for x in levels)]
        for y in study.levels(down)
    ]
    caption = f"{study.objective.title(split)} by {across} (across) and {down} (down)."
    return make_table(caption, [f"{down} \\ {across}", *map(value_text, levels)], rows)


def trial_table(study: Study, name: str, split: str) -> ReportTable:
    """Return the data of a scatter plot."""
    rows = [
        [
            str(record.index + 1),
            parameter(record.parameters.get(name)),
            Cell("failed", kind="number") if record.status == "failed" else study.value(record),
        ]
        for record in study.records
    ]
    return make_table(f"Trials by {name}.", ["trial", name, study.objective.title(split)], rows)


def _heatmap(study: Study, across: str, down: str, split: str) -> Drawing:
    values = study.best_values(across, down)
    several = len({record.trial_id for record in study.records}) > len(values)
    return partial(
        draw_heatmap,
        across=Parameter(across, study.levels(across)),
        down=Parameter(down, study.levels(down)),
        values=values,
        best=study.objective.best(values.values()),
        title=study.objective.title(split)
        + (", the best over all other parameters" if several else ""),
    )


def _scatter(study: Study, name: str, split: str) -> Drawing:
    return partial(
        draw_scatter,
        parameter=Parameter(name, study.levels(name)),
        trials=[(x.parameters.get(name), study.value(x) or 0.0) for x in best_first(study)],
        failed=[x.parameters.get(name) for x in study.records if study.value(x) is None],
        title=study.objective.title(split),
    )
