"""All trials of one model."""

from __future__ import annotations

from mmrec.reporting.table import (
    Cell,
    ReportTable,
    digest,
    make_table,
    mebibytes,
    parameter,
    seconds,
)
from mmrec.runs.records import TrialRecord
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
    """Return the trials that have a value: the selected one, then the others, best first.

    The selected trial need not have the best value: over folds and seeds, means are compared.
    """
    best = study.best
    return sorted(study.ranked, key=lambda x: best is not None and x.trial_id != best.trial_id)


def _status(study: Study, record: TrialRecord) -> Cell:
    is_best = study.best is not None and record.trial_id == study.best.trial_id
    title = f"after epoch {record.pruned_at}" if record.status == "pruned" else ""
    return Cell("best" if is_best else record.status, title, strong=is_best)
