"""The tables of the report: what stands in a cell, and what its title tells in full."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from mmrec.reporting.selection import (
    best_cells,
    figure_title,
    higher_is_better,
    is_number,
    levels,
    ranked,
    selected_value,
    value_text,
)
from mmrec.search import Study, TrialRecord

MAX_COLUMNS = 10
"""Trials whose curves are written out; the others stand in trials.jsonl."""
MAX_ROWS = 100
"""Epochs that are written out of a learning curve, roughly."""
_P_VALUE = 0.05
_SPREAD = ("mean", "std", "low", "high")


@dataclass(frozen=True)
class Cell:
    """What stands in a cell."""

    text: str
    title: str = ""
    """All of it, where the text is shortened."""
    kind: Literal["text", "number", "digest", "error"] = "text"
    strong: bool = False
    span: int = 1


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names the row."""

    caption: str
    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return a table of plain values; a column is headed by where its numbers stand."""
    cells = [[cell(value) for value in row] for row in rows]
    kinds = [{c.kind for c in column} for column in zip(*cells, strict=False)]
    heads = [Cell(text) for text in header]
    for place, kind in enumerate(kinds):
        if "number" in kind:
            heads[place] = replace(heads[place], kind="number")
    return Table(caption, heads, cells)


def cell(value: object) -> Cell:
    """Write a value: figures with four decimals, counts with commas, nothing as a dash."""
    if isinstance(value, Cell):
        return value
    if value is None or value is pd.NA:
        return Cell("\N{EN DASH}", "no value", "number")
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        if isinstance(value, numbers.Integral):
            return Cell(f"{int(value):,}", kind="number")
        number = float(value)
        return Cell(f"{number:.4f}", repr(number), "number") if number == number else cell(None)
    return Cell(str(value))


def parameter(value: object) -> Cell:
    """Write a hyper-parameter."""
    text = value_text(value)
    return Cell(
        text, str(value) if str(value) != text else "", "number" if is_number(value) else "text"
    )


def digest(value: str | None) -> Cell:
    """Write a SHA-256 by its first digits."""
    if value is None:
        return replace(cell(None), kind="digest")
    return Cell(f"{value[:8]}…", value, "digest")


def seconds(record: TrialRecord) -> Cell:
    """Write how long a trial took."""
    return Cell(f"{record.seconds:,.1f}", repr(record.seconds), "number")


def p_value(value: float) -> Cell:
    """Write a p-value; strong below 0.05."""
    text = "< 0.0001" if value < 1e-4 else f"{value:.4f}"
    return Cell(text, repr(float(value)), "number", strong=value < _P_VALUE)


def best_models(best: pd.DataFrame, studies: Sequence[Study], split: str) -> Table:
    """Return the test figures of the best trials, the best of each column strong."""
    labels = [str(name) for name in best.columns if "@" in name and " " not in name]
    by_model = {study.plan.name: study for study in studies}
    rows: list[list[object]] = []
    winners = {label: _winner(best[label], label) for label in labels}
    for row in best.to_dict("records"):
        study = by_model.get(row["model"])
        selected = None if study is None or study.best is None else study.plan.select_by
        value = selected and study and study.best and selected_value(study.best, selected)
        figures = [
            replace(cell(row[label]), strong=len(best) > 1 and row[label] == winners[label])
            for label in labels
        ]
        name = Cell(str(row["model"]), str(row["trial"]))
        epoch = study.best.best_epoch if study and study.best else None
        rows.append([name, *figures, cell(selected), cell(value), epoch])
    head = [
        "model",
        *(f"test {x}" for x in labels),
        "selected by",
        f"its {split} value",
        "best epoch",
    ]
    return table("The best trial of each model.", head, rows)


def over_seeds(best: pd.DataFrame) -> Table:
    """Return means and deviations of the models that were run on several folds or seeds."""
    means = [str(name) for name in best.columns if str(name).endswith(" mean")]
    over = [what for what in ("folds", "seeds") if what in best]
    rows: list[list[object]] = []
    for row in best.to_dict("records"):
        counts = [row.get(what, math.nan) for what in over]
        if all(map(math.isnan, counts)):  # a model of one seed
            continue
        figures = []
        for name in means:
            mean, std, low, high = (row[name.replace(" mean", f" {x}")] for x in _SPREAD)
            text = f"{mean:.4f} \N{PLUS-MINUS SIGN} {std:.4f}"
            figures.append(Cell(text, f"95 % interval: {low:.4f} to {high:.4f}", "number"))
        told = [cell(None) if math.isnan(n) else int(n) for n in counts]
        rows.append([str(row["model"]), *told, *figures])
    head = ["model", *over, *(f"test {name.removesuffix(' mean')}" for name in means)]
    return table("Mean and standard deviation over the trials of the best point.", head, rows)


def _winner(values: pd.Series[float], label: str) -> float:
    return float(values.max() if higher_is_better(label) else values.min())


def p_values(name: str, pairs: pd.DataFrame, studies: Sequence[Study]) -> Table:
    """Return a row for each pair of models and a column for each metric."""
    called = {study.best.name: study.plan.name for study in studies if study.best is not None}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for pair in pairs.to_dict("records"):
        a, b = str(pair["model_a"]), str(pair["model_b"])
        if (b, a) not in found:  # the table has each pair in either order
            found.setdefault((a, b), {})[str(pair["metric"])] = float(pair["p_value"])
    metrics = list(dict.fromkeys(str(metric) for metric in pairs["metric"]))
    rows = [
        [f"{called.get(a, a)} and {called.get(b, b)}"]
        + [p_value(p[m]) if m in p else cell(None) for m in metrics]
        for (a, b), p in found.items()
    ]
    for key, words in (("paired_ttest", "Paired t-test"), ("wilcoxon_test", "Wilcoxon test")):
        name = name.replace(key, words)
    return table(f"{name}: p-values.", ["models", *metrics], rows)


def splits(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """Return the rows of each split; a column for each reason that some were dropped for."""
    reasons = {
        "duplicates": "dropped: repeated",
        "without_features": "dropped: item without features",
        "unknown_users": "dropped: user not in training",
        "cold_items": "kept, but item not in training",
        "trained_pairs": "kept, but pair in training",
    }
    shown = [key for key in reasons if any(split.get(key) for split in counts.values())]
    order = [*dict.fromkeys(["train", "validation", "test", *counts])]
    rows = [
        [name, split["rows_read"], *(split.get(key, 0) for key in shown), split["rows_kept"]]
        for name in order
        if (split := counts.get(name)) is not None
    ]
    head = ["split", "rows read", *(reasons[key] for key in shown), "rows kept"]
    return table("Interactions of each split.", head, rows)


def trials(study: Study, split: str) -> Table:
    """Return all trials of a model, what was searched first."""
    plan, records = study.plan, study.records
    varied = searched(study)
    tested = list(dict.fromkeys(label for record in records for label in record.test))
    # Without a validation split the selected figure is one of the test figures: once is enough.
    selected = [] if split == "test" and plan.select_by in tested else [plan.select_by]
    head = ["trial", *varied, "status", *(figure_title(label, split) for label in selected)]
    head += [*(f"test {label}" for label in tested), "best epoch", "seconds", "weights", "lists"]
    width = len(selected) + len(tested) + 1
    rows = []
    for record in records:
        row: list[object] = [Cell(str(record.index + 1), record.name)]
        row += [parameter(record.parameters.get(name)) for name in varied]
        if record.status == "failed":
            told = Cell(record.error or "no message", kind="error", span=width)
            row += [Cell("failed", kind="error"), told, seconds(record), digest(None), digest(None)]
        else:
            is_best = study.best is not None and record.trial_id == study.best.trial_id
            ended = f"after epoch {record.pruned_at}" if record.status == "pruned" else ""
            row += [Cell("best" if is_best else record.status, ended, strong=is_best)]
            row += [selected_value(record, label) for label in selected]
            row += [*(record.test.get(label) for label in tested), record.best_epoch]
            row += [seconds(record), digest(record.weights_sha256), digest(record.lists_sha256)]
        rows.append(row)
    return table(f"All trials of {plan.name}, in order.", head, rows)


def searched(study: Study) -> list[str]:
    """Return the hyper-parameters that were searched, then others that differ between trials."""
    records = study.records
    names = dict.fromkeys(study.plan.searched)
    names |= dict.fromkeys(name for record in records for name in record.parameters)
    return [n for n in names if n in study.plan.searched or len(levels(records, n)) > 1]


def fixed(study: Study) -> dict[str, str]:
    """Return the hyper-parameters that all trials share."""
    varied = searched(study)
    shared = study.records[0].parameters if study.records else {}
    return {name: value_text(value) for name, value in shared.items() if name not in varied}


def curves(records: Sequence[TrialRecord], label: str, select_by: str, split: str) -> Table:
    """Return loss and held-out figure of the evaluated epochs, the best trial first."""
    shown = ranked(records, select_by)[:MAX_COLUMNS]
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


def grid(
    records: Sequence[TrialRecord], parameters: tuple[str, str], label: str, split: str
) -> Table:
    """Return the data of a heatmap."""
    across, down = (levels(records, name) for name in parameters)
    values = best_cells(records, parameters, label)
    rows: list[list[object]] = [
        [value_text(y), *(values.get((repr(x), repr(y))) for x in across)] for y in down
    ]
    head = [f"{parameters[1]} \\ {parameters[0]}", *map(value_text, across)]
    return table(
        f"{figure_title(label, split)} by {parameters[0]} (across) and {parameters[1]} (down).",
        head,
        rows,
    )


def points(records: Sequence[TrialRecord], name: str, label: str, split: str) -> Table:
    """Return the data of a scatter plot."""
    rows = [
        [
            str(record.index + 1),
            parameter(record.parameters.get(name)),
            Cell("failed", kind="number")
            if record.status == "failed"
            else selected_value(record, label),
        ]
        for record in records
    ]
    return table(f"Trials by {name}.", ["trial", name, figure_title(label, split)], rows)
