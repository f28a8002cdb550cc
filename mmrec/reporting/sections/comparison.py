"""The best points of all models side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from markupsafe import Markup

from mmrec.data import FloatArray
from mmrec.evaluation import spread
from mmrec.reporting.cautions import of_comparison
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import Cell, ReportTable, make_table, number_format
from mmrec.reporting.verdicts import best_of, test_means, users_text
from mmrec.runs.repetitions import repetitions_text, spreads
from mmrec.runs.study import Study

DIFFERS = "*"
"""Marks a value that differs significantly from the best of its column."""


@section("comparison", order=10)
def comparison(data: ReportData) -> Iterator[Section]:
    """Make the table of the best trials; no section if no trial finished."""
    if not data.finished:
        return
    notes: list[str | Markup] = []
    if len(data.finished) > 1:
        notes.append("The best value of each column is highlighted.")
    repeated = [study for study in data.finished if study.is_repeated]
    if repeated:
        notes.append(
            "A model that was run on several folds or seeds has its means over them, ± the "
            "standard deviation over them."
        )
    if len(repeated) < len(data.finished):
        trial = "A model with a single trial" if repeated else "Each model"
        notes.append(
            f"{trial} has the figures of its best trial, ± half of the 95 % confidence interval of "
            "the mean over users."
        )
    if len(data.significance):
        users = users_text(data.finished)
        notes.append(
            Markup(
                "<sup>*</sup> differs from the best value of its column: p &lt; 0.05 in every "
                f"test over {users} and over folds and seeds, after correction."
            )
        )
    yield Section(
        "Results",
        "results",
        tables={"best": best_models(data)},
        notes=notes,
        warnings=[f"{text}." for text in of_comparison(data)],
    )


def best_models(data: ReportData) -> ReportTable:
    """Return the test metrics of the best points.

    A model that was run on several folds or seeds has means with their standard deviation. A single
    trial has half of the 95 % interval over users (t distribution), where a metric is a mean over
    them. A value is marked with :data:`DIFFERS` if every test over users, folds and seeds finds it
    different from the best of its column, after Holm's correction.
    """
    figures = {study.name: test_means(study) for study in data.finished}
    labels = list(dict.fromkeys(label for values in figures.values() for label in values))
    settings = data.finished[0].settings
    formats = {
        label: number_format([values.get(label) for values in figures.values()]) for label in labels
    }
    best = {
        label: best_of(settings.objective_of(label), figures)
        for label in labels
        if settings.has_best(label)
    }
    differing = {label: data.verdicts.differing(label, name) for label, name in best.items()}
    is_repeated = any(study.is_repeated for study in data.finished)
    rows: list[list[object]] = []
    for study in data.finished:
        values = figures[study.name]
        cells = [
            replace(
                formats[label](values.get(label)),
                strong=len(figures) > 1
                and label in best
                and values.get(label) == figures[best[label]].get(label),
                mark=DIFFERS if study.name in differing.get(label, ()) else "",
                spread=_spread(study, label),
            )
            for label in labels
        ]
        over = [repetitions_text(study.best_trials) or "1 trial"] if is_repeated else []
        selected = [study.objective.label, study.mean_value(study.best_trials), _epochs(study)]
        name = Cell(study.name, study.best_trials[0].name)
        rows.append([name, *over, *cells, *selected])
    selection = ["selected by", f"{data.split} value", "best epoch"]
    head = ["model", *(["mean over"] if is_repeated else []), *labels, *selection]
    unit = "point" if is_repeated else "trial"
    table = make_table(f"Test metrics of the best {unit} of each model.", head, rows)
    kinds = {"std" if study.is_repeated else "half interval" for study in data.finished}
    spread_name = " or ".join(sorted(kinds, reverse=True))
    return replace(table, unprinted=frozenset(selection), spread_name=spread_name)


def _epochs(study: Study) -> object:
    """Return the best epoch, or those of several trials."""
    epochs = [trial.best_epoch for trial in study.best_trials]
    return Cell(", ".join(map(str, epochs)), kind="number") if len(epochs) > 1 else epochs[0]


def _spread(study: Study, label: str) -> float | None:
    if not study.is_repeated:
        return _half_interval(study.best_per_user.get(label))
    deviation = spreads(study.best_trials).get(f"{label} std", math.nan)
    return deviation if math.isfinite(deviation) else None


def _half_interval(values: FloatArray | None) -> float | None:
    if values is None:
        return None
    found = spread(values[np.isfinite(values)].tolist())
    return found.high - found.mean if np.isfinite(found.high) else None
