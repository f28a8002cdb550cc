"""The tables of one model: its trials, and the data of its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmrec.reporting.selection import told_parts
from mmrec.reporting.table import Cell, Table, digest, mebibytes, parameter, seconds, table
from mmrec.runs.records import TrialRecord
from mmrec.runs.study import Study
from mmrec.text import value_text

MAX_COLUMNS = 10
"""Trials whose curves are written out; the others stand in trials.jsonl."""
MAX_ROWS = 100
"""Epochs that are written out of a learning curve, roughly."""


def trials(study: Study, split: str) -> Table:
    """Return all trials of a model, what was searched first."""
    records, varied = study.records, study.searched
    tested = list(dict.fromkeys(label for record in records for label in record.test))
    # Without a validation split the selected figure is one of the test figures: once is enough.
    is_listed = split == "test" and study.objective.label in tested
    selected = [] if is_listed else [study.objective.title(split)]
    head = ["trial", *varied, "status", *selected]
    head += [
        *(f"test {label}" for label in tested),
        "best epoch",
        "seconds",
        "MiB",
        "weights",
        "lists",
    ]
    width = len(selected) + len(tested) + 1
    rows = []
    for record in records:
        row: list[object] = [Cell(str(record.index + 1), record.name)]
        row += [parameter(record.parameters.get(name)) for name in varied]
        if record.status == "failed":
            told = Cell(record.error or "no message", kind="error", span=width)
            row += [Cell("failed", kind="error"), told, seconds(record.seconds)]
            row += [mebibytes(None), digest(None), digest(None)]
        else:
            is_best = study.best is not None and record.trial_id == study.best.trial_id
            ended = f"after epoch {record.pruned_at}" if record.status == "pruned" else ""
            row += [Cell("best" if is_best else record.status, ended, strong=is_best)]
            row += [study.value(record) for _ in selected]
            row += [*(record.test.get(label) for label in tested), record.best_epoch]
            row += [seconds(record.seconds), mebibytes(record.peak_bytes)]
            row += [digest(record.weights_sha256), digest(record.lists_sha256)]
        rows.append(row)
    return table(f"All trials of {study.name}, in order.", head, rows)


def curves(study: Study, label: str, split: str) -> Table:
    """Return loss and held-out figure of the evaluated epochs, the best trial first."""
    shown = study.ranked[:MAX_COLUMNS]
    by_epoch: dict[int, dict[int, Mapping[str, Any]]] = {}
    for place, record in enumerate(shown):
        for evaluated in record.history:
            by_epoch.setdefault(evaluated["epoch"], {})[place] = evaluated
    step = math.ceil(len(by_epoch) / MAX_ROWS) or 1
    epochs = sorted({*sorted(by_epoch)[::step], *(r.best_epoch for r in shown[:1] if r.best_epoch)})
    head = ["epoch"]
    for record in shown:
        head += [f"trial {record.index + 1}, loss", f"trial {record.index + 1}, {split} {label}"]
    rows = []
    for epoch in epochs:
        row: list[object] = [str(epoch)]
        for place in range(len(shown)):
            entry: Mapping[str, Any] = by_epoch[epoch].get(place, {})
            row += [entry.get("loss"), entry.get("validation", {}).get(label)]
        rows.append(row)
    more = f" of the {len(shown)} best trials" if len(shown) > 1 else ""
    caption = f"Loss and {split} {label} of evaluated epochs{more}. All are in trials.jsonl."
    return table(caption, head, rows)


def grid(study: Study, parameters: tuple[str, str], split: str) -> Table:
    """Return the data of a heatmap."""
    across, down = map(study.levels, parameters)
    values = study.best_values(*parameters)
    rows: list[list[object]] = [
        [value_text(y), *(values.get((repr(x), repr(y))) for x in across)] for y in down
    ]
    head = [f"{parameters[1]} \\ {parameters[0]}", *map(value_text, across)]
    return table(
        f"{study.objective.title(split)} by {parameters[0]} (across) and {parameters[1]} (down).",
        head,
        rows,
    )


def points(study: Study, name: str, split: str) -> Table:
    """Return the data of a scatter plot."""
    rows = [
        [
            str(record.index + 1),
            parameter(record.parameters.get(name)),
            Cell("failed", kind="number") if record.status == "failed" else study.value(record),
        ]
        for record in study.records
    ]
    return table(f"Trials by {name}.", ["trial", name, study.objective.title(split)], rows)


def coordinates(study: Study, names: Sequence[str], split: str) -> Table:
    """Return the data of parallel coordinates, the best trial first."""
    rows = [
        [
            str(record.index + 1),
            *(parameter(record.parameters.get(name)) for name in names),
            study.value(record),
        ]
        for record in study.ranked
    ]
    title = study.objective.title(split)
    return table("Trials, the best first.", ["trial", *names, title], rows)


def told(record: TrialRecord, quantity: str) -> Table:
    """Return the data of what a model told of itself."""
    parts = told_parts(record, quantity)
    epochs = sorted({epoch for values in parts.values() for epoch in values})
    rows = [[str(epoch), *(values.get(epoch) for values in parts.values())] for epoch in epochs]
    name = quantity.replace("_", " ")
    return table(f"{name} of trial {record.index + 1} by epoch.", ["epoch", *parts], rows)
