"""The section of one model: its best trial, its search and all its trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmrec.reporting.cautions import of_model
from mmrec.reporting.plots.style import MAX_CATEGORIES
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.sections.diagnostics import diagnostics_plots
from mmrec.reporting.sections.importance import importance_notes, importance_plots
from mmrec.reporting.sections.learning import learning_plots
from mmrec.reporting.sections.search import search_plots
from mmrec.reporting.sections.trials import numbers_text, points_table, trials_table
from mmrec.reporting.table import ReportTable
from mmrec.runs.repetitions import repetitions_text
from mmrec.runs.study import Study
from mmrec.text import is_number, value_text


@dataclass(frozen=True)
class ModelContent:
    """What the template shows besides facts, figures and the table of trials."""

    study: Study
    failures: Mapping[str, Sequence[int]]
    """The numbers of the failed trials by error message."""
    selected_by: str
    value: float | None
    """The selected value of the best point."""
    deviation: float | None
    """Its standard deviation over folds and seeds; None for a single trial."""
    repetitions: str
    """What it is a mean over; empty for a single trial."""
    best_numbers: str
    """The numbers of the trials of the best point."""


@section("models", order=70)
def models(data: ReportData) -> Iterator[Section]:
    """Make a section for each model."""
    for number, study in enumerate(data.studies, 1):
        failures = _failures(study)
        n_failed, n_trials = sum(map(len, failures.values())), len(study.records)
        failed = [f"{n_failed} of {n_trials} trials failed."] if n_failed else []
        yield Section(
            title=study.name,
            anchor=f"model-{number}",
            facts={name: _values_text(study.levels(name)) for name in study.searched},
            tables=_tables(study, data.split),
            plots=[
                *learning_plots(study, data.split),
                *diagnostics_plots(study),
                *search_plots(study, data.split),
                *importance_plots(data, study),
            ],
            notes=importance_notes(data, study),
            warnings=[*failed, *(f"{text}." for text in of_model(study))],
            template="model.html.j2",
            content=ModelContent(
                study=study,
                failures=failures,
                selected_by=study.objective.title(data.split),
                value=None if study.best is None else study.mean_value(study.best_trials),
                deviation=study.point_deviation(study.best_trials),
                repetitions=repetitions_text(study.best_trials),
                best_numbers=numbers_text(study.best_trials) if study.best_trials else "",
            ),
        )


def _tables(study: Study, split: str) -> dict[str, ReportTable]:
    tables = {}
    if study.is_repeated:
        tables[f"points {study.name}"] = points_table(study, split)
    if study.records:
        tables[f"trials {study.name}"] = trials_table(study, split)
    return tables


def _failures(study: Study) -> dict[str, list[int]]:
    """Return the numbers of the failed trials by error message."""
    failures = defaultdict(list)
    for record in study.records:
        if record.status == "failed":
            failures[record.error or "no message"].append(record.index + 1)
    return dict(failures)


def _values_text(values: Sequence[Any]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) <= MAX_CATEGORIES:
        return " \N{MIDDLE DOT} ".join(texts)
    if all(map(is_number, values)):
        return f"{len(texts)} values from {texts[0]} to {texts[-1]}"
    return f"{len(texts)} values"
