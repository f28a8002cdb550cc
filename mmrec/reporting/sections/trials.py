"""All trials of one model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mmrec.reporting.table import (
    Cell,
    ReportTable,
    decimal,
    digest,
    make_table,
    mebibytes,
    parameter,
    seconds,
)
from mmrec.runs.records import TrialRecord
from mmrec.runs.repetitions import repetitions_text, spreads
from mmrec.runs.selection import PointView
from mmrec.runs.study import Study

_MAX_OPEN = 12
"""A longer table is folded."""


def trials_table(study: Study, split: str) -> ReportTable:
    """Return a row for each trial: its searched parameters, its metrics, costs and digests."""
    metrics = list(dict.fromkeys(label for record in study.records for label in record.test))
    # Without a validation split, the selected value is one of the test metrics.
    selected = [] if split == "test" and study.objective.label in metrics else [study.objective]
    head = ["trial", *study.searched, "status", *(x.title(split) for x in selected)]
    head += [*(f"test {label}" for label in metrics), "best epoch"]
    head += ["seconds", "MiB", "weights", "lists"]
    rows = []
    for record in study.records:
        row: list[object] = [Cell(str(record.index + 1), record.name)]
        row += [parameter(record.parameters.get(name)) for name in study.searched]
        if record.status == "failed":
            n_columns = len(selected) + len(metrics) + 1
            row += [Cell("failed", kind="error")]
            row += [Cell(record.error or "no message", kind="error", span=n_columns)]
        else:
            row += [_status(study, record), *(study.value(record) for _ in selected)]
            row += [*(record.test.get(label) for label in metrics), record.best_epoch]
        row += [seconds(record.seconds), mebibytes(record.peak_bytes)]
        rows.append([*row, digest(record.weights_sha256), digest(record.lists_sha256)])
    caption = f"All trials of {study.name}, in the order of the search."
    return make_table(caption, head, rows, is_folded=len(rows) > _MAX_OPEN)


def best_first(study: Study) -> list[TrialRecord]:
    """Return the trials that have a value: those of the selected point, then the others.

    The others are in the order of their values. A selected trial need not have the best value:
    over folds and seeds, means are compared.
    """
    best = {trial.trial_id: place for place, trial in enumerate(study.best_trials)}
    return sorted(study.ranked, key=lambda trial: best.get(trial.trial_id, len(best)))


def points_table(study: Study, split: str) -> ReportTable:
    """Return a row for each point that was run on several folds or seeds: means and deviations."""
    points = [trials for trials in study.points if len(trials) > 1]
    labels = list(dict.fromkeys(label for x in study.records for label in x.test))
    names = [name for name in study.searched if name != "seed" or not study.has_seeds]
    rows: list[list[object]] = []
    for trials in points:
        row: list[object] = [numbers_text(trials)]
        row += [parameter(trials[0].parameters.get(name)) for name in names]
        is_best = study.best is not None and trials is study.best_trials
        status = PointView.of(trials).status
        row += [Cell("best" if is_best else status, strong=is_best)]
        selected = study.mean_value(trials)
        row += [None if selected is None else mean_cell(selected, study.point_deviation(trials))]
        found = spreads(trials)
        for label in labels:
            mean, std = (found.get(f"{label} {what}", math.nan) for what in ("mean", "std"))
            row.append(mean_cell(mean, std))
        rows.append(row)
    head = ["trials", *names, "status", study.objective.title(split)]
    caption = f"Means over {repetitions_text(points[0])}, ± the standard deviation."
    return make_table(caption, [*head, *(f"test {label}" for label in labels)], rows)


def mean_cell(mean: float, deviation: float | None) -> Cell:
    """Return a mean with its standard deviation, which may be missing."""
    known = deviation is not None and math.isfinite(deviation)
    return replace(decimal(mean), spread=deviation if known else None)


def numbers_text(trials: Sequence[TrialRecord]) -> str:
    """Return the numbers of the trials of a point, which follow each other: ``4`` or ``4 to 6``."""
    first, last = trials[0].index + 1, trials[-1].index + 1
    return str(first) if first == last else f"{first} to {last}"


def _status(study: Study, record: TrialRecord) -> Cell:
    is_best = record in study.best_trials
    title = f"after epoch {record.pruned_at}" if record.status == "pruned" else ""
    best = "best point" if study.is_repeated else "best"
    return Cell(best if is_best else record.status, title, strong=is_best)
