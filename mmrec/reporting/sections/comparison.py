"""The best trials of all models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from markupsafe import Markup

from mmrec.data import FloatArray
from mmrec.evaluation import spread
from mmrec.reporting.report_data import ReportData
from mmrec.reporting.sections.base import Section, section
from mmrec.reporting.table import P_VALUE, Cell, ReportTable, make_table, number_format
from mmrec.runs.records import TrialRecord
from mmrec.training.objective import Objective

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
    notes.append("± is half of the 95 % confidence interval of the mean over users.")
    if len(data.significance):
        notes.append(
            Markup(
                "<sup>*</sup> differs from the best value of its column: p &lt; 0.05 in every test "
                "over users, after correction."
            )
        )
    yield Section("Results", "results", tables={"best": best_models(data)}, notes=notes)


def best_models(data: ReportData) -> ReportTable:
    """Return the test metrics of the best trials.

    A metric that is a mean over users has half of its 95 % interval (t distribution). It is marked
    with :data:`DIFFERS` if every test over users finds it different from the best of its column,
    after Holm's correction.
    """
    trials = {study.name: study.best for study in data.finished if study.best is not None}
    labels = list(dict.fromkeys(label for trial in trials.values() for label in trial.test))
    settings = data.finished[0].settings
    best = {
        label: _best(settings.objective_of(label), list(trials.values()))
        for label in labels
        if settings.has_best(label)
    }
    formats = {
        label: number_format([trial.test.get(label) for trial in trials.values()])
        for label in labels
    }
    differing = _differing(data.significance, {label: x.name for label, x in best.items()})
    rows: list[list[object]] = []
    for study in data.finished:
        trial = trials[study.name]
        cells = [
            replace(
                formats[label](trial.test.get(label)),
                strong=len(trials) > 1 and label in best and _is_equal(trial, best[label], label),
                mark=DIFFERS if (trial.name, label) in differing else "",
                spread=_half_interval(study.best_per_user.get(label)),
            )
            for label in labels
        ]
        selected = [study.objective.label, study.value(trial), trial.best_epoch]
        rows.append([Cell(study.name, trial.name), *cells, *selected])
    selection = ["selected by", f"{data.split} value", "best epoch"]
    head = ["model", *labels, *selection]
    table = make_table("Test metrics of the best trial of each model.", head, rows)
    return replace(table, unprinted=frozenset(selection))


def _best(objective: Objective, trials: Sequence[TrialRecord]) -> TrialRecord:
    """Return the trial with the best test value, the first of equals."""
    best, best_value = trials[0], None
    for trial in trials:
        value = objective.value(None, trial.test)
        if objective.is_better(value, best_value):
            best, best_value = trial, value
    return best


def _is_equal(one: TrialRecord, other: TrialRecord, label: str) -> bool:
    return one.test.get(label) == other.test.get(label)


def _half_interval(values: FloatArray | None) -> float | None:
    if values is None:
        return None
    found = spread(values[np.isfinite(values)].tolist())
    return found.high - found.mean if np.isfinite(found.high) else None


def _differing(significance: pd.DataFrame, best: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return trial and label of the values that all tests over users tell from the best one."""
    verdicts: dict[tuple[str, str], list[bool]] = {}
    for row in significance.to_dict("records"):
        label, pair = str(row["metric"]), {str(row["model_a"]), str(row["model_b"])}
        if row["over"] == "users" and best.get(label) in pair and len(pair) == 2:
            (other,) = pair - {best[label]}
            verdicts.setdefault((other, label), []).append(row["p_holm"] < P_VALUE)
    return {key for key, differs in verdicts.items() if all(differs)}
