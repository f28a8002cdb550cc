"""Studies and report data made of given records."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mmrec.config import ModelMeta
from mmrec.planning.model_plan import ModelSettings
from mmrec.reporting.report_data import ReportData
from mmrec.runs.records import TrialRecord
from mmrec.runs.selection import PointView, choose
from mmrec.runs.study import Study


def make_study(
    records: Sequence[TrialRecord],
    by: str = "Recall@20",
    *,
    name: str = "M",
    searched: tuple[str, ...] = (),
    best: TrialRecord | None = None,
    points: Sequence[Sequence[TrialRecord]] = (),
) -> Study:
    """Return the study of a model that is selected by a figure, or by ``loss``.

    Args:
        records: its trials.
        by: the figure.
        name: of the model.
        searched: hyper-parameters.
        best: the best trial, without ``points``.
        points: the trials of each point; the best of them is selected.
    """
    settings = ModelSettings(
        name=name,
        key=f"external.{name}",
        searched=searched,
        seeds=(),
        meta=ModelMeta(),
        early_stopping=None,
        select_by=by,
        monitor=by,
        lower_is_better=frozenset({"ARP"}),
        neither_is_better=frozenset(),
    )
    if not points:
        return Study(settings, list(records), best)
    chosen = choose([PointView.of(trials) for trials in points], settings.objective)
    return Study(
        settings,
        list(records),
        best=None if chosen is None else points[chosen][0],
        points=[list(trials) for trials in points],
        best_point=chosen,
    )


def make_data(studies: Sequence[Study], split: str = "validation") -> ReportData:
    """Return what figures of studies need to know of a run."""
    return ReportData({"protocol": {"selected_on": split}}, studies, pd.DataFrame())
