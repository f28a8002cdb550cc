"""The importance of the hyper-parameters of a model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mmrec.errors import DataError
from mmrec.reporting.importance import FANOVA, VARIANCE, Importance
from mmrec.reporting.plots.bars import draw_shares
from mmrec.reporting.plots.style import Drawing
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Plot, figure
from mmrec.reporting.sections.search import selected_title
from mmrec.reporting.table import ReportTable, make_table, share
from mmrec.runs.study import Study
from mmrec.text import counted

_METHODS = {
    FANOVA: "by fANOVA, the main effects in a random forest with a fixed seed",
    VARIANCE: "as the variance between the means of its values; a number with many values is "
    "divided into four groups",
}


def importance_plots(data: ReportData, study: Study) -> Iterator[Plot]:
    """Yield the figure of a model; none if its search was too small."""
    found = data.importances[study.name]
    if isinstance(found, Importance):
        points = counted(found.n_points, "finished point")
        yield Plot(
            "Importance of the hyper-parameters: the share of the variance of "
            f"{selected_title(study, data.split)} that each explains alone, "
            f"{_METHODS[found.method]}. Computed from {points}; over few points, it is uncertain.",
            importance_table(found, study),
            _drawing(data, study, found),
        )


def importance_notes(data: ReportData, study: Study) -> list[str]:
    """Return why a search over several hyper-parameters has no importance."""
    found = data.importances[study.name]
    if isinstance(found, str) and len(study.tried) > 1:
        return [f"The importance of the hyper-parameters is not shown: {found}."]
    return []


@figure
def importance(data: ReportData, model: str | None = None) -> Drawing:
    """Draw the share of the variance of the points that each hyper-parameter explains.

    Args:
        data: of the run.
        model: its name; by default the first with a search that is large enough.

    Raises:
        DataError: the model does not exist, or its search is too small.
    """

    def drawing(study: Study) -> Drawing:
        found = data.importances[study.name]
        if isinstance(found, str):
            raise DataError(found)
        return _drawing(data, study, found)

    return data.first(model, drawing)


def importance_table(found: Importance, study: Study) -> ReportTable:
    """Return the share of each hyper-parameter."""
    rows = [[name, share(value)] for name, value in found.shares.items()]
    caption = (
        f"Importance of the hyper-parameters of {study.name} by {found.method}, from "
        f"{counted(found.n_points, 'finished point')}."
    )
    return make_table(caption, ["hyper-parameter", "share of the variance"], rows)


def _drawing(data: ReportData, study: Study, found: Importance) -> Drawing:
    title = f"share of the variance of {selected_title(study, data.split)}"
    return partial(draw_shares, shares=found.shares, title=title)
