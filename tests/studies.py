"""Studies and report data made of given records."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mmrec.config import ModelMeta
from mmrec.planning.model_plan import ModelSettings
from mmrec.reporting.report_data import ReportData
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study


def make_study(
    records: Sequence[TrialRecord],
    by: str = "Recall@20",
    *,
    name: str = "M",
    searched: tuple[str, ...] = (),
    best: TrialRecord | None = None,
) -> Study:
    """Return the study of a model that is selected by a figure, or by ``loss``."""
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
    return Study(settings, list(records), best)


def make_data(studies: Sequence[Study], split: str = "validation") -> ReportData:
    """Return what figures of studies need to know of a run."""
    return ReportData({"protocol": {"selected_on": split}}, studies, pd.DataFrame())
